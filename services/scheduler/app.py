"""The scheduler as a service: its entry points for HTTP, events and time, around the parts in `dependencies`."""

from typing import Final

from services.scheduler import api, cancelling, consumer, contacts, lookup, loops, planned_words
from services.scheduler.approvals import api as approvals_api
from services.scheduler.approvals.deciding import ApprovalAction
from services.scheduler.controls import api as controls_api
from services.scheduler.controls.second_person import ApprovedResume
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.flow_files import api as flow_files_api
from services.scheduler.flow_files.checks import FlowChecks
from services.scheduler.flow_views import api as flows_api
from services.scheduler.flow_views import own_phone_api
from services.scheduler.runs.previews import GateAdvice
from services.scheduler.tables import metadata, system_tables
from shared.bus.read_progress import ReadProgress
from shared.events.topics import Topic
from shared.http.audit_routes import create_audit_router
from shared.http.lazy_routers import LazyRouters
from shared.http.parked_routes import create_parked_router
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks

NAME: Final = "scheduler"
CANCELLING_TOPICS: Final = (Topic.TRIGGERS, Topic.ENGAGEMENT, Topic.DISPATCHES)
"""What may cancel a follow-up that is due: purchases, replies, and what was sent before."""


def build(runtime: Runtime, advice: GateAdvice) -> Service:
    """Return the scheduler, ready to be run by a process.

    Args:
        runtime: what the process gives.
        advice: the gate's pure evaluation, for dry runs; the same function in both ways to run.
    """
    deps = SchedulerDependencies.of(runtime, system_tables, advice)
    checks = FlowChecks()
    events = Consumer.of(runtime, system_tables, consumer.create_router(deps))
    runtime.log.announce_reading(system_tables, CANCELLING_TOPICS)
    # What was acknowledged five seconds before a follow-up is due has been read by then, or it waits (promise P6).
    progress = ReadProgress(
        events.source,
        runtime.log.marks(),
        deps.units,
        system_tables,
        CANCELLING_TOPICS,
        patience_seconds=deps.settings.unread_trigger_seconds,
    )
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=deps.units,
        consumer=events,
        tasks=WatchedTasks(NAME),
        routers=LazyRouters(
            lambda: (
                cancelling.create_router(deps),
                api.create_router(deps),
                lookup.create_router(deps),
                planned_words.create_router(deps),
                flow_files_api.create_router(deps, checks),
                contacts.create_router(deps),
                flows_api.create_router(deps),
                own_phone_api.create_router(deps),
                controls_api.create_router(deps),
                approvals_api.create_router(deps, {ApprovalAction.RESUME: ApprovedResume(runtime.sealer, deps.audit)}),
                create_audit_router(deps.audit, deps.units),
                create_parked_router(deps.units, system_tables, events.router, deps.audit),
            )
        ),
        loops=loops.create_loops(deps, progress),
        worries=(deps.flow_files.worry,),
        on_start=(deps.waker.start, deps.control_waker.start),
        on_stop=(checks.close,),
    )
