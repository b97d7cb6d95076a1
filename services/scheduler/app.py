"""Puts the scheduler together."""

from typing import Final

from services.scheduler import privacy_store, tables
from services.scheduler.api import create_router as create_http_router
from services.scheduler.consumer import create_router as create_event_router
from services.scheduler.loops import create_loops
from services.scheduler.privacy import Privacy
from services.scheduler.release.loop import DueWaker
from services.scheduler.runs.follow_up_requests import FollowUpRequests
from services.scheduler.runs.planner import Planner
from services.scheduler.runs.previews import GateAdvice
from services.scheduler.runs.triggers import Triggers
from services.scheduler.runs.versions import Versions
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import metadata, system_tables
from shared import rights
from shared.bus.read_progress import ReadProgress
from shared.events.topics import Topic
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks

NAME: Final = "scheduler"
CANCELLING_TOPICS: Final = (Topic.TRIGGERS, Topic.ENGAGEMENT, Topic.DISPATCHES)
"""What may cancel a follow-up that is due: purchases, replies, and what was sent before."""
__all__ = ["NAME", "build", "metadata", "system_tables", "tables"]


def build(runtime: Runtime, advice: GateAdvice) -> Service:
    """Return the scheduler.

    Args:
        runtime: what the process gives.
        advice: the gate's pure evaluation, for dry runs; the same function in both ways to run.
    """
    settings = SchedulerSettings()
    units, sealer, merchants = runtime.units, runtime.sealer, runtime.merchants
    versions, waker = Versions(), DueWaker(runtime.clock)
    planner = Planner(sealer, runtime.log.partitions)
    triggers = Triggers(merchants, sealer, planner, versions, settings, runtime.quotas)
    exports = rights.Exports(system_tables, sealer, privacy_store.held)
    privacy = Privacy(system_tables, exports, settings.unconfirmed_after)
    events = create_event_router(merchants, sealer, planner, versions, triggers, privacy, settings, waker.wake_at)
    consumer = Consumer.of(runtime, system_tables, events)
    runtime.log.announce_reading(system_tables, CANCELLING_TOPICS)
    # What was acknowledged five seconds before a follow-up is due has been read by then, or it waits (promise P6).
    progress = ReadProgress(
        consumer.source,
        runtime.log.marks(),
        units,
        system_tables,
        CANCELLING_TOPICS,
        patience_seconds=settings.unread_trigger_seconds,
    )
    requests = FollowUpRequests(sealer, versions, advice)
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=units,
        consumer=consumer,
        tasks=WatchedTasks(NAME),
        routers=(create_http_router(runtime, system_tables, requests, planner, settings, waker.wake_at),),
        loops=create_loops(runtime, settings, progress, versions, waker),
        on_start=(waker.start,),
    )
