"""The loops of the console: retention."""

from functools import partial

from services.console.retention import prune
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop


def create_loops(units: UnitOfWorkRunner) -> tuple[Loop, ...]:
    """Return the loops of the console."""
    return (Loop("retention", partial(prune, units), longest_seconds=SLOW_SECONDS),)
