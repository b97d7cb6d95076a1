"""The entry point of compliance for time: what it does again and again, whether or not anything happened."""

from collections.abc import Iterator, Sequence

from services.compliance import retention
from services.compliance.dependencies import ComplianceDependencies
from services.compliance.ledger.roots import RootKeeper
from shared.loop import SLOW_SECONDS, Loop


def create_loops(deps: ComplianceDependencies) -> Sequence[Loop]:
    """Return the loops: sign the ledger, delete what is old, reread number files, see how far the log was read."""
    return tuple(_loops(deps))


def _loops(deps: ComplianceDependencies) -> Iterator[Loop]:
    runtime = deps.runtime
    if deps.signing_key is not None:
        yield RootKeeper(runtime.units, runtime.clock, deps.signing_key).loop()
    yield Loop("retention", retention.step_of(runtime.units, deps.settings), longest_seconds=SLOW_SECONDS)
    yield from deps.connectors.loops(runtime.clock)
    yield Loop("hear", deps.progress.look)
