"""Parked events: those that could not be handled, and those of the same recipient that wait behind them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from shared.bus import instruments
from shared.bus.port import Message, Partition
from shared.bus.router import Router
from shared.db.system_tables import SystemTables
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, Undecodable, describe
from shared.events.envelope import decode
from shared.events.topics import Topic
from shared.ids import RecipientId

MOST_COUNTED: Final = 1000
"""How far parked events are counted for a list."""
BEHIND: Final = "behind a parked event"
"""The reason of an event that did not fail itself."""
_REASON_CHARACTERS = 500
_NO_TOPIC = Partition("", 0)


class NotDiscardable(Fault):
    """An event about consent or rights is handled or stays: nobody may drop what somebody asked for."""

    code = "not_discardable"


def row(message: Message, merchant_id: str, reason: str, now: datetime) -> dict[str, Any]:
    """Return the row that parks a message; personal data in bodies is sealed."""
    return {
        "recipient_id": message.recipient_id,
        "merchant_id": merchant_id,
        "topic": message.partition.topic,
        "type": message.type,
        "body": message.body,
        "reason": reason[:_REASON_CHARACTERS],
        "parked_at": now,
    }


async def set_aside(
    uow: UnitOfWork, system_tables: SystemTables, kind: str, whose: Row, body: bytes, reason: str
) -> None:
    """Park work of a loop that could not be done and no event describes: its recipient's later events wait behind it.

    Args:
        uow: commits it.
        system_tables: of the service.
        kind: the name under which the service's router registered the work.
        whose: a row that holds `merchant_id` and `recipient_id`.
        body: ids alone, no personal data.
        reason: why it could not be done.
    """
    message = Message(_NO_TOPIC, 0, kind, whose["recipient_id"], body)
    await uow.db.insert(system_tables.parked, [row(message, whose["merchant_id"], reason, uow.now)])
    instruments.PARKED.labels(system_tables.service).inc()


async def recipients(
    transaction: Transaction, system_tables: SystemTables, asked: Sequence[RecipientId]
) -> set[RecipientId]:
    """Return which of these recipients have something parked."""
    if not await transaction.rows(_anything(system_tables.parked)):
        return set()
    found = await transaction.fetch(system_tables.parked, "recipient_id", asked, columns=("recipient_id",))
    return {RecipientId(entry["recipient_id"]) for entry in found}


@lru_cache(maxsize=16)
def _anything(table: sa.Table) -> sa.Select[tuple[int]]:
    """Return the query whether anything is parked; it runs in every unit, so it is built once."""
    return sa.select(table.c.id).limit(1)


async def counts(transaction: Transaction, system_tables: SystemTables) -> dict[str, int]:
    """Return how many events a service has parked of each merchant; events of no merchant under an empty name."""
    table = system_tables.parked
    grouped = sa.select(table.c.merchant_id, sa.func.count().label("parked")).group_by(table.c.merchant_id)
    return {str(row["merchant_id"]): int(row["parked"]) for row in await transaction.rows(grouped)}


class HandOver(StrEnum):
    """What became of a parked event that was to be handled again."""

    PROCESSED = "processed"
    FAILED = "failed"
    """It failed again, and stays."""
    BEHIND = "behind"
    """An earlier event of its recipient is still parked: order is kept."""
    GONE = "gone"
    """Somebody was faster."""


class Redriven(NamedTuple):
    """A parked event, and what became of it."""

    id: int
    outcome: HandOver
    reason: str | None = None
    """Why it failed."""


Note = Callable[[UnitOfWork, Row], None]
"""Called in the unit in which a parked event is handled."""


async def page(
    db: Transaction, system_tables: SystemTables, merchant: str, after: int, most: int, recipient: UUID | None = None
) -> list[Row]:
    """Return a merchant's parked events after another one, the oldest first; of one recipient, if one is named."""
    table = system_tables.parked
    wanted = sa.select(table).where(table.c.merchant_id == merchant, table.c.id > after)
    if recipient is not None:
        wanted = wanted.where(table.c.recipient_id == recipient)
    return await db.rows(wanted.order_by(table.c.id).limit(most))


