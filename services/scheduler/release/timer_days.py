"""The days of the timers on PostgreSQL: a partition is made for each of the days to come, and dropped when it is over.

What is due later than the last of them lies in `scheduler_timers_later` and moves when its day is made. A claim looks
at two or three days, however many texts are pending; what was deleted goes with its day, and vacuum has little to do.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop
from shared.unix_time import microseconds

DAYS_AHEAD = 35
_DAYS_KEPT = 2
_PAUSE_SECONDS = 3600.0
_DAY = timedelta(days=1)
_PREFIX = "scheduler_timers_d"
_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.timer_days', 0))")
_CHILDREN = sa.text(
    "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = to_regclass('scheduler_timers')"
)
_MAKE = (
    "LOCK TABLE scheduler_timers_later IN ACCESS EXCLUSIVE MODE",
    "CREATE TABLE {name} (LIKE scheduler_timers INCLUDING ALL)",
    (
        "WITH gone AS (DELETE FROM scheduler_timers_later WHERE due_at >= {first} AND due_at < {end} RETURNING *) "
        "INSERT INTO {name} SELECT * FROM gone"
    ),
    "ALTER TABLE scheduler_timers ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})",
)


def loop(units: UnitOfWorkRunner) -> Loop:
    """Return the loop that makes and drops days; on SQLite, where timers are one table, it does nothing."""

    async def step() -> float:
        if units.database.dialect == "postgresql":
            await keep_days(units, units.clock.now())
        return _PAUSE_SECONDS

    return Loop("timer-days", step, longest_seconds=SLOW_SECONDS)


async def keep_days(units: UnitOfWorkRunner, now: datetime) -> None:
    """Make the days that are missing, each in a unit of its own, and drop those that are over and empty."""
    today = now.astimezone(UTC).date()
    wanted = [today + number * _DAY for number in range(-1, DAYS_AHEAD + 1)]
    there = await units.read(_days)
    if there is None:
        return
    for day in wanted:
        if day not in there:
            await units.run(lambda uow, day=day: _make(uow, day), WritePriority.BATCHES)  # type: ignore[misc]  # its own day
    for day in there:
        if day < today - _DAYS_KEPT * _DAY:
            await units.run(lambda uow, day=day: _drop(uow, day), WritePriority.BATCHES)  # type: ignore[misc]  # as above


async def _days(db: Transaction) -> Sequence[date] | None:
    """Return the days that have a partition; None where timers are not partitioned."""
    names = [row["name"] for row in await db.rows(_CHILDREN)]
    days = [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]
    return [date.fromisoformat(day) for day in sorted(days)] if names else None


async def _make(uow: UnitOfWork, day: date) -> None:
    """Make a day, unless somebody else just did; those who plan for later wait a moment."""
    await uow.db.rows(_ONE_AT_A_TIME)
    if day in (await _days(uow.db) or ()):
        return
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    facts = {"name": _name(day), "first": microseconds(start), "end": microseconds(start + _DAY)}
    for statement in _MAKE:
        await uow.db.execute(sa.text(statement.format(**facts)))


async def _drop(uow: UnitOfWork, day: date) -> None:
    """Drop a day that is over; one that still holds timers, because nobody fired them, stays."""
    await uow.db.rows(_ONE_AT_A_TIME)
    if day not in (await _days(uow.db) or ()):
        return
    await uow.db.execute(sa.text(f"LOCK TABLE {_name(day)} IN ACCESS EXCLUSIVE MODE"))  # nobody adds to it meanwhile
    held = await uow.db.rows(sa.text(f"SELECT 1 AS one FROM {_name(day)} LIMIT 1"))  # noqa: S608 - a name of ours
    if not held:
        await uow.db.execute(sa.text(f"DROP TABLE {_name(day)}"))


def _name(day: date) -> str:
    return f"{_PREFIX}{day:%Y%m%d}"
