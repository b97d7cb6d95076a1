"""SQL of metrics: facts in, sums out; rows become domain values here and nowhere else."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.metrics.domain.facts import follow_up_of, open_body, revived
from services.metrics.domain.order_book import BookedOrder, concerns_an_order, joined, order_id
from services.metrics.domain.projection import TROUBLED, Projection
from services.metrics.domain.tally import ALWAYS, Cell, Measure, nonzero
from services.metrics.tables import customer_orders, facts, follow_ups, rollups
from shared.db.transaction import Row, Transaction
from shared.events.envelope import Event
from shared.events.trigger import TriggerReceived
from shared.ids import FollowUpId, MerchantId
from shared.progress import UNANSWERED
from shared.vocabulary.follow_up_states import FollowUpState

_FACTS_ABOUT_A_PERSON = 20
_INT = attrgetter("int")
"""Sorts ids as they compare themselves, without asking them."""
_ORDER_FIELDS = BookedOrder._fields
_STANDING_FIELDS = Projection._fields


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
                "body": open_body(event),
            }
            for event in unique
        ],
    )
    return [event for event, new in zip(unique, is_new, strict=True) if new]


async def standings_of(db: Transaction, ids: Iterable[FollowUpId]) -> dict[FollowUpId, Projection]:
    """Return where these follow-ups stand."""
    found = await db.fetch(follow_ups, "follow_up_id", list(ids), columns=_STANDING_FIELDS)
    return {FollowUpId(row["follow_up_id"]): _standing(row) for row in found}


async def save_standings(db: Transaction, standings: Sequence[Projection]) -> None:
    """Keep where follow-ups stand."""
    await db.upsert(follow_ups, [each._asdict() for each in standings])


async def forget_standings(db: Transaction, ids: Sequence[FollowUpId], before: datetime) -> list[Projection]:
    """Delete where these follow-ups stand, those of which nothing was heard since an instant, and return them."""
    table = follow_ups.c
    old = sa.delete(follow_ups).where(table.follow_up_id.in_(ids), table.changed_at < before)
    return [_standing(row) for row in await db.rows(old.returning(*(table[name] for name in _STANDING_FIELDS)))]


async def add_to_rollups(db: Transaction, delta: Counter[Cell]) -> None:
    """Add to the sums."""
    await db.upsert(
        rollups, [{**cell._asdict(), "value": value} for cell, value in sorted(nonzero(delta).items())], add=["value"]
    )


async def record_orders(db: Transaction, events: Iterable[Event]) -> None:
    """Bring the book of orders up to date with new facts."""
    news = [event for event in events if isinstance(event, TriggerReceived) and concerns_an_order(event)]
    named = [(order_id(event.merchant_id, event.subject, event.event_id), event) for event in news]
    known = await db.fetch(customer_orders, "order_id", sorted({key for key, _ in named}, key=_INT), lock="update")
    before = {row["order_id"]: _order(row) for row in known}
    after = dict(before)
    for key, event in named:
        after[key] = joined(after.get(key), event, key)
    changed = [order for order in after.values() if order != before.get(order.order_id)]
    changed.sort(key=lambda order: order.order_id.int)
    await db.upsert(customer_orders, [order._asdict() for order in changed])


def _order(row: Row) -> BookedOrder:
    values = {name: row[name] for name in _ORDER_FIELDS}
    values["refunded_minor"] = values["refunded_minor"] or 0
    values["refund_currency"] = values["refund_currency"] or ""
    values["is_awaited"] = bool(values["is_awaited"])
    return BookedOrder(**values)


async def facts_of(db: Transaction, ids: Iterable[FollowUpId]) -> dict[FollowUpId, list[Event]]:
    """Return every fact of these follow-ups."""
    told: dict[FollowUpId, list[Event]] = {}
    for row in await db.fetch(facts, "follow_up_id", list(ids)):
        told.setdefault(FollowUpId(row["follow_up_id"]), []).append(event_of(row))
    return told


async def facts_by_id(db: Transaction, ids: Iterable[UUID]) -> list[Row]:
    """Return the rows of these facts."""
    return await db.fetch(facts, "event_id", list(ids))


async def story_of(db: Transaction, follow_up_id: FollowUpId) -> list[Row]:
    """Return the rows of one follow-up's facts."""
    return await db.fetch(facts, "follow_up_id", [follow_up_id])


