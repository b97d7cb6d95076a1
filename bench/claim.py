"""The claim of due timers on PostgreSQL: what it costs with ten thousand texts pending, and with ten million."""

import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bench.measurement import Result, figure, percentile
from services.distributed import schema_of
from services.scheduler.release import timer_day_store
from services.scheduler.release.store import claim_timers
from shared import ids
from shared.bus.local import LocalLog
from shared.clock import SystemClock
from shared.db.postgres import PostgresDatabase
from shared.db.postgres_roles import provision
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.testing.connected import postgresql
from shared.unix_time import microseconds

FEW, MANY = 10_000, 10_000_000
PARTITIONS = 12
CLAIMS = 200
TIMERS = 100
_PENDING = sa.text(
    "INSERT INTO scheduler_timers (partition, due_at, follow_up_id, kind) "
    "SELECT n % CAST(:partitions AS int), CAST(:first AS bigint) + CAST(random() * CAST(:span AS float) AS bigint), "
    "gen_random_uuid(), 'due' FROM generate_series(CAST(:start AS int), CAST(:end AS int)) n"
)
_STEP = 250_000
_SPAN = timedelta(days=timer_day_store.DAYS_AHEAD - 1)


async def run(rounds: int) -> Result:
    """Claim a hundred due timers again and again, beside few pending ones, and then beside a thousand times as many."""
    with postgresql(fsync=True) as server:
        await provision(server.address, "scheduler")
        url = sa.make_url(server.address).set(username="followup_scheduler").render_as_string(hide_password=False)
        database = PostgresDatabase(url, "scheduler")
        await database.start()
        try:
            await database.upgrade([schema_of("scheduler")])
            units = UnitOfWorkRunner(database, LocalLog(database), SystemClock())
            await timer_day_store.maintain_days(units, units.clock.now())
            taken: dict[int, list[tuple[float, float]]] = {}
            for start, pending in ((0, FEW), (FEW, MANY)):
                await _lay_down(units, start, pending)
                taken[pending] = [await _round(units) for _ in range(rounds)]
        finally:
            await database.stop()
    ratios = [many / few for (_, many), (_, few) in zip(taken[MANY], taken[FEW], strict=True)]
    return Result(
        f"claim of {TIMERS} timers",
        (
            *(
                figure(f"{pending:,} pending, {name}", "ms", [each[place] for each in done])
                for pending, done in taken.items()
                for place, name in enumerate(("p50", "p99"))
            ),
            figure("ratio of the p99s", "x", ratios, "<= 1.5"),
        ),
        {"fsync": "on", "claims a round": str(CLAIMS), "partitions": str(PARTITIONS)},
    )


async def _lay_down(units: UnitOfWorkRunner, start: int, end: int) -> None:
    """Spread pending timers over the days to come, and let the planner know."""
    first = microseconds(units.clock.now() + timedelta(hours=1))
    for begin in range(start, end, _STEP):
        values = {
            "partitions": PARTITIONS,
            "first": first,
            "span": _SPAN // timedelta(microseconds=1),
            "start": begin,
            "end": min(begin + _STEP, end) - 1,
        }
        await units.run(lambda uow, values=values: uow.db.execute(_PENDING, values), WritePriority.BATCHES)  # type: ignore[misc]  # its own values
    await units.run(lambda uow: uow.db.execute(sa.text("ANALYZE scheduler_timers")), WritePriority.BATCHES)


async def _round(units: UnitOfWorkRunner) -> tuple[float, float]:
    """Return the median and the p99 of claims, in milliseconds, without the laying down of what is claimed."""
    taken = []
    for _ in range(CLAIMS):
        at = datetime.now(UTC) - timedelta(seconds=1)
        rows = [
            {"partition": n % PARTITIONS, "due_at": at, "follow_up_id": ids.minted(at), "kind": "due"}
            for n in range(TIMERS)
        ]
        await units.run(lambda uow, rows=rows: uow.db.insert(_timers(), rows), WritePriority.BATCHES)  # type: ignore[misc]  # as above
        began = time.perf_counter()
        count = await units.run(_claim, WritePriority.BATCHES)
        taken.append((time.perf_counter() - began) * 1000)
        assert count == TIMERS, count
    return percentile(taken, 0.5), percentile(taken, 0.99)


async def _claim(uow: UnitOfWork) -> int:
    return len(await claim_timers(uow, range(PARTITIONS), TIMERS))


def _timers() -> sa.Table:
    return schema_of("scheduler").metadata.tables["scheduler_timers"]
