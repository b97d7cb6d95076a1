"""Retention of metrics: which rows are deleted, by which age and setting.

A follow-up is deleted when its last fact is old enough; its facts and the sums of their hours are deleted with it. So
every stored number can be recomputed from stored facts.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import sqlalchemy as sa

from services.metrics import store
from services.metrics.domain.rollups import ALWAYS, RollupKey, hour_of, state_key
from services.metrics.settings import MetricsSettings
from services.metrics.tables import audit_tables, customer_orders, facts, follow_ups, rollups, system_tables
from shared.db.audit_store import audit_bounds_of, audit_sweeps
from shared.db.sweep import ROWS_AT_ONCE, Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, swept_after
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import FollowUpId, first_id

_DAY_SECONDS: Final = 86_400.0
_UNTIL: Final = "FOLLOWUP_METRICS_RECORD_DAYS"

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(facts, "an event", f"{_UNTIL}; longer while its follow-up is stored"),
    swept_after(rollups, "an hour and combination of dimensions", _UNTIL),
    swept_after(follow_ups, "a follow-up", f"{_UNTIL} after its last event"),
    swept_after(customer_orders, "a purchase", _UNTIL),
    *audit_bounds_of(audit_tables),
    *bounds_of(system_tables),
)
"""Every table of metrics, and what bounds it."""


def oldest(now: datetime, settings: MetricsSettings) -> datetime:
    """Return the oldest instant that is kept: a whole hour, since sums are by the hour."""
    return hour_of(now - timedelta(days=settings.record_days))


def sweeps(now: datetime, settings: MetricsSettings) -> list[Sweep]:
    """Return what is deleted now, after the follow-ups."""
    recorded = oldest(now, settings)
    its_follow_up = sa.exists().where(follow_ups.c.follow_up_id == facts.c.follow_up_id)
    return [
        Sweep(facts.c.event_id, first_id(recorded), sa.and_(facts.c.occurred_at < recorded, ~its_follow_up)),
        Sweep(rollups.c.hour, recorded, rollups.c.hour > ALWAYS + timedelta(days=365)),
        Sweep(customer_orders.c.ordered_at, recorded),
        *audit_sweeps(audit_tables, now),
    ]


async def delete_follow_ups(units: UnitOfWorkRunner, before: datetime, *, rows: int = ROWS_AT_ONCE) -> int:
    """Delete the follow-ups without a fact since an instant, in slices, with their state counts; return how many."""
    deleted, after = 0, first_id(ALWAYS)

    async def slice_of(db: Transaction) -> list[FollowUpId]:
        table = follow_ups.c
        wanted = sa.select(table.follow_up_id).where(table.follow_up_id > after, table.follow_up_id < first_id(before))
        found = await db.rows(wanted.order_by(table.follow_up_id).limit(rows))
        return [FollowUpId(row["follow_up_id"]) for row in found]

    while ids := await units.read(slice_of):
        deleted += await units.run(partial(_delete_slice, ids, before), WritePriority.BATCHES)
        after = ids[-1]
    return deleted


async def _delete_slice(ids: Sequence[FollowUpId], before: datetime, uow: UnitOfWork) -> int:
    """Delete those of the slice that are still as old as when they were selected."""
    old = await store.delete_projections(uow.db, ids, before)
    counts: Counter[RollupKey] = Counter()
    counts.subtract(key for one in old if (key := state_key(one)) is not None)
    await store.add_to_rollups(uow.db, counts)
    return len(old)


async def prune(units: UnitOfWorkRunner, settings: MetricsSettings) -> float:
    """Delete what is older than its setting, and return the seconds until the next run."""
    now = units.clock.now()
    await delete_follow_ups(units, oldest(now, settings))
    await swept(units, sweeps(now, settings))
    return _DAY_SECONDS
