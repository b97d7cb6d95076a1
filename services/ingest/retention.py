"""Retention: old deliveries go, in small units, so that nothing waits behind them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.ingest import store
from services.ingest.instruments import PURGED
from services.ingest.settings import IngestSettings
from services.ingest.tables import (
    KEY_BYTES,
    deliveries,
    delivery_keys,
    former_people,
    published,
    quarantine,
    subjects,
    system_tables,
)
from shared.clock import Clock
from shared.db.sweep import Sweep, first_id, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, swept_after
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop

DELIVERIES_PER_UNIT = 500
PAUSE_SECONDS = 3600.0
_PAST_THE_LAST: Final = b"\xff" * (KEY_BYTES + 17)
"""Hashes do not rise with time: subjects are walked through whole, in slices; an index would cost each order."""

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(deliveries, "a genuine delivery", "FOLLOWUP_INGEST_DELIVERY_RETENTION_DAYS"),
    swept_after(delivery_keys, "a key of a delivery", "as long as its delivery"),
    swept_after(quarantine, "a delivery that could not be read", "as long as its delivery"),
    swept_after(published, "a thing that was told", "FOLLOWUP_INGEST_PUBLISHED_RETENTION_DAYS"),
    swept_after(subjects, "an order, cart or customer", "FOLLOWUP_INGEST_SUBJECT_RETENTION_DAYS after its last news"),
    swept_after(former_people, "a number before the last", "FOLLOWUP_INGEST_SUBJECT_RETENTION_DAYS after it changed"),
    *bounds_of(system_tables),
)
"""Every table of ingest, and what keeps it from growing for ever."""


def sweeps(now: datetime, settings: IngestSettings) -> list[Sweep]:
    """Return what goes now beside deliveries, whose keys go with them."""
    told, heard_of = settings.published_retention_days, settings.subject_retention_days
    return [
        Sweep(published.c.event_id, first_id(now - timedelta(days=told))),
        Sweep(former_people.c.former_key, _PAST_THE_LAST, former_people.c.updated_at < now - timedelta(days=heard_of)),
        Sweep(subjects.c.join_hash, _PAST_THE_LAST, subjects.c.updated_at < now - timedelta(days=heard_of)),
    ]


def retention(units: UnitOfWorkRunner, clock: Clock, settings: IngestSettings) -> Loop:
    """Return the loop that deletes what has been kept long enough."""

    async def step() -> float:
        now = clock.now()

        async def work(uow: UnitOfWork) -> int:
            return await store.purge(
                uow.db, now - timedelta(days=settings.delivery_retention_days), DELIVERIES_PER_UNIT
            )

        deleted = await units.run(work, WritePriority.BATCHES)
        PURGED.inc(deleted)
        if deleted == DELIVERIES_PER_UNIT:
            return 0.0
        await swept(units, sweeps(now, settings))
        return PAUSE_SECONDS

    return Loop("retention", step, longest_seconds=SLOW_SECONDS)
