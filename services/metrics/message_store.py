"""SQL of the list of follow-ups: each page reads at most so many rows along one index, whatever is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from services.metrics.domain.projection import Projection
from services.metrics.store import projection_of
from services.metrics.tables import NOT_DELIVERED, follow_ups
from shared.db.transaction import Transaction
from shared.ids import MerchantId, RecipientId, first_id
from shared.vocabulary.follow_up_states import FollowUpState

_table = follow_ups.c
_STORED_AS = {FollowUpState.UNCONFIRMED: FollowUpState.DISPATCHED}
"""A state that is none of a row: it follows from another and the time."""


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which follow-ups are wanted; None: any."""

    state: FollowUpState | None = None
    reason: str | None = None
    flow: str | None = None
    number: str | None = None
    provider: str | None = None
    since: datetime | None = None
    """Planned from then on."""
    until: datetime | None = None
    """Planned before then."""


@dataclass(frozen=True, slots=True)
class MessageScope:
    """Whose follow-ups are searched for what."""

    merchant: MerchantId
    recipient: RecipientId | None
    wanted: MessageFilter
    unconfirmed_before: datetime
    """A dispatch without a receipt since then is unconfirmed."""


async def page(db: Transaction, scope: MessageScope, before: UUID | None, limit: int, most: int) -> list[Projection]:
    """Return the newest wanted follow-ups before an id, of the `most` that are looked at."""
    near = _walked(scope, before).order_by(_table.follow_up_id.desc()).limit(most).subquery()
    wanted = sa.select(near).where(*_conditions(scope, near.c)).order_by(near.c.follow_up_id.desc()).limit(limit)
    found = [projection_of(row) for row in await db.rows(wanted)]
    return [each for each in found if each.merchant_id == scope.merchant]


async def searched_to(db: Transaction, scope: MessageScope, before: UUID | None, most: int) -> UUID | None:
    """Return the last follow-up that such a page looks at; None if it looks at all there are."""
    walked = _walked(scope, before).with_only_columns(_table.follow_up_id)
    rows = await db.rows(walked.order_by(_table.follow_up_id.desc()).offset(most - 1).limit(2))
    return rows[0]["follow_up_id"] if len(rows) > 1 else None


async def by_id(db: Transaction, merchant: MerchantId, ids: Sequence[UUID]) -> list[Projection]:
    """Return those of these follow-ups that a merchant has, the newest first."""
    found = [projection_of(row) for row in await db.fetch(follow_ups, "follow_up_id", list(ids))]
    mine = [each for each in found if each.merchant_id == merchant]
    return sorted(mine, key=lambda each: each.follow_up_id.int, reverse=True)


def _walked(scope: MessageScope, before: UUID | None) -> sa.Select[tuple[object, ...]]:
    """Return the rows that are looked at, in an order of one index.

    Those of a person by the person alone: with a merchant in the statement SQLite may walk the merchant's history. A
    state other than delivered, which most have, has a partial index; it is used only with the words of its condition.
    """
    whose = _table.merchant_id == scope.merchant if scope.recipient is None else _table.recipient_id == scope.recipient
    walked = sa.select(follow_ups).where(whose)
    state = scope.wanted.state
    if scope.recipient is None and state not in {None, FollowUpState.DELIVERED}:
        walked = walked.where(sa.text(NOT_DELIVERED), _table.state == _STORED_AS.get(state, state))
    if scope.wanted.since is not None:
        walked = walked.where(_table.follow_up_id >= first_id(scope.wanted.since))
    if scope.wanted.until is not None:
        walked = walked.where(_table.follow_up_id < first_id(scope.wanted.until))
    return walked if before is None else walked.where(_table.follow_up_id < before)


def _conditions(
    scope: MessageScope, row: sa.ColumnCollection[str, sa.ColumnElement[object]]
) -> list[ColumnElement[bool]]:
    """Return what has to hold of a row that is looked at."""
    wanted = scope.wanted
    equal = {
        "state": _STORED_AS.get(wanted.state, wanted.state) if wanted.state else None,
        "reason": wanted.reason,
        "flow": wanted.flow,
        "sender_number": wanted.number,
        "provider": wanted.provider,
    }
    conditions: list[ColumnElement[bool]] = [row[name] == value for name, value in equal.items() if value is not None]
    if wanted.state is FollowUpState.UNCONFIRMED:
        conditions.append(row["changed_at"] <= scope.unconfirmed_before)
    if wanted.state is FollowUpState.DISPATCHED:
        conditions.append(row["changed_at"] > scope.unconfirmed_before)
    return conditions
