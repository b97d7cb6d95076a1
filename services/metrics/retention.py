"""What keeps the tables of metrics from growing for ever: numbers stay as long as the facts behind them.

A text goes when nothing was heard of it for so long; its facts follow, and with them the sums of their hours. So every
number that is there can be recomputed from facts that are there.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.metrics import store
from services.metrics.domain.tally import ALWAYS, Cell, hour_of, state_cell
from services.metrics.settings import MetricsSettings
from services.metrics.tables import customer_orders, facts, follow_ups, rollups, sessions, system_tables
from shared.db.sweep import ROWS_AT_ONCE, Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import BoundKind, TableBound, swept_after
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import FollowUpId, first_id

_DAY_SECONDS: Final = 86_400.0
_UNTIL: Final = "FOLLOWUP_METRICS_RECORD_DAYS"

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(facts, "a thing that happened", f"{_UNTIL}; longer while its text is there"),
    swept_after(rollups, "an hour and dimensions that had something", _UNTIL),
    swept_after(follow_ups, "a text", f"{_UNTIL} after the last that was heard of it"),
    swept_after(customer_orders, "a purchase", _UNTIL),
    TableBound(
        sessions.name, "a sign-in, or a code for one", BoundKind.WORK, "until it ends; the next sign-in takes it out"
    ),
    *bounds_of(system_tables),
)
"""Every table of metrics, and what keeps it from growing for ever."""


def oldest(now: datetime, settings: MetricsSettings) -> datetime:
    """Return where what is kept begins: with a whole hour, since sums are by the hour."""
    return hour_of(now - timedelta(days=settings.record_days))


def sweeps(now: datetime, settings: MetricsSettings) -> list[Sweep]:
    """Return what goes now, once the texts are gone."""
    recorded = oldest(now, settings)
    its_text = sa.exists().where(follow_ups.c.follow_up_id == facts.c.follow_up_id)
    return [
        Sweep(facts.c.event_id, first_id(recorded), sa.and_(facts.c.occurred_at < recorded, ~its_text)),
        Sweep(rollups.c.hour, recorded, rollups.c.hour > ALWAYS + timedelta(days=365)),
        Sweep(customer_orders.c.ordered_at, recorded),
    ]


async def forget_texts(units: UnitOfWorkRunner, before: datetime, *, rows: int = ROWS_AT_ONCE) -> int:
    """Let texts go of which nothing was heard since an instant, in slices, and count them no more; return how many."""
    gone, after = 0, first_id(ALWAYS)

    async def slice_of(db: Transaction) -> list[FollowUpId]:
        table = follow_ups.c
        wanted = sa.select(table.follow_up_id).where(table.follow_up_id > after, table.follow_up_id < first_id(before))
        found = await db.rows(wanted.order_by(table.follow_up_id).limit(rows))
        return [FollowUpId(row["follow_up_id"]) for row in found]

    while ids := await units.read(slice_of):
        gone += await units.run(_Forgetting(ids, before).take, WritePriority.BATCHES)
        after = ids[-1]
    return gone


class _Forgetting:
    """One slice of texts."""

    def __init__(self, ids: Sequence[FollowUpId], before: datetime) -> None:
        self._ids = ids
        self._before = before

    async def take(self, uow: UnitOfWork) -> int:
        """Take those that are still as old as they were when they were looked for."""
        old = await store.forget_standings(uow.db, self._ids, self._before)
        counted: Counter[Cell] = Counter(cell for each in old if (cell := state_cell(each)) is not None)
        await store.add_to_rollups(uow.db, Counter({cell: -count for cell, count in counted.items()}))
        return len(old)


def step_of(units: UnitOfWorkRunner, settings: MetricsSettings) -> Callable[[], Awaitable[float]]:
    """Return the step that prunes and says when to come again."""

    async def step() -> float:
        now = units.clock.now()
        await forget_texts(units, oldest(now, settings))
        await swept(units, sweeps(now, settings))
        return _DAY_SECONDS

    return step