async def count(db: Transaction, system_tables: SystemTables, merchant: str) -> int:
    """Return how many events of a merchant are parked, at most `MOST_COUNTED`."""
    table = system_tables.parked
    found = sa.select(table.c.id).where(table.c.merchant_id == merchant).limit(MOST_COUNTED).subquery()
    [row] = await db.rows(sa.select(sa.func.count().label("n")).select_from(found))
    return int(row["n"])


async def redrive(units: UnitOfWorkRunner, system_tables: SystemTables, router: Router) -> tuple[int, int]:
    """Handle all parked events in order, recipient by recipient; return how many were handled and how many stay.

    A recipient whose event fails again keeps it and everything behind it parked.
    """
    table = system_tables.parked
    listed = await units.read(lambda tx: tx.rows(sa.select(table.c.id).order_by(table.c.id)))
    done = [await hand_over(units, system_tables, router, entry["id"]) for entry in listed]
    gone = sum(each.outcome in {HandOver.PROCESSED, HandOver.GONE} for each in done)
    return gone, len(listed) - gone


async def hand_over(
    units: UnitOfWorkRunner, system_tables: SystemTables, router: Router, key: int, note: Note | None = None
) -> Redriven:
    """Handle one parked event, whether or not the service runs: nothing of its recipient passes it meanwhile.

    What fails again stays, with its reason and one attempt more; it keeps no other recipient's events.

    Raises:
        Fault: nothing can be stored or handled now; retryable, and the event stays as it was.
    """
    work = partial(_hand_over, system_tables=system_tables, router=router, key=key, note=note)
    try:
        return Redriven(key, await units.run(work, WritePriority.BATCHES))
    except Exception as problem:
        if isinstance(problem, Fault) and problem.retryable:
            raise
        reason = describe(problem)
    await units.run(partial(_note_failed, table=system_tables.parked, key=key, reason=reason), WritePriority.BATCHES)
    return Redriven(key, HandOver.FAILED, reason)


async def _hand_over(
    uow: UnitOfWork, *, system_tables: SystemTables, router: Router, key: int, note: Note | None
) -> HandOver:
    """Handle one parked event and delete its row in the same unit.

    Raises:
        Undecodable: the handler set it aside again; the unit is rolled back and the row stays.
    """
    table = system_tables.parked
    found = await uow.db.fetch(table, "id", [key], lock="update")
    if not found:
        return HandOver.GONE
    [entry] = found
    before = sa.select(table.c.id).where(table.c.recipient_id == entry["recipient_id"], table.c.id < key).limit(1)
    if await uow.db.rows(before):
        return HandOver.BEHIND
    if (take_again := router.works.get(entry["type"])) is not None:
        await take_again(bytes(entry["body"]), uow)
    else:
        await router.handle([decode(router.kinds[entry["type"]], bytes(entry["body"]))], uow)
        if uow.set_aside_events:
            raise Undecodable("; ".join(why for _event, why in uow.set_aside_events))
    await uow.db.delete(table, "id", [key])
    if note is not None:
        note(uow, entry)
    return HandOver.PROCESSED


async def _note_failed(uow: UnitOfWork, *, table: sa.Table, key: int, reason: str) -> None:
    """Store that a parked event failed again."""
    for entry in await uow.db.fetch(table, "id", [key], lock="update", columns=("attempts",)):
        attempts, short = entry["attempts"] + 1, reason[:_REASON_CHARACTERS]
        await uow.db.change(table, [{"id": key, "reason": short, "attempts": attempts, "tried_at": uow.now}])


async def discard(uow: UnitOfWork, system_tables: SystemTables, merchant: str, keys: Sequence[int]) -> list[Row]:
    """Delete parked events of a merchant without handling them, and return those that were there.

    Raises:
        NotDiscardable: one may be somebody's withdrawal or request; nothing is deleted.
    """
    table = system_tables.parked
    found = [
        row for row in await uow.db.fetch(table, "id", sorted(keys), lock="update") if row["merchant_id"] == merchant
    ]
    if any(row["topic"] == Topic.CONSENTS for row in found):
        raise NotDiscardable
    await uow.db.delete(table, "id", [row["id"] for row in found])
    return sorted(found, key=lambda row: row["id"])
