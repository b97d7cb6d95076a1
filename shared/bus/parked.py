"""Parked events: those that could not be handled, and those of the same recipient that wait behind them."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa

from shared.bus import instruments
from shared.bus.port import Message, Partition
from shared.bus.router import Router
from shared.db.system_tables import SystemTables
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Undecodable
from shared.events.envelope import decode
from shared.ids import RecipientId

_REASON_CHARACTERS = 500
_NO_TOPIC = Partition("", 0)


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


async def redrive(units: UnitOfWorkRunner, system_tables: SystemTables, router: Router) -> tuple[int, int]:
    """Handle parked events in order, recipient by recipient; return how many were handled and how many stay.

    A recipient whose event fails again keeps it and everything behind it parked.
    """
    table = system_tables.parked
    listed = await units.read(lambda tx: tx.rows(sa.select(table.c.id, table.c.recipient_id).order_by(table.c.id)))
    stuck: set[object] = set()
    gone = 0
    for entry in listed:
        if entry["recipient_id"] in stuck:
            continue
        try:
            await units.run(
                partial(_hand_over, system_tables=system_tables, router=router, key=entry["id"]), WritePriority.BATCHES
            )
            gone += 1
        except Exception:  # noqa: BLE001 - whatever fails stays parked; its reason is in the row
            stuck.add(entry["recipient_id"])
    return gone, len(listed) - gone


async def _hand_over(uow: UnitOfWork, *, system_tables: SystemTables, router: Router, key: int) -> None:
    """Handle one parked event and delete its row in the same unit.

    Raises:
        Undecodable: the handler set it aside again; the unit is rolled back and the row stays.
    """
    for entry in await uow.db.fetch(system_tables.parked, "id", [key], lock="update"):
        if (take_again := router.works.get(entry["type"])) is not None:
            await take_again(bytes(entry["body"]), uow)
        else:
            await router.handle([decode(router.kinds[entry["type"]], bytes(entry["body"]))], uow)
            if uow.set_aside_events:
                raise Undecodable("; ".join(why for _event, why in uow.set_aside_events))
        await uow.db.delete(system_tables.parked, "id", [key])
