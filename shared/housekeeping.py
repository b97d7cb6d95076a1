"""What a process does besides its services: reread merchant files, prune its log, delete old idempotency keys.

It also measures how late its event loop runs, and how many events are parked.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from shared.bus import parked, positions
from shared.bus.local import LOCAL, LocalLog
from shared.config.directory import changes_between
from shared.config.problem import Problem, Severity
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import IDEMPOTENCY_HOURS, SystemTables
from shared.db.transaction import ping
from shared.errors import Fault
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Runtime
from shared.tasks import WatchedTasks
from shared.telemetry.logs import logger
from shared.telemetry.metrics import gauge, histogram

RELOAD_SECONDS = 2.0
PRUNE_SECONDS = 600.0
MEASURE_SECONDS = 1.0
COUNT_SECONDS = 30.0

_ANSWER_SECONDS = 3.0

LOOP_LAG = histogram("followup_event_loop_lag_seconds", "How late the event loop ran what was due.")
BROKEN_FILES = gauge(
    "followup_merchant_files_broken", "Merchant and flow files with an error; the last good ones are in force."
)
PARKED = gauge("followup_parked_events", "Events parked now.", ["service"])

log = logger(__name__)


class Housekeeping:
    """The process's own loops."""

    def __init__(self, runtime: Runtime, system_tables: Sequence[SystemTables]) -> None:
        self._runtime = runtime
        self._system_tables = system_tables
        self._loops = (
            Loop("reload", self._reload),
            Loop("prune", self._prune, longest_seconds=SLOW_SECONDS),
            Loop("measure", self._measure),
            Loop("count", self._count),
        )
        self._expected_at: float | None = None
        self._tasks = WatchedTasks("process")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the loops until left."""
        for loop in self._loops:
            self._tasks.start(loop.name, loop.run_forever())
        try:
            yield
        finally:
            await self._tasks.stop()

    def halted(self) -> str | None:
        """Return which of the loops ended for good, or None."""
        return self._tasks.ended()

    async def readiness(self) -> str | None:
        """Return why this process should not be given work, or None: its database answers, its loops run."""
        if (dead := self._tasks.ended()) is not None:
            return dead
        troubles = [trouble for loop in self._loops if (trouble := loop.pulse.trouble()) is not None]
        return "; ".join(troubles) or await self._database_trouble()

    async def _database_trouble(self) -> str | None:
        """Return what is wrong with the database if it does not answer soon, or None."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._runtime.database.read(ping)
        except (Fault, TimeoutError) as problem:
            return f"the database does not answer ({problem.code if isinstance(problem, Fault) else 'too slow'})"
        return None

    async def concerns(self) -> str | None:
        """Return which merchant files are broken although the last good ones are in force, or None."""
        errors = self._file_errors()
        if not errors:
            return None
        rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return f"a merchant file is broken, the last good one is in force: {errors[0]}{rest}"

    async def _reload(self) -> float:
        """Put changed merchant files into force; a broken one leaves the last good one in force, and is logged."""
        merchants = self._runtime.merchants
        before = merchants.merchants
        if await asyncio.to_thread(merchants.reload_if_changed):
            changes = changes_between(before, merchants.merchants)
            log.info("merchants_reloaded", merchants=len(merchants.merchants), **changes)
            for problem in merchants.problems:
                log.warning("merchant_file_problem", problem=str(problem), in_force="the last good one")
        BROKEN_FILES.set(len({problem.file for problem in self._file_errors()}))
        return RELOAD_SECONDS

    def _file_errors(self) -> list[Problem]:
        return [problem for problem in self._runtime.merchants.problems if problem.severity is Severity.ERROR]

    async def _measure(self) -> float:
        """Compare when this runs with when it was scheduled."""
        now = self._runtime.clock.monotonic()
        if self._expected_at is not None:
            LOOP_LAG.observe(max(0.0, now - self._expected_at))
        self._expected_at = now + MEASURE_SECONDS
        return MEASURE_SECONDS

    async def _count(self) -> float:
        """Count parked events; a merchant with too many is refused more until an operator has handled them."""
        most: Counter[str] = Counter()
        for system_tables in self._system_tables:
            found = await self._runtime.database.read(partial(parked.counts, system_tables=system_tables))
            PARKED.labels(system_tables.service).set(sum(found.values()))
            most |= Counter(found)
        quotas = self._runtime.quotas
        known = (self._runtime.merchants.get(merchant) for merchant in most)
        quotas.note_parked(
            merchant.id
            for merchant in known
            if merchant and quotas.has_parked_too_much(merchant.config.quotas, most[merchant.id])
        )
        return COUNT_SECONDS

    async def _prune(self) -> float:
        """Delete what is no longer needed."""
        now = self._runtime.clock.now()
        oldest = now - timedelta(hours=IDEMPOTENCY_HOURS)
        keys = [Sweep(system_tables.idempotency_keys.c.created_at, oldest) for system_tables in self._system_tables]
        try:
            await swept(self._runtime.units, keys)
        finally:  # one table that cannot be swept must not let the log grow
            await self._prune_log(now)
        return PRUNE_SECONDS

    async def _prune_log(self, now: datetime) -> None:
        if isinstance(self._runtime.log, LocalLog):
            database = self._runtime.database
            read = [
                await database.read(partial(positions.lowest, system_tables=system_tables, topic=LOCAL.topic))
                for system_tables in self._system_tables
            ]
            await self._runtime.log.prune(now, min(read, default=0))
