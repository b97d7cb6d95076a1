"""The loops of the console: retention, and files that are imported."""

from functools import partial

from services.console.imports.jobs import ImportJobs
from services.console.retention import prune
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop


def create_loops(units: UnitOfWorkRunner, jobs: ImportJobs) -> tuple[Loop, ...]:
    """Return the loops of the console."""
    return (Loop("retention", partial(prune, units), longest_seconds=SLOW_SECONDS), Loop("imports", jobs.look))