async def facts_about(db: Transaction, recipient_id: UUID, kinds: Sequence[str]) -> list[Row]:
    """Return the newest facts of some types about a person rather than a text.

    Asked for by the person alone and sorted here: with an order or a merchant in the statement SQLite walks the
    merchant's whole history instead of the small index.
    """
    found = await db.rows(sa.select(facts).where(facts.c.recipient_id == recipient_id, facts.c.follow_up_id.is_(None)))
    wanted = [row for row in found if row["type"] in kinds]
    return sorted(wanted, key=lambda row: row["occurred_at"], reverse=True)[:_FACTS_ABOUT_A_PERSON]


async def facts_page(
    db: Transaction,
    merchant: MerchantId,
    *,
    since: datetime,
    until: datetime,
    kinds: Sequence[str],
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Row]:
    """Return facts of [since, until) by time and id, from past `after`."""
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
    return await db.rows(statement.order_by(facts.c.occurred_at, facts.c.event_id).limit(limit))


async def newest_facts(db: Transaction, merchant: MerchantId, limit: int) -> list[Row]:
    """Return what happened last, newest first."""
    return await db.rows(
        sa.select(facts).where(facts.c.merchant_id == merchant).order_by(facts.c.occurred_at.desc()).limit(limit)
    )


async def troubled(db: Transaction, merchant: MerchantId, limit: int) -> list[Projection]:
    """Return the follow-ups somebody should look at, newest first."""
    found = await db.rows(
        sa.select(follow_ups)
        .where(
            follow_ups.c.merchant_id == merchant,
            # Written out, or the partial index is not used.
            sa.text(f"state IN ({', '.join(repr(str(state)) for state in TROUBLED)})"),
        )
        .order_by(follow_ups.c.changed_at.desc())
        .limit(limit)
    )
    return [_standing(row) for row in found]


async def waiting(db: Transaction, merchant: MerchantId, limit: int) -> list[Projection]:
    """Return the follow-ups whose call was made and is not over, those without an answer first, then the newest."""
    is_unanswered = follow_ups.c.reason == UNANSWERED
    found = await db.rows(
        sa.select(follow_ups)
        .where(follow_ups.c.merchant_id == merchant, follow_ups.c.waits_until.is_not(None))
        .order_by(is_unanswered.desc(), follow_ups.c.changed_at.desc())
        .limit(limit)
    )
    return [_standing(row) for row in found]


async def sums(
    db: Transaction, merchant: MerchantId, since: datetime, until: datetime, by: Sequence[str] = ()
) -> list[Row]:
    """Return the sums of [since, until) by measure, detail and the columns in `by`."""
    columns = [rollups.c.measure, rollups.c.detail, *(rollups.c[name] for name in by)]
    return await db.rows(
        sa.select(*columns, sa.func.sum(rollups.c.value).label("value"))
        .where(rollups.c.merchant_id == merchant, rollups.c.hour >= since, rollups.c.hour < until)
        .group_by(*columns)
    )


async def states(db: Transaction, merchant: MerchantId) -> dict[FollowUpState, int]:
    """Return how many follow-ups stand in each state now."""
    found = await sums(db, merchant, ALWAYS, ALWAYS.replace(year=ALWAYS.year + 1))
    return {FollowUpState(row["detail"]): int(row["value"]) for row in found if row["measure"] == Measure.IN_STATE}


async def all_rollups(db: Transaction, merchant: MerchantId) -> Counter[Cell]:
    """Return every sum of a merchant, to compare with a rebuild."""
    found = await db.rows(sa.select(rollups).where(rollups.c.merchant_id == merchant))
    return nonzero(Counter({Cell(*(row[name] for name in Cell._fields)): int(row["value"]) for row in found}))


def event_of(row: Row) -> Event:
    """Return the event a fact was made from, its sealed parts empty."""
    return revived(
        row["type"],
        bytes(row["body"]),
        event_id=row["event_id"],
        merchant_id=row["merchant_id"],
        recipient_id=row["recipient_id"],
        follow_up_id=row["follow_up_id"],
        occurred_at=row["occurred_at"],
    )


def _standing(row: Mapping[str, Any]) -> Projection:
    values = {name: row[name] for name in _STANDING_FIELDS}
    values["state"] = FollowUpState(values["state"])
    values["is_engaged"] = bool(values["is_engaged"])
    return Projection(**values)
