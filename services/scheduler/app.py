"""The scheduler, put together."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from services.scheduler import retention, tables
from services.scheduler.api import create_api
from services.scheduler.asking import Asking, GateAdvice
from services.scheduler.consumer import Consumer
from services.scheduler.loop import Bell, CaughtUp, Firing
from services.scheduler.planner import Seals, Versions
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import ground, metadata
from services.scheduler.triggers import Triggers
from shared.bus.local import LOCAL, event_log, is_read_to_the_end
from shared.db.transaction import Transaction
from shared.events.topics import Topic
from shared.loop import Loop
from shared.service import Runtime, Service

NAME = "scheduler"
__all__ = ["NAME", "build", "ground", "metadata", "tables"]


def build(runtime: Runtime, advice: GateAdvice | None = None, caught_up: CaughtUp | None = None) -> Service:
    """Return the scheduler.

    Args:
        runtime: what the process gives.
        advice: the gate's pure evaluation, for dry runs; a process that holds only the scheduler has none.
        caught_up: how to know that all triggers were read; left out, the local log is looked at.
    """
    settings = SchedulerSettings()
    units = runtime.units
    seals, versions, bell = Seals(runtime.sealer), Versions(), Bell(runtime.clock)
    triggers = Triggers(runtime.merchants, runtime.sealer, seals, versions, settings)
    firing = Firing(units, runtime.merchants, settings, caught_up or LocalTriggers(settings).are_read)
    loop = Loop("fire", firing.step)
    bell.attach(loop)
    asking = Asking(runtime.sealer, seals, versions, advice)
    service = Service(
        name=NAME,
        metadata=metadata,
        ground=ground,
        units=units,
        routers=[create_api(runtime, asking, seals, settings, bell.ring)],
        loops=[loop, Loop("retention", retention.step_of(units, settings))],
        on_start=[bell.start],
    )
    consumer = Consumer(runtime.merchants, runtime.sealer, seals, triggers, settings, bell.ring)
    service.listen(runtime.log, consumer.router())
    return service


class LocalTriggers:
    """Whether the scheduler has read the triggers of the local log.

    Under steady traffic some trigger is always on its way to us, so "read to the end" alone would never release
    anything. An unread trigger holds releases from the moment it is a second old: one acknowledged five seconds
    before a text is due has been read by then, or nothing is released (promise P6).
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self._patience = timedelta(seconds=settings.unread_trigger_seconds)
        self._oldest_unread = (
            sa.select(event_log.c.published_at)
            .where(event_log.c.id >= sa.bindparam("position"), event_log.c.topic == Topic.TRIGGERS)
            .order_by(event_log.c.id)
            .limit(1)
        )
        positions = ground.positions.c
        self._position = sa.select(positions.next_offset).where(
            positions.consumer_group == f"followup-{NAME}",
            positions.topic == LOCAL.topic,
            positions.partition == LOCAL.number,
        )

    async def are_read(self, db: Transaction, now: datetime) -> bool:
        """Return whether releasing now keeps the promise; reads the position in the releasing transaction."""
        rows = await db.rows(self._position)
        position = int(rows[0]["next_offset"]) if rows else 0
        if await is_read_to_the_end(db, position, Topic.TRIGGERS):
            return True
        oldest = await db.rows(self._oldest_unread, {"position": position})
        published_at: datetime = oldest[0]["published_at"]
        return now - published_at < self._patience
