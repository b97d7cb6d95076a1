"""SQL of metrics: stores facts, projections, orders and sums, and returns them as domain values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.metrics.domain.customer_orders import CustomerOrder, affects_order, apply_trigger, order_id
from services.metrics.domain.facts import fact_body, follow_up_of, restore_event
from services.metrics.domain.projection import NEEDS_ATTENTION, Projection
from services.metrics.domain.rollups import ALWAYS, Measure, RollupKey, nonzero
from services.metrics.tables import customer_orders, facts, follow_ups, rollups
from shared.db.transaction import Row, Transaction
from shared.db.types import Id
from shared.events.envelope import Event
from shared.events.trigger import TriggerReceived
from shared.ids import FollowUpId, MerchantId, RecipientId
from shared.progress import UNANSWERED
from shared.vocabulary.follow_up_states import FollowUpState

_FACTS_ABOUT_A_PERSON = 20
_CLICK = "click.recorded"
_CLICKS_OF_A_STORY = 100
NEWEST_OF_PERSON = (
    sa.select(follow_ups.c.follow_up_id)
    .where(follow_ups.c.recipient_id == sa.bindparam("recipient_id", type_=Id))
    .order_by(follow_ups.c.follow_up_id.desc())
    .limit(sa.bindparam("most"))
)
_INT = attrgetter("int")
"""Sorts ids as they compare themselves, without a call to each."""
_ORDER_FIELDS = CustomerOrder._fields
_PROJECTION_FIELDS = Projection._fields


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact as stored; its event is restored only where it is needed."""

    row: Row

    @property
    def follow_up_id(self) -> FollowUpId | None:
        """The follow-up it concerns, if any."""
        key = self.row["follow_up_id"]
        return FollowUpId(key) if key else None

    @property
    def recorded_at(self) -> datetime:
        """When it was stored."""
        at: datetime = self.row["recorded_at"]
        return at

    @property
    def body(self) -> bytes:
        """The event's JSON without its columns and its encrypted fields."""
        return bytes(self.row["body"])

    def event(self) -> Event:
        """Return the event, its encrypted fields empty."""
        return restore_event(self.row)


async def record_facts(db: Transaction, events: Sequence[Event], at: datetime) -> list[Event]:
    """Store the facts and return those that are new, each once."""
    unique = list({event.event_id: event for event in events}.values())
    is_new = await db.insert_new(
        facts,
        [
            {
                "event_id": event.event_id,
                "type": event.type,
                "merchant_id": event.merchant_id,
                "recipient_id": event.recipient_id,
                "follow_up_id": follow_up_of(event),
                "occurred_at": event.occurred_at,
                "recorded_at": at,
                "body": fact_body(event),
            }
            for event in unique
        ],
    )
    return [event for event, new in zip(unique, is_new, strict=True) if new]


async def load_projections(db: Transaction, ids: Iterable[FollowUpId]) -> dict[FollowUpId, Projection]:
    """Return the projections of these follow-ups."""
    found = await db.fetch(follow_ups, "follow_up_id", list(ids), columns=_PROJECTION_FIELDS)
    return {FollowUpId(row["follow_up_id"]): projection_of(row) for row in found}


async def save_projections(db: Transaction, projections: Sequence[Projection]) -> None:
    """Store projections."""
    await db.upsert(follow_ups, [projection._asdict() for projection in projections])


async def delete_projections(db: Transaction, ids: Sequence[FollowUpId], before: datetime) -> list[Projection]:
    """Delete those of these projections that have not changed since an instant, and return them."""
    table = follow_ups.c
    old = sa.delete(follow_ups).where(table.follow_up_id.in_(ids), table.changed_at < before)
    return [projection_of(row) for row in await db.rows(old.returning(*(table[name] for name in _PROJECTION_FIELDS)))]


async def add_to_rollups(db: Transaction, delta: Counter[RollupKey]) -> None:
    """Add to the sums."""
    await db.upsert(
        rollups, [{**key._asdict(), "value": value} for key, value in sorted(nonzero(delta).items())], add=["value"]
    )


