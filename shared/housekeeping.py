"""What a process does beside its services: rereads merchant files, prunes its log, forgets old idempotency keys.

It also measures what nobody else sees: how late its event loop runs, and how much stands parked.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from shared.bus import parked
from shared.bus.local import LOCAL, LocalLog
from shared.db.ground import Ground
from shared.db.transaction import Lane, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.loop import Loop
from shared.service import Runtime
from shared.telemetry.logs import logger
from shared.telemetry.metrics import gauge, histogram

RELOAD_SECONDS = 2.0
PRUNE_SECONDS = 600.0
MEASURE_SECONDS = 1.0
COUNT_SECONDS = 30.0
IDEMPOTENCY_HOURS = 24
"""How long a keyed POST is remembered."""

LOOP_LAG = histogram("followup_event_loop_lag_seconds", "How late the event loop came to what was to run now.")
PARKED = gauge("followup_parked_events", "Events that stand parked now.", ["service"])

log = logger(__name__)


class Housekeeping:
    """The process's own loops."""

    def __init__(self, runtime: Runtime, grounds: Sequence[Ground]) -> None:
        self._runtime = runtime
        self._grounds = grounds
        self._loops = (
            Loop("reload", self._reload),
            Loop("prune", self._prune),
            Loop("measure", self._measure),
            Loop("count", self._count),
        )
        self._expected_at: float | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the loops until left."""
        tasks = [asyncio.create_task(loop.run_forever(), name=f"process:{loop.name}") for loop in self._loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reload(self) -> float:
        """Take changed merchant files into force; broken ones leave the last good one there, and it is said."""
        if await asyncio.to_thread(self._runtime.merchants.reload_if_changed):
            log.info("merchants_reloaded", merchants=len(self._runtime.merchants.merchants))
            for problem in self._runtime.merchants.problems:
                log.warning("merchant_file_problem", problem=str(problem), in_force="the last good one")
        return RELOAD_SECONDS

    async def _measure(self) -> float:
        """Compare when this runs with when it was to run."""
        now = self._runtime.clock.monotonic()
        if self._expected_at is not None:
            LOOP_LAG.observe(max(0.0, now - self._expected_at))
        self._expected_at = now + MEASURE_SECONDS
        return MEASURE_SECONDS

    async def _count(self) -> float:
        """Count what stands parked."""
        for ground in self._grounds:
            PARKED.labels(ground.service).set(await self._runtime.database.read(partial(parked.count, ground=ground)))
        return COUNT_SECONDS

    async def _prune(self) -> float:
        """Drop what nobody needs any more."""
        now = self._runtime.clock.now()
        if isinstance(self._runtime.log, LocalLog):
            database = self._runtime.database
            read = [await database.read(partial(_position, ground=ground)) for ground in self._grounds]
            await self._runtime.log.prune(now, min(read, default=0))

        async def forget(uow: UnitOfWork) -> None:
            for ground in self._grounds:
                table = ground.idempotency_keys
                await uow.db.execute(
                    sa.delete(table).where(table.c.created_at < now - timedelta(hours=IDEMPOTENCY_HOURS))
                )

        await self._runtime.units.run(forget, Lane.BATCHES)
        return PRUNE_SECONDS


async def _position(transaction: Transaction, *, ground: Ground) -> int:
    """Return how far a service has read the local log; a service that reads nothing holds nobody back."""
    table = ground.positions
    found = await transaction.rows(sa.select(table.c.next_offset).where(table.c.topic == LOCAL.topic))
    return min((int(row["next_offset"]) for row in found), default=2**62)
