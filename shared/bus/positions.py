"""Positions: how far a group has read, committed with the work that reading caused."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from shared.bus.port import Partition
from shared.db.system_tables import SystemTables
from shared.db.transaction import Row, Transaction
from shared.errors import Fenced


def group_of(system_tables: SystemTables) -> str:
    """Return the name of a service's consumer group."""
    return f"followup-{system_tables.service}"


async def read(transaction: Transaction, system_tables: SystemTables) -> dict[Partition, int]:
    """Return how far a service has committed its reading, wherever it ever read."""
    return of_rows(await transaction.fetch(system_tables.positions, "consumer_group", [group_of(system_tables)]))


def of_rows(rows: Iterable[Row]) -> dict[Partition, int]:
    """Return the offsets that rows hold, by partition."""
    return {Partition(row["topic"], row["partition"]): int(row["next_offset"]) for row in rows}


async def load(
    transaction: Transaction, system_tables: SystemTables, partitions: Iterable[Partition], now: datetime
) -> dict[Partition, int]:
    """Return the position in each partition; create a row at the beginning for those never read."""
    wanted = sorted(partitions)
    begin = {"consumer_group": group_of(system_tables), "next_offset": 0, "moved_at": now}
    rows = [{**begin, "topic": partition.topic, "partition": partition.number} for partition in wanted]
    await transaction.insert_new(system_tables.positions, rows)
    found = await read(transaction, system_tables)
    return {partition: found[partition] for partition in wanted}


async def advance(
    transaction: Transaction,
    system_tables: SystemTables,
    before: Mapping[Partition, int],
    after: Mapping[Partition, int],
    now: datetime,
) -> None:
    """Move positions from `before` to `after`.

    Raises:
        Fenced: another process moved one of them; this one lost the partition and its work must not commit.
    """
    moved = await transaction.change(
        system_tables.positions,
        [
            {
                "consumer_group": group_of(system_tables),
                "topic": partition.topic,
                "partition": partition.number,
                "next_offset": offset,
                "moved_at": now,
                "was_next_offset": before[partition],
            }
            for partition, offset in sorted(after.items())
        ],
        was=("next_offset",),
    )
    if not all(moved):
        raise Fenced


async def lowest(transaction: Transaction, system_tables: SystemTables, topic: str) -> int:
    """Return the lowest position of a service in a topic; higher than any offset if it reads nothing of it."""
    table = system_tables.positions
    rows = await transaction.rows(sa.select(table.c.next_offset).where(table.c.topic == topic))
    return min((int(row["next_offset"]) for row in rows), default=2**62)
