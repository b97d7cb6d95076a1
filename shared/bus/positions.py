"""Positions: how far a group has read, committed with the work that reading caused."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from shared.bus.port import Partition
from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction
from shared.errors import Fenced


def group_of(system_tables: SystemTables) -> str:
    """Return the name of a service's consumer group."""
    return f"followup-{system_tables.service}"


async def read(transaction: Transaction, system_tables: SystemTables) -> dict[Partition, int]:
    """Return how far a service has committed its reading, wherever it ever read."""
    table = system_tables.positions
    rows = await transaction.fetch(table, "consumer_group", [group_of(system_tables)])
    return {Partition(row["topic"], row["partition"]): int(row["next_offset"]) for row in rows}


async def load(
    transaction: Transaction, system_tables: SystemTables, group: str, partitions: Iterable[Partition], now: datetime
) -> dict[Partition, int]:
    """Return the position in each partition; create a row at the beginning for those never read."""
    wanted = sorted(partitions)
    table = system_tables.positions
    await transaction.insert_new(
        table,
        [
            {"consumer_group": group, "topic": p.topic, "partition": p.number, "next_offset": 0, "moved_at": now}
            for p in wanted
        ],
    )
    rows = await transaction.rows(sa.select(table).where(table.c.consumer_group == group))
    found = {Partition(row["topic"], row["partition"]): int(row["next_offset"]) for row in rows}
    return {partition: found[partition] for partition in wanted}


async def advance(
    transaction: Transaction,
    system_tables: SystemTables,
    group: str,
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
                "consumer_group": group,
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
