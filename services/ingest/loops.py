"""The loops of ingest: retention, counts of sources, quotas by how far readers of the log are behind, audit roots."""

from services.ingest.retention import prune
from services.ingest.settings import IngestSettings
from services.ingest.tables import audit_tables
from services.ingest.tallies.tallies import SourceTallies
from shared.audit_log import audit_loops
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Runtime

_LAG_CHECK_SECONDS = 0.5


def create_loops(runtime: Runtime, settings: IngestSettings, tallies: SourceTallies) -> tuple[Loop, ...]:
    """Return the loops of ingest."""

    async def retention() -> float:
        return await prune(runtime.units, settings)

    async def quotas() -> float:
        runtime.quotas.note_unread(await runtime.log.unread_seconds(runtime.clock.now()))
        return _LAG_CHECK_SECONDS

    return (
        Loop("retention", retention, longest_seconds=SLOW_SECONDS),
        Loop("quotas", quotas),
        Loop("count-sources", tallies.step),
        *audit_loops(runtime, audit_tables),
    )