async def record_orders(db: Transaction, events: Iterable[Event]) -> None:
    """Bring the orders up to date with new facts."""
    triggers = [event for event in events if isinstance(event, TriggerReceived) and affects_order(event)]
    named = [(order_id(event.merchant_id, event.subject, event.event_id), event) for event in triggers]
    known = await db.fetch(customer_orders, "order_id", sorted({key for key, _ in named}, key=_INT), lock="update")
    before = {row["order_id"]: _order(row) for row in known}
    after = dict(before)
    for key, event in named:
        after[key] = apply_trigger(after.get(key), event, key)
    changed = [order for order in after.values() if order != before.get(order.order_id)]
    changed.sort(key=lambda order: order.order_id.int)
    await db.upsert(customer_orders, [order._asdict() for order in changed])


def _order(row: Row) -> CustomerOrder:
    values = {name: row[name] for name in _ORDER_FIELDS}
    values["refunded_minor"] = values["refunded_minor"] or 0
    values["refund_currency"] = values["refund_currency"] or ""
    values["is_awaited"] = bool(values["is_awaited"])
    return CustomerOrder(**values)


async def facts_of_follow_ups(db: Transaction, ids: Iterable[FollowUpId]) -> dict[FollowUpId, list[Event]]:
    """Return every fact of these follow-ups."""
    found: dict[FollowUpId, list[Event]] = {}
    for row in await db.fetch(facts, "follow_up_id", list(ids)):
        found.setdefault(FollowUpId(row["follow_up_id"]), []).append(restore_event(row))
    return found


async def facts_by_id(db: Transaction, ids: Iterable[UUID]) -> list[Event]:
    """Return these facts."""
    return [restore_event(row) for row in await db.fetch(facts, "event_id", list(ids))]


async def newest_of_person(db: Transaction, recipient: RecipientId, most: int) -> list[FollowUpId]:
    """Return the newest follow-ups to a person."""
    found = await db.rows(NEWEST_OF_PERSON, {"recipient_id": recipient, "most": most})
    return [FollowUpId(row["follow_up_id"]) for row in found]


async def facts_of_story(db: Transaction, follow_up_id: FollowUpId) -> list[Event]:
    """Return the facts of a follow-up, and of the clicks, of which a stranger can make two a minute, the newest."""
    clicks = await newest_facts_of(db, [follow_up_id], [_CLICK], _CLICKS_OF_A_STORY)
    rest = sa.select(facts).where(facts.c.follow_up_id == follow_up_id, facts.c.type != _CLICK)
    return [*(restore_event(row) for row in await db.rows(rest)), *clicks]


async def newest_facts_of(
    db: Transaction, follow_ups_of: Sequence[FollowUpId], kinds: Iterable[str], most: int
) -> list[Event]:
    """Return the newest facts of some types about these follow-ups; strangers who click a link all day make no more."""
    found = (
        sa.select(facts)
        .where(facts.c.follow_up_id.in_(follow_ups_of), facts.c.type.in_(sorted(kinds)))
        .order_by(facts.c.occurred_at.desc(), facts.c.event_id.desc())
        .limit(most)
    )
    return [restore_event(row) for row in await db.rows(found)]


async def facts_about(
    db: Transaction, recipient_id: UUID, kinds: Sequence[str], most: int = _FACTS_ABOUT_A_PERSON
) -> list[Event]:
    """Return the newest facts of some types that concern a person rather than a follow-up.

    Selected by the person alone and sorted here: with an order or a merchant in the statement SQLite walks the
    merchant's whole history instead of the small index.
    """
    found = await db.rows(sa.select(facts).where(facts.c.recipient_id == recipient_id, facts.c.follow_up_id.is_(None)))
    wanted = [row for row in found if row["type"] in kinds]
    newest = sorted(wanted, key=lambda row: row["occurred_at"], reverse=True)[:most]
    return [restore_event(row) for row in newest]


