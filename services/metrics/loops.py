"""The loops of metrics: retention."""

from services.metrics.retention import prune
from services.metrics.settings import MetricsSettings
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop


def create_loops(units: UnitOfWorkRunner, settings: MetricsSettings) -> tuple[Loop, ...]:
    """Return the loops of metrics."""

    async def retention() -> float:
        return await prune(units, settings)

    return (Loop("retention", retention, longest_seconds=SLOW_SECONDS),)
