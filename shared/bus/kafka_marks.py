"""Marks over Kafka: one topic of one partition, written by relays, read by every service that decides about a text."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.bus.kafka_client import (
    FAILURES,
    KafkaConsumer,
    TopicPartition,
    lone_consumer,
    places_of,
    reported,
    stop_within,
    unavailable,
)
from shared.bus.kafka_wire import MARKS_TOPIC, KafkaCluster
from shared.bus.marks import MARK_SECONDS, PUBLISHERS, PublisherMark, unpacked
from shared.bus.port import Partition
from shared.db.postgres import PostgresDatabase
from shared.db.postgres_session import SERVER_TIME
from shared.errors import DatabaseUnavailable
from shared.loop import Loop

_ANSWER_SECONDS = 5.0
_CLOSE_SECONDS = 1.0
_GATHER_MILLISECONDS = 900
"""Marks come once a second from each service; they are fetched together."""
_COMPARE_SECONDS = 2.0
"""How often the database's clock is compared with this process's monotonic one."""
_AHEAD = timedelta(seconds=5)
"""A mark further in the future than this is ignored."""
_LOOKS_KEPT = 24


class KafkaMarks:
    """The newest mark of each publisher.

    Marks name instants of their publishers' database clocks, and this process compares them with its own database's
    clock: with one server, as in most installations, that is one clock; several servers are kept together by NTP. The
    last mark in the topic counts, whether or not it is newer than one before: both are true.

    Args:
        cluster: where the log is.
        service: the one that reads.
        database: its clock counts.
    """

    def __init__(self, cluster: KafkaCluster, service: str, database: PostgresDatabase) -> None:
        self.loop = Loop(f"{service}-marks-read", self.step)
        self._cluster = cluster
        self._service = service
        self._database = database
        self._place = TopicPartition(cluster.topic(MARKS_TOPIC), 0)
        self._others: list[TopicPartition] = []
        """One partition of each topic whose ends are requested: the library knows only topics it was assigned."""
        self._consumer: KafkaConsumer | None = None
        self._newest: dict[str, PublisherMark] = {}
        self._compared: tuple[float, datetime] | None = None
        """This process's monotonic clock just before the database was asked for its time, and the answer."""

    @property
    def newest(self) -> Mapping[str, PublisherMark]:
        """The newest mark of each publisher."""
        return self._newest

    def in_log(self, publisher: str) -> float:
        """Return the instant before which everything a publisher committed is in the log; -inf if unknown."""
        mark = self._newest.get(publisher)
        return -math.inf if mark is None else self._here(mark.at)

    def heard(self, service: str) -> float:
        """Return the instant before which a service has read everything and published what follows; -inf if unknown."""
        mark = self._newest.get(service)
        return -math.inf if mark is None or mark.heard is None else self._here(mark.heard)

    def late(self) -> list[str]:
        """Return the publishers whose events may not all be in the log, or whose mark is unknown."""
        since = time.monotonic() - MARK_SECONDS
        return [each for each in sorted(PUBLISHERS) if self.in_log(each) < since]

    async def step(self) -> float:
        """Fetch new marks.

        Raises:
            LogUnavailable: the log does not answer; the known marks grow old.
            DatabaseUnavailable: nor does the database.
        """
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                consumer = await self._started()
                found = await consumer.getmany(self._place, timeout_ms=_GATHER_MILLISECONDS)
        except FAILURES as problem:
            await self.close()
            raise unavailable(problem) from problem
        await self._compare()
        for record in found.get(self._place, ()):
            mark = unpacked(record.value or b"")
            if mark is not None:
                self._newest[mark.publisher] = mark
        return 0.0

    def watch_ends(self, topics: Sequence[str]) -> None:
        """Prepare to return where these topics end; call it before the first step."""
        self._others = [TopicPartition(self._cluster.topic(topic), 0) for topic in topics]

    async def ends(self, topics: Sequence[str]) -> dict[Partition, int]:
        """Return where every partition of these topics ends, whichever process reads it.

        Raises:
            LogUnavailable: the log does not answer.
        """
        places = places_of(self._cluster, topics)
        with reported():
            async with asyncio.timeout(_ANSWER_SECONDS):
                consumer = await self._started()
                found = await consumer.end_offsets([*places])
        return {places[place]: int(end) for place, end in found.items()}

    async def close(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_within(consumer, _CLOSE_SECONDS)

    def _here(self, at: datetime) -> float:
        """Return a database instant on the monotonic clock, never later than it was."""
        if self._compared is None:
            return -math.inf
        monotonic, there = self._compared
        now_there = there + timedelta(seconds=time.monotonic() - monotonic)  # or a moment later
        return -math.inf if at > now_there + _AHEAD else monotonic - (there - at).total_seconds()

    async def _compare(self) -> None:
        """Ask for the database's time, unless that was done a moment ago."""
        before = time.monotonic()
        if self._compared is not None and before - self._compared[0] < _COMPARE_SECONDS:
            return
        try:
            rows = await self._database.read(lambda db: db.rows(SERVER_TIME))
        except DatabaseUnavailable:
            self._compared = None
            raise
        self._compared = before, rows[0]["at"]

    async def _started(self) -> KafkaConsumer:
        """Return the consumer, at the end of the topic: marks are repeated every second."""
        if self._consumer is None:
            consumer = await lone_consumer(
                self._cluster,
                client_id=f"followup-{self._service}-marks",
                auto_offset_reset="latest",
                fetch_min_bytes=64 * 1024,
                fetch_max_wait_ms=_GATHER_MILLISECONDS,
                retry_backoff_ms=100,
                metadata_max_age_ms=300_000,
            )
            try:
                consumer.assign([self._place, *self._others])
                if self._others:
                    consumer.pause(*self._others)
                await consumer.seek_to_end(self._place)
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer


class ReadWatermark:
    """Up to when a service has read everything, for its own mark: of all its processes, by its committed positions.

    A look records up to when everything was in the log, then where the partitions end. Once the positions have passed
    those ends, what follows from the events is committed; once a later mark of this service is true, it is in the log.
    """

    def __init__(self, marks: KafkaMarks, topics: Sequence[str], service: str) -> None:
        self._marks = marks
        self._topics = topics
        self._publishers = PUBLISHERS - {service}
        self._looks: deque[tuple[datetime, Mapping[Partition, int]]] = deque(maxlen=_LOOKS_KEPT)

    async def look(self) -> None:
        """Record how far every publisher's events have come and where the log ends.

        Raises:
            LogUnavailable: the log does not answer.
        """
        newest = self._marks.newest
        said = [newest[each].at for each in self._publishers if each in newest]
        if len(said) == len(self._publishers):
            self._looks.append((min(said), await self._marks.ends(self._topics)))

    def heard(self, positions: Mapping[Partition, int]) -> datetime | None:
        """Return up to when everything was read, given the committed positions; None if unknown."""
        for before, ends in reversed(self._looks):
            if all(positions.get(partition, 0) >= end for partition, end in ends.items()):
                return before
        return None
