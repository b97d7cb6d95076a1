"""Day partitions of the timers on PostgreSQL: one for each of the next days, dropped when the day is over.

Timers due later than the last of them are in `scheduler_timers_later` and move when their partition is created. A
claim reads two or three partitions, however many follow-ups are pending; deleted rows disappear with their partition,
so there is little to vacuum.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.unix_time import microseconds

DAYS_AHEAD = 35
_DAYS_KEPT = 2
_DAY = timedelta(days=1)
_PREFIX = "scheduler_timers_d"
_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.timer_days', 0))")
_CHILDREN = sa.text(
    "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = to_regclass('scheduler_timers')"
)
_CREATE = (
    "LOCK TABLE scheduler_timers_later IN ACCESS EXCLUSIVE MODE",
    "CREATE TABLE {name} (LIKE scheduler_timers INCLUDING ALL)",
    (
        "WITH moved AS (DELETE FROM scheduler_timers_later WHERE due_at >= {first} AND due_at < {end} RETURNING *) "
        "INSERT INTO {name} SELECT * FROM moved"
    ),
    "ALTER TABLE scheduler_timers ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})",
)


async def maintain_days(units: UnitOfWorkRunner, now: datetime) -> None:
    """Create the partitions that are missing, each in a unit of its own, and drop those that are over and empty.

    On SQLite, where timers are one table, it does nothing.
    """
    if units.database.dialect != "postgresql":
        return
    today = now.astimezone(UTC).date()
    wanted = [today + number * _DAY for number in range(-1, DAYS_AHEAD + 1)]
    present = await units.read(_days)
    if present is None:
        return
    for day in wanted:
        if day not in present:
            await units.run(lambda uow, day=day: _create(uow, day), WritePriority.BATCHES)  # type: ignore[misc]  # its own day
    for day in present:
        if day < today - _DAYS_KEPT * _DAY:
            await units.run(lambda uow, day=day: _drop(uow, day), WritePriority.BATCHES)  # type: ignore[misc]  # as above


async def _days(db: Transaction) -> Sequence[date] | None:
    """Return the days that have a partition; None where the table is not partitioned."""
    names = [row["name"] for row in await db.rows(_CHILDREN)]
    days = [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]
    return [date.fromisoformat(day) for day in sorted(days)] if names else None


async def _create(uow: UnitOfWork, day: date) -> None:
    """Create the partition of a day, unless it exists by now; writers of later timers wait for the lock meanwhile."""
    await uow.db.rows(_ONE_AT_A_TIME)
    if day in (await _days(uow.db) or ()):
        return
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    values = {"name": _name(day), "first": microseconds(start), "end": microseconds(start + _DAY)}
    for statement in _CREATE:
        await uow.db.execute(sa.text(statement.format(**values)))


async def _drop(uow: UnitOfWork, day: date) -> None:
    """Drop the partition of a day that is over; it stays while it holds timers that no loop has claimed."""
    await uow.db.rows(_ONE_AT_A_TIME)
    if day not in (await _days(uow.db) or ()):
        return
    await uow.db.execute(sa.text(f"LOCK TABLE {_name(day)} IN ACCESS EXCLUSIVE MODE"))  # no insert meanwhile
    remaining = await uow.db.rows(sa.text(f"SELECT 1 AS one FROM {_name(day)} LIMIT 1"))  # noqa: S608 - a name of ours
    if not remaining:
        await uow.db.execute(sa.text(f"DROP TABLE {_name(day)}"))


def _name(day: date) -> str:
    return f"{_PREFIX}{day:%Y%m%d}"
