"""The loops of the console: retention, files that are imported, and the signing of its audit log."""

from functools import partial

from services.console.imports.jobs import ImportJobs
from services.console.retention import prune
from services.console.tables import audit_tables
from shared.audit_log import audit_loops
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Runtime


def create_loops(runtime: Runtime, jobs: ImportJobs) -> tuple[Loop, ...]:
    """Return the loops of the console.

    Raises:
        ConfigurationFault: a key to sign with was named, or is there, and cannot be used.
    """
    return (
        Loop("retention", partial(prune, runtime.units), longest_seconds=SLOW_SECONDS),
        Loop("imports", jobs.look),
        *audit_loops(runtime, audit_tables),
    )