async def facts_page(
    db: Transaction,
    merchant: MerchantId,
    *,
    since: datetime,
    until: datetime,
    kinds: Sequence[str],
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[StoredFact]:
    """Return the facts of [since, until) by time and id, starting after `after`."""
    statement = sa.select(facts).where(
        facts.c.merchant_id == merchant, facts.c.occurred_at >= since, facts.c.occurred_at < until
    )
    if kinds:
        statement = statement.where(facts.c.type.in_(kinds))
    if after is not None:
        at, event_id = after
        statement = statement.where(
            facts.c.occurred_at >= at,
            sa.or_(facts.c.occurred_at > at, facts.c.event_id > event_id),
        )
    rows = await db.rows(statement.order_by(facts.c.occurred_at, facts.c.event_id).limit(limit))
    return [StoredFact(row) for row in rows]


async def newest_facts(db: Transaction, merchant: MerchantId, limit: int) -> list[Event]:
    """Return the newest facts, newest first."""
    rows = await db.rows(
        sa.select(facts).where(facts.c.merchant_id == merchant).order_by(facts.c.occurred_at.desc()).limit(limit)
    )
    return [restore_event(row) for row in rows]


async def needing_attention(db: Transaction, merchant: MerchantId, limit: int) -> list[Projection]:
    """Return the follow-ups that are unknown, blocked or failed, newest first."""
    found = await db.rows(
        sa.select(follow_ups)
        .where(
            follow_ups.c.merchant_id == merchant,
            # Written out, because the partial index is not used with parameters.
            sa.text(f"state IN ({', '.join(repr(str(state)) for state in NEEDS_ATTENTION)})"),
        )
        .order_by(follow_ups.c.changed_at.desc())
        .limit(limit)
    )
    return [projection_of(row) for row in found]


async def waiting(db: Transaction, merchant: MerchantId, limit: int) -> list[Projection]:
    """Return the follow-ups whose provider call is not concluded: unanswered calls first, then the newest."""
    is_unanswered = follow_ups.c.reason == UNANSWERED
    found = await db.rows(
        sa.select(follow_ups)
        .where(
            follow_ups.c.merchant_id == merchant,
            follow_ups.c.waits_until.is_not(None),
            follow_ups.c.changed_at > ALWAYS,  # true of each: by it the partial index is preferred to one of all texts
        )
        .order_by(is_unanswered.desc(), follow_ups.c.changed_at.desc())
        .limit(limit)
    )
    return [projection_of(row) for row in found]


async def sums(
    db: Transaction,
    merchant: MerchantId,
    since: datetime,
    until: datetime,
    by: Sequence[str] = (),
    flow: str | None = None,
) -> list[Row]:
    """Return the sums of [since, until) by measure, detail and the columns in `by`; of one flow if it is named."""
    columns = [rollups.c.measure, rollups.c.detail, *(rollups.c[name] for name in by)]
    wanted = sa.select(*columns, sa.func.sum(rollups.c.value).label("value")).where(
        rollups.c.merchant_id == merchant, rollups.c.hour >= since, rollups.c.hour < until
    )
    if flow is not None:
        wanted = wanted.where(rollups.c.flow == flow)
    return await db.rows(wanted.group_by(*columns))


async def states(db: Transaction, merchant: MerchantId) -> dict[FollowUpState, int]:
    """Return how many follow-ups are in each state now."""
    found = await sums(db, merchant, ALWAYS, ALWAYS.replace(year=ALWAYS.year + 1))
    return {FollowUpState(row["detail"]): int(row["value"]) for row in found if row["measure"] == Measure.IN_STATE}


async def all_rollups(db: Transaction, merchant: MerchantId) -> Counter[RollupKey]:
    """Return every sum of a merchant, to compare with a rebuild."""
    found = await db.rows(sa.select(rollups).where(rollups.c.merchant_id == merchant))
    return nonzero(Counter({RollupKey(*(row[name] for name in RollupKey._fields)): int(row["value"]) for row in found}))


def projection_of(row: Mapping[str, Any]) -> Projection:
    """Return the projection that a row holds."""
    values = {name: row[name] for name in _PROJECTION_FIELDS}
    values["state"] = FollowUpState(values["state"])
    values["is_engaged"] = bool(values["is_engaged"])
    return Projection(**values)
