"""Retention: old deliveries go, in small units, so that nothing waits behind them."""

from datetime import timedelta

from services.ingest import store
from services.ingest.instruments import PURGED
from services.ingest.settings import IngestSettings
from shared.clock import Clock
from shared.db.transaction import Lane
from shared.db.unit_of_work import UnitOfWork, Units
from shared.loop import SLOW_SECONDS, Loop

DELIVERIES_PER_UNIT = 500
PAUSE_SECONDS = 3600.0


def retention(units: Units, clock: Clock, settings: IngestSettings) -> Loop:
    """Return the loop that deletes what has been kept long enough."""

    async def step() -> float:
        now = clock.now()

        async def work(uow: UnitOfWork) -> int:
            await store.purge_published(uow.db, now - timedelta(days=settings.published_retention_days))
            return await store.purge(
                uow.db, now - timedelta(days=settings.delivery_retention_days), DELIVERIES_PER_UNIT
            )

        deleted = await units.run(work, Lane.BATCHES)
        PURGED.inc(deleted)
        return 0.0 if deleted == DELIVERIES_PER_UNIT else PAUSE_SECONDS

    return Loop("retention", step, longest_seconds=SLOW_SECONDS)
