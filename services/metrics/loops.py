"""The loops of metrics: retention."""

from functools import partial

from services.metrics.retention import prune
from services.metrics.settings import MetricsSettings
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop


def create_loops(units: UnitOfWorkRunner, settings: MetricsSettings) -> tuple[Loop, ...]:
    """Return the loops of metrics."""
    return (Loop("retention", partial(prune, units, settings), longest_seconds=SLOW_SECONDS),)
