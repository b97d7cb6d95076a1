"""The scheduler, put together."""

from services.scheduler import retention, tables
from services.scheduler.api import create_api
from services.scheduler.consumer import Handlers
from services.scheduler.release import failing_follow_ups, timer_days
from services.scheduler.release.loop import DueWaker, Firing
from services.scheduler.runs.follow_up_requests import FollowUpRequests, GateAdvice
from services.scheduler.runs.planner import Planner, Versions
from services.scheduler.runs.triggers import Triggers
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import metadata, system_tables
from shared.bus.read_progress import ReadProgress
from shared.events.topics import Topic
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Consumer, Runtime, Service
from shared.tasks import WatchedTasks

NAME = "scheduler"
NEWS = (Topic.TRIGGERS, Topic.ENGAGEMENT, Topic.DISPATCHES)
"""What may speak against a text that is due: what people bought, did and were sent."""
__all__ = ["NAME", "build", "metadata", "system_tables", "tables"]


def build(runtime: Runtime, advice: GateAdvice) -> Service:
    """Return the scheduler.

    Args:
        runtime: what the process gives.
        advice: the gate's pure evaluation, for dry runs: the same in either way of running.
    """
    settings = SchedulerSettings()
    units = runtime.units
    versions, waker = Versions(), DueWaker(runtime.clock)
    planner = Planner(runtime.sealer, runtime.log.partitions)
    triggers = Triggers(runtime.merchants, runtime.sealer, planner, versions, settings, runtime.quotas)
    handlers = Handlers(
        runtime.merchants, runtime.sealer, planner, versions, triggers, settings, waker.wake_at
    ).router()
    handlers.works[failing_follow_ups.PARKED_AS] = failing_follow_ups.take_again
    consumer = Consumer.of(runtime, system_tables, handlers)
    runtime.log.announce_reading(system_tables, NEWS)
    # What was acknowledged five seconds before a text is due has been read by then, or its text waits (promise P6).
    progress = ReadProgress(
        consumer.source,
        runtime.log.marks(),
        units,
        system_tables,
        NEWS,
        patience_seconds=settings.unread_trigger_seconds,
    )
    fire = Loop("fire", Firing(units, runtime.merchants, settings, progress, versions).step)
    waker.attach(fire)
    requests = FollowUpRequests(runtime.sealer, versions, advice)
    return Service(
        name=NAME,
        metadata=metadata,
        system_tables=system_tables,
        units=units,
        consumer=consumer,
        tasks=WatchedTasks(NAME),
        routers=(create_api(runtime, requests, planner, settings, waker.wake_at),),
        loops=(
            fire,
            Loop("retention", retention.step_of(units, settings), longest_seconds=SLOW_SECONDS),
            timer_days.loop(units),
        ),
        on_start=(waker.start,),
    )
