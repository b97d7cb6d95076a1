"""Retention of ingest: which rows are deleted, by which age and setting."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.ingest import store
from services.ingest.domain.prepared_deliveries import KEY_BYTES
from services.ingest.instruments import PURGED
from services.ingest.settings import IngestSettings
from services.ingest.tables import (
    audit_tables,
    deliveries,
    delivery_keys,
    former_people,
    published,
    quarantine,
    source_hours,
    source_states,
    subjects,
    system_tables,
)
from shared.db.audit_store import audit_bounds_of, audit_sweeps
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, swept_after
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import first_id

DELIVERIES_PER_UNIT = 500
PAUSE_SECONDS = 3600.0
HOURS_KEPT: Final = timedelta(days=2)
"""Of the counts of sources: the last 24 hours are shown."""
_PAST_THE_LAST: Final = b"\xff" * (KEY_BYTES + 17)
"""Hashes do not rise with time, so these tables are scanned whole, in slices; an index would cost every order."""

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(deliveries, "a genuine delivery", "FOLLOWUP_INGEST_DELIVERY_RETENTION_DAYS"),
    swept_after(delivery_keys, "a key of a delivery", "as long as its delivery"),
    swept_after(quarantine, "a delivery that could not be read", "as long as its delivery"),
    swept_after(published, "a published event", "FOLLOWUP_INGEST_PUBLISHED_RETENTION_DAYS"),
    swept_after(subjects, "an order, cart or customer", "FOLLOWUP_INGEST_SUBJECT_RETENTION_DAYS after its last update"),
    swept_after(former_people, "a former number", "FOLLOWUP_INGEST_SUBJECT_RETENTION_DAYS after it changed"),
    swept_after(source_hours, "an hour of a source, and an outcome", f"{HOURS_KEPT.days} days"),
    few_rows(source_states.name, "a source of a merchant"),
    *audit_bounds_of(audit_tables),
    *bounds_of(system_tables),
)
"""Every table of ingest, and what bounds it."""


def sweeps(now: datetime, settings: IngestSettings) -> list[Sweep]:
    """Return what is deleted now, besides deliveries with their keys and quarantine rows."""
    published_before = now - timedelta(days=settings.published_retention_days)
    updated_before = now - timedelta(days=settings.subject_retention_days)
    return [
        Sweep(published.c.event_id, first_id(published_before)),
        Sweep(former_people.c.former_key, _PAST_THE_LAST, former_people.c.updated_at < updated_before),
        Sweep(subjects.c.join_hash, _PAST_THE_LAST, subjects.c.updated_at < updated_before),
        Sweep(source_hours.c.hour, now - HOURS_KEPT),
        *audit_sweeps(audit_tables, now),
    ]


async def prune(units: UnitOfWorkRunner, settings: IngestSettings) -> float:
    """Delete what is older than its setting, in small units of work; return the seconds until the next run."""
    now = units.clock.now()

    async def work(uow: UnitOfWork) -> int:
        return await store.purge(uow.db, now - timedelta(days=settings.delivery_retention_days), DELIVERIES_PER_UNIT)

    deleted = await units.run(work, WritePriority.BATCHES)
    PURGED.inc(deleted)
    if deleted == DELIVERIES_PER_UNIT:
        return 0.0
    await swept(units, sweeps(now, settings))
    return PAUSE_SECONDS
