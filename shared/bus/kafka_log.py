"""The log of a distributed service: events leave through its outbox and come in from Kafka."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from shared.bus import outbox
from shared.bus.errors import LogUnavailable
from shared.bus.kafka_losses import LossWatch
from shared.bus.kafka_marks import KafkaMarks, ReadWatermark
from shared.bus.kafka_source import SESSION_SECONDS, KafkaSource
from shared.bus.kafka_topics import create_topics
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.marks import MARK_SECONDS
from shared.bus.outbox import Relay
from shared.bus.outbox_capacity import MOST_ROWS, STUCK_SECONDS, WAITS_SECONDS, OutboxCapacity
from shared.bus.relay_archive import KEEP_MINUTES
from shared.db.postgres import PostgresDatabase
from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction
from shared.events.envelope import Event
from shared.tasks import WatchedTasks

_ACTS = "scheduler"
"""The service whose reading decides about texts."""


class KafkaLog:
    """What one process of one service publishes to and reads from.

    Args:
        cluster: where the log is.
        service: names the outbox and the consumer group.
        database: the service's; it holds the outbox.
        instance: a name that outlives a restart (a StatefulSet's), so that a restart does not rebalance; None for none.
        session_seconds: how long the group waits for a process that stopped answering.
        outbox_rows: how many events may wait while the log is away.
        keep_minutes: how long relayed events are stored, in case the log loses them.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        service: str,
        database: PostgresDatabase,
        *,
        instance: str | None = None,
        session_seconds: float = SESSION_SECONDS,
        outbox_rows: int = MOST_ROWS,
        keep_minutes: float = KEEP_MINUTES,
    ) -> None:
        self.relay = Relay(cluster, service, database, keep_minutes)
        self.metadata, self.outbox = self.relay.metadata, self.relay.table
        self.sources: list[KafkaSource] = []
        self._marks: KafkaMarks | None = None
        self._cluster = cluster
        self._service = service
        self._database = database
        self._instance = instance
        self._session_seconds = session_seconds
        self.capacity = OutboxCapacity(service, self.outbox, database, outbox_rows)
        self.losses = LossWatch(cluster, self.relay)
        self._tasks = WatchedTasks(service)
        self._loops = [self.relay.loop, self.relay.lease, self.relay.marking.loop, self.capacity.loop, self.losses.loop]

    async def write(self, transaction: Transaction, events: Sequence[Event], now: datetime) -> None:
        """Store the events; they are published if and only if the transaction commits."""
        await transaction.insert(self.outbox, outbox.rows_of(events, now))
        self.capacity.note(len(events))

    def committed(self) -> None:
        """Wake the relay."""
        self.relay.loop.wake()

    def source(self, types: Sequence[str]) -> KafkaSource:
        """Return a reader of the given event types; it joins the group at the first poll."""
        source = KafkaSource(
            self._cluster, self._service, types, instance=self._instance, session_seconds=self._session_seconds
        )
        self.sources.append(source)
        return source

    def marks(self) -> KafkaMarks:
        """Return the publishers' marks: up to when their events are in the log; read while the log is `running`."""
        if self._marks is None:
            self._marks = KafkaMarks(self._cluster, self._service, self._database)
            self._loops.append(self._marks.loop)
        return self._marks

    def announce_reading(self, system_tables: SystemTables, topics: Sequence[str]) -> None:
        """Publish in this service's marks up to when it has read the events of these topics."""
        marks = self.marks()
        marks.watch_ends(topics)
        self.relay.marking.hear(system_tables, ReadWatermark(marks, topics, self._service))

    async def unread_seconds(self, now: datetime) -> float:  # noqa: ARG002 - marks are on our monotonic clock
        """Return for how long published events may not have been read by the scheduler.

        0 if unknown, and while the scheduler or the log is away: events are then stored, and slowing senders is no use.
        """
        marks = self.marks()
        at, heard = marks.in_log(_ACTS), marks.heard(_ACTS)
        if not math.isfinite(heard) or time.monotonic() - at > MARK_SECONDS:
            return 0.0
        return max(0.0, at - heard)

    def require_room(self) -> None:
        """Check that the outbox has room for new events from outside.

        Raises:
            OutboxFull: the log has been away for too long.
        """
        self.capacity.require()

    async def prepare(self) -> None:
        """Create the topics and the outbox if they are missing.

        Raises:
            ConfigurationFault: a topic has another number of partitions than this process expects.
            LogUnavailable: the cluster cannot be reached now.
            DatabaseUnavailable: nor can the database.
        """
        await create_topics(self._cluster)
        await outbox.create(self._database, self.metadata)

    @property
    def partitions(self) -> int:
        """Of each topic."""
        return self._cluster.partitions

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Relay while the block runs; afterwards leave the group and disconnect."""
        heard = self._marks or KafkaMarks(self._cluster, self._service, self._database)
        self.losses.marks = heard
        extra = [] if heard is self._marks else [heard.loop]
        for loop in (*self._loops, *extra):
            self._tasks.start(loop.name, loop.run_forever())
        try:
            yield
        finally:
            await self._tasks.stop()
            await asyncio.gather(
                self.relay.close(),
                heard.close(),
                self.losses.close(),
                *(source.close() for source in self.sources),
            )

    def halted(self) -> str | None:
        """Return which of its tasks ended for good, or None."""
        return self._tasks.ended()

    async def readiness(self) -> str | None:
        """Return why this process should not be given work, or None.

        A log that is away is only a concern: events are stored meanwhile. An outbox that does not drain while the log
        answers makes the process unready.
        """
        if (ended := self._tasks.ended()) is not None:
            return ended
        seconds = self.capacity.waiting_seconds()
        if seconds > STUCK_SECONDS and self.relay.loop.pulse.code != LogUnavailable.code:
            return f"the oldest event in the outbox has not left for {seconds:.0f} s"
        return None

    async def concerns(self) -> str | None:
        """Return why events do not reach the log or cannot be counted, or None; meanwhile they stay in the outbox."""
        found = [trouble for loop in self._loops if (trouble := loop.pulse.trouble())]
        if self._marks is not None and (late := self._marks.late()):
            found.append(f"source_lag: marketing waits for the marks of {', '.join(late)}")
        if (seconds := self.capacity.waiting_seconds()) > WAITS_SECONDS:
            found.append(f"the oldest event in the outbox has waited for {seconds:.0f} s")
        return "; ".join(found) or None
