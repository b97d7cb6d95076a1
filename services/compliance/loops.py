"""The entry point of compliance for time: what it does at intervals, whether or not an event arrives."""

from collections.abc import Sequence
from functools import partial

from services.compliance import retention
from services.compliance.dependencies import ComplianceDependencies
from services.compliance.ledger.roots import RootKeeper
from services.compliance.tables import audit_tables
from shared.audit_log import audit_loops
from shared.loop import SLOW_SECONDS, Loop


def create_loops(deps: ComplianceDependencies) -> Sequence[Loop]:
    """Return the loops: retention, how far the log was read, number files, roots of ledger and audit log."""
    runtime = deps.runtime
    loops = [
        Loop("retention", partial(retention.step, runtime.units, deps.settings), longest_seconds=SLOW_SECONDS),
        Loop("hear", deps.progress.look),
        *deps.registers.loops(runtime.clock),
    ]
    if deps.signing_key is not None:
        loops.append(RootKeeper(runtime.units, runtime.clock, deps.signing_key).loop())
    return [*loops, *audit_loops(runtime, audit_tables)]
