"""What the entry points of the scheduler (HTTP, events, time) work with; the only place that constructs it."""

from dataclasses import dataclass
from typing import Self

from services.scheduler import privacy_store
from services.scheduler.privacy import Privacy
from services.scheduler.release.loop import DueWaker
from services.scheduler.removed_flows.loop import FlowFilesLoop
from services.scheduler.runs.follow_up_requests import FollowUpRequests
from services.scheduler.runs.planner import Planner
from services.scheduler.runs.previews import GateAdvice
from services.scheduler.runs.triggers import Triggers
from services.scheduler.runs.versions import Versions
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import audit_tables
from shared import rights
from shared.audit_log import AuditLog
from shared.db.system_tables import SystemTables
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.loop import LoopWaker
from shared.service import Runtime


@dataclass(frozen=True, slots=True)
class SchedulerDependencies:
    """The parts of the service, each constructed once."""

    runtime: Runtime
    units: UnitOfWorkRunner
    system_tables: SystemTables
    settings: SchedulerSettings
    versions: Versions
    planner: Planner
    triggers: Triggers
    requests: FollowUpRequests
    privacy: Privacy
    waker: DueWaker
    """Wakes the release loop."""
    control_waker: LoopWaker
    audit: AuditLog
    flow_files: FlowFilesLoop

    @classmethod
    def of(cls, runtime: Runtime, system_tables: SystemTables, advice: GateAdvice) -> Self:
        """Return the parts.

        Args:
            runtime: what the process gives.
            system_tables: of the service.
            advice: the gate's pure evaluation, for dry runs.
        """
        settings, sealer, versions = SchedulerSettings(), runtime.sealer, Versions()
        planner = Planner(sealer, runtime.log.partitions)
        exports = rights.Exports(system_tables, sealer, privacy_store.held)
        return cls(
            runtime=runtime,
            units=runtime.units,
            system_tables=system_tables,
            settings=settings,
            versions=versions,
            planner=planner,
            triggers=Triggers(runtime.merchants, sealer, planner, versions, runtime.quotas, settings.unconfirmed_after),
            requests=FollowUpRequests(sealer, versions, advice),
            privacy=Privacy(system_tables, exports, settings.unconfirmed_after),
            waker=DueWaker(runtime.clock),
            control_waker=LoopWaker(),
            audit=AuditLog(audit_tables, sealer),
            flow_files=FlowFilesLoop(runtime.units, runtime.merchants, versions, sealer),
        )
