"""The loops of connectors: deliver what is due, look at files with errors, delete old rows, sign the audit log."""

from collections.abc import Sequence
from functools import partial

from services.connectors.dependencies import ConnectorsDependencies
from services.connectors.retention import prune
from services.connectors.tables import audit_tables
from shared.audit_log import audit_loops
from shared.loop import SLOW_SECONDS, Loop


def create_loops(deps: ConnectorsDependencies) -> Sequence[Loop]:
    """Return the loops of connectors."""
    deliver = Loop("deliver", deps.deliverer.step)
    deps.planner.waker.attach(deliver)
    return (
        deliver,
        Loop("watch-files", deps.files.step),
        Loop("retention", partial(prune, deps.runtime.units, deps.settings), longest_seconds=SLOW_SECONDS),
        *audit_loops(deps.runtime, audit_tables),
    )
