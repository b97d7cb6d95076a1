"""Retention of connectors: which rows are deleted once a day, by which age and setting."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.connectors.settings import ConnectorsSettings
from services.connectors.tables import audit_tables, deliveries, erased_people, system_tables
from shared.db.audit_store import audit_bounds_of, audit_sweeps
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, swept_after
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.ids import first_id

ERASURES_KEPT: Final = timedelta(days=30)
"""The log keeps an event seven days: after this, none from before an erasure can arrive."""
_DAY_SECONDS: Final = 86_400.0

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(deliveries, "a notification for one endpoint", "FOLLOWUP_CONNECTORS_DELIVERY_RETENTION_DAYS"),
    few_rows("connectors_endpoints", "an endpoint of a merchant"),
    few_rows("connectors_mail_hours", "a merchant that gets mails"),
    swept_after(erased_people, "a person who was erased", f"{ERASURES_KEPT.days} days"),
    *audit_bounds_of(audit_tables),
    *bounds_of(system_tables),
)
"""Every table of connectors, and what bounds it."""


def sweeps(now: datetime, settings: ConnectorsSettings) -> list[Sweep]:
    """Return what is deleted now. The id has the time of the event, which may be long before the delivery was made."""
    before = now - timedelta(days=settings.delivery_retention_days)
    is_over = deliveries.c.next_at.is_(None) & (deliveries.c.created_at < before)
    return [
        Sweep(deliveries.c.delivery_id, first_id(before), is_over),
        Sweep(erased_people.c.erased_at, now - ERASURES_KEPT),
        *audit_sweeps(audit_tables, now),
    ]


async def prune(units: UnitOfWorkRunner, settings: ConnectorsSettings) -> float:
    """Delete what is old enough, and return the seconds until the next run."""
    await swept(units, sweeps(units.clock.now(), settings))
    return _DAY_SECONDS
