"""Reads events from Kafka from the position in the service's own database; the offsets committed to Kafka are ignored.

Unlike the local log: partitions are assigned and revoked (work on a revoked one is fenced at its commit, and read again
by its new owner), a topic's events are in order only within a partition, and retention deletes events.
"""

import asyncio
import heapq
import math
from collections.abc import Iterable, Mapping, Sequence

from shared.bus import kafka_instruments as instruments
from shared.bus.errors import ConsumerStalled, LogShortened
from shared.bus.kafka_client import (
    FAILURES,
    FetchedRecord,
    IllegalStateError,
    KafkaConsumer,
    TopicPartition,
    commit,
    group_member,
    is_retriable,
    leave,
    refresh_topics,
    reported,
    unavailable,
)
from shared.bus.kafka_lookahead import KafkaLookahead
from shared.bus.kafka_topics import MAX_RECORD_BYTES
from shared.bus.kafka_wire import KafkaCluster, recipient_of, type_of
from shared.bus.port import Assignment, Key, Message, Partition, Poll
from shared.events.registry import registry
from shared.telemetry.logs import logger

STALLED_SECONDS = 30.0
_SILENCE_SECONDS = 1.0
_HINT_SECONDS = 5.0
SESSION_SECONDS = 10.0
"""How long the group keeps the partitions of a process that died; one that restarts under its name takes them back."""
_HEARTBEATS_PER_SESSION = 10
"""A member learns from its next heartbeat that another one left, and that it should take over."""
_REBALANCE_MILLISECONDS = 60_000
_POLL_MILLISECONDS = 300_000
_REQUEST_MILLISECONDS = 40_000
_ANSWER_SECONDS = 5.0
"""How long to wait for what a healthy cluster answers at once."""
_LOOKS_BEFORE_STALLED = 2
_FETCH_WAIT_MILLISECONDS = 250
"""A partition that joins a fetch under way waits at most this long for the next one."""
_NOTHING = Poll((), {})

log = logger(__name__)


class KafkaSource:
    """One member of a service's consumer group: a `Source`, with the faults that `port` names.

    Args:
        cluster: where the log is.
        service: names the group, `followup-<service>`.
        types: the event types to return; others are skipped.
        instance: a name that outlives a restart, so that the group waits for it instead of rebalancing; None for none.
        session_seconds: how long this process may be silent before the group considers it dead.
        stalled_seconds: how long events may wait without one arriving, while the cluster answers.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        service: str,
        types: Sequence[str],
        *,
        instance: str | None = None,
        session_seconds: float = SESSION_SECONDS,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._service = service
        self._types = frozenset(types)
        kinds = registry()
        self._topics = {cluster.topic(topic): topic for topic in sorted({kinds[name].topic for name in types})}
        self._instance = instance
        self._session_milliseconds = int(session_seconds * 1000)
        self._stalled_seconds = stalled_seconds
        self._consumer: KafkaConsumer | None = None
        self._lookahead = KafkaLookahead(cluster, service)
        self._assigned: frozenset[Partition] = frozenset()
        self._is_complete = False
        """Whether the assignment has partitions of every topic."""
        self._asked_at = -math.inf
        """When unknown topics were last asked for."""
        self._changed = asyncio.Event()
        self._next: dict[Partition, int] = {}
        """The position of the consumer in each partition; empty after a rebalance, until it was set."""
        self._first: dict[Partition, int] = {}
        """Where each partition began when it was assigned."""
        self._looked_at = 0.0
        """When a record last arrived, or when the reason for the silence was last checked."""
        self._waiting_seen = 0
        """How many checks in a row found events waiting."""
        self._hinted_at = 0.0

    async def partitions(self) -> frozenset[Partition]:
        """Return the partitions this process reads now; empty during a rebalance."""
        await self._started()
        return self._assigned

    async def poll(self, positions: Mapping[Partition, int], limit: int, linger_seconds: float) -> Poll:
        """Wait for events past `positions`, linger, and return up to `limit`, oldest first as far as clocks agree."""
        consumer = await self._started()
        await self._learn_topics(consumer)
        if not self._assigned:
            await self._await_assignment()
        if not positions or positions.keys() != self._assigned:
            return _NOTHING
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._seek(consumer, positions)
            found = await self._fetched(consumer, limit, linger_seconds)
            await self._commit_hint(consumer, positions)
            poll = self._messages_of(found)
            await self._detect_stall(consumer, moved=bool(poll.next_offsets))
        except (IllegalStateError, AssertionError):
            # The group changed between two lines: aiokafka raises the one from seek and the other from highwater.
            # The records read are dropped.
            self._next.clear()
            return _NOTHING
        except FAILURES as problem:
            self._waiting_seen = 0
            if not is_retriable(problem):
                await self.close()  # the library's own tasks may have ended with it: reconnect
            raise unavailable(problem) from problem
        return poll

    def assignment(self) -> Assignment:
        """Return the assigned partitions: the group assigns the same numbers of every topic."""
        return Assignment(frozenset(partition.number for partition in self._assigned), self._cluster.partitions)

    async def ends(self, topics: Sequence[str], since: Mapping[Partition, int]) -> dict[Partition, int]:  # noqa: ARG002 - the log knows its ends
        """Return the offset after the newest event of each partition of these topics; none before the first poll."""
        consumer = self._consumer
        wanted = [self._place_of(p) for p in self._assigned if p.topic in topics]
        if consumer is None:
            return {}
        with reported():
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await consumer.end_offsets(wanted) if wanted else {}
        return {self._partition_of(place): offset for place, offset in found.items()}

    async def keys(
        self,
        topics: Sequence[str],  # noqa: ARG002 - a partition is of one topic here
        spans: Mapping[Partition, tuple[int, int]],
        limit: int,
    ) -> tuple[list[Key], dict[Partition, int]]:
        """Return which recipients the events in these spans are about."""
        return await self._lookahead.keys(spans, limit)

    async def close(self) -> None:
        """Leave the group, so that others take over at once, and disconnect; a member that dies keeps its place."""
        consumer, self._consumer = self._consumer, None
        await self._lookahead.close()
        if consumer is not None:
            self.revoked()
            await leave(consumer, is_named=self._instance is not None)

    def assigned(self, places: Iterable[TopicPartition]) -> None:
        """Record the new assignment; nothing is read from it before its positions are known."""
        self._next.clear()
        self._assigned = frozenset(map(self._partition_of, places))
        self._is_complete = {partition.topic for partition in self._assigned} == {*self._topics.values()}
        if places and self._consumer is not None:
            self._consumer.pause(*places)
        self._looked_at, self._waiting_seen = asyncio.get_running_loop().time(), 0
        self._changed.set()
        instruments.ASSIGNED.labels(self._service).set(len(self._assigned))
        log.info("partitions_assigned", service=self._service, count=len(self._assigned))

    def revoked(self) -> None:
        """Drop the assignment: polls under way return nothing."""
        self._next.clear()
        self._assigned = frozenset()
        instruments.ASSIGNED.labels(self._service).set(0)

    async def _learn_topics(self, consumer: KafkaConsumer) -> None:
        """Ask for topics that this member does not know yet, once a second at most, so that the group assigns them.

        Topics made a moment ago, or after this process began, are unknown to it until it asks again: the library does
        so every five minutes, and as leader of the group it assigns no partition of what it does not know.
        """
        now = asyncio.get_running_loop().time()
        if self._is_complete or now - self._asked_at < _SILENCE_SECONDS:
            return
        self._asked_at = now
        if any(not consumer.partitions_for_topic(name) for name in self._topics):
            await refresh_topics(consumer, _ANSWER_SECONDS)

    async def _await_assignment(self) -> None:
        """Wait for the group's next decision, for about a second at most: a member may stay without partitions."""
        self._changed.clear()
        try:
            async with asyncio.timeout(_SILENCE_SECONDS):  # `wait_for` may lose a cancellation (Python 3.11)
                await self._changed.wait()
        except TimeoutError:
            return

    async def _seek(self, consumer: KafkaConsumer, positions: Mapping[Partition, int]) -> None:
        """Seek to the database's positions, unless the consumer is there already."""
        fresh = not self._next
        if fresh:
            for name, topic in self._topics.items():
                if (known := consumer.partitions_for_topic(name)) is not None:
                    self._cluster.check(topic, known)
            self._first = await self._first_offsets(consumer, positions)
        for partition, offset in positions.items():
            start = max(offset, self._first[partition])
            if self._next.get(partition) != start:
                consumer.seek(self._place_of(partition), start)
                self._next[partition] = start
        if fresh:
            consumer.resume(*map(self._place_of, positions))

    async def _first_offsets(self, consumer: KafkaConsumer, positions: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return where each partition begins, having checked that the log still holds what is unread."""
        places = [self._place_of(partition) for partition in positions]
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for partition, offset in positions.items():
            place = self._place_of(partition)
            if offset > end[place]:
                raise LogShortened(
                    f"{place.topic}/{place.partition} ends at {end[place]}, and {offset} was read already; "
                    "was the topic made anew?"
                )
            if 0 < offset < first[place]:
                self._report_lost(place, first[place] - offset)
        return {partition: int(first[self._place_of(partition)]) for partition in positions}

    async def _fetched(self, consumer: KafkaConsumer, limit: int, linger_seconds: float) -> list[FetchedRecord]:
        """Return the records that arrive first, and those that arrive while lingering."""
        batches = [await consumer.getmany(timeout_ms=int(_SILENCE_SECONDS * 1000), max_records=limit)]
        count = sum(map(len, batches[0].values()))
        if 0 < count < limit:
            await asyncio.sleep(linger_seconds)
            batches.append(await consumer.getmany(timeout_ms=0, max_records=limit - count))
        by_place: dict[TopicPartition, list[FetchedRecord]] = {}
        for batch in batches:
            for place, records in batch.items():
                by_place.setdefault(place, []).extend(records)
        return [*heapq.merge(*by_place.values(), key=lambda record: record.timestamp)]

    def _messages_of(self, records: Sequence[FetchedRecord]) -> Poll:
        """Return records as messages and advance; records of partitions lost meanwhile are dropped."""
        messages = []
        reached: dict[Partition, int] = {}
        for record in records:
            partition = Partition(self._topics[record.topic], record.partition)
            expected = self._next.get(partition)
            if expected is None or record.offset < expected:
                continue
            if record.offset > expected:
                self._report_lost(self._place_of(partition), record.offset - expected)
            self._next[partition] = reached[partition] = record.offset + 1
            kind, recipient = type_of(record.headers), recipient_of(record.key)
            if kind is None or recipient is None or record.value is None:
                instruments.FOREIGN.labels(self._service).inc()
                log.error("foreign_record", topic=record.topic, partition=record.partition, offset=record.offset)
            elif kind in self._types:
                messages.append(Message(partition, record.offset, kind, recipient, record.value))
        return Poll(messages, reached)

    async def _commit_hint(self, consumer: KafkaConsumer, positions: Mapping[Partition, int]) -> None:
        """Commit the positions to Kafka from time to time, for tools that show lag; nothing reads them back."""
        now = asyncio.get_running_loop().time()
        if now - self._hinted_at < _HINT_SECONDS:
            return
        self._hinted_at = now
        lag = sum((consumer.highwater(self._place_of(p)) or at) - at for p, at in positions.items())
        instruments.LAG.labels(self._service).set(max(0, lag))
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):  # the library itself would try for ever
                await commit(consumer, {self._place_of(p): at for p, at in positions.items()})
        except FAILURES as problem:
            log.debug("hint_not_taken", service=self._service, error=type(problem).__name__)

    async def _detect_stall(self, consumer: KafkaConsumer, *, moved: bool) -> None:
        """Detect a consumer that has stopped without an error.

        One check is not enough: what waits may have arrived this very moment, after a quiet hour or with a cluster that
        is back after an outage.
        """
        now = asyncio.get_running_loop().time()
        if moved:
            self._looked_at, self._waiting_seen = now, 0
        elif now - self._looked_at > self._stalled_seconds / _LOOKS_BEFORE_STALLED:
            async with asyncio.timeout(_ANSWER_SECONDS):
                ends = await consumer.end_offsets([self._place_of(partition) for partition in self._next])
            self._looked_at = asyncio.get_running_loop().time()
            waiting = sum(max(0, end - self._next.get(self._partition_of(place), end)) for place, end in ends.items())
            self._waiting_seen = self._waiting_seen + 1 if waiting else 0
            if self._waiting_seen > _LOOKS_BEFORE_STALLED:
                raise ConsumerStalled(f"{waiting} events wait and none came for {self._stalled_seconds:.0f} s")

    async def _started(self) -> KafkaConsumer:
        """Return the consumer, connected and subscribed."""
        if self._consumer is None:
            self._consumer = await group_member(
                self._cluster,
                [*self._topics],
                self.assigned,
                self.revoked,
                client_id=f"followup-{self._service}",
                group_id=self._cluster.topic(f"followup-{self._service}"),
                group_instance_id=self._instance,
                auto_offset_reset="earliest",
                isolation_level="read_uncommitted",
                session_timeout_ms=self._session_milliseconds,
                heartbeat_interval_ms=self._session_milliseconds // _HEARTBEATS_PER_SESSION,
                rebalance_timeout_ms=_REBALANCE_MILLISECONDS,
                max_poll_interval_ms=_POLL_MILLISECONDS,
                request_timeout_ms=_REQUEST_MILLISECONDS,
                retry_backoff_ms=100,
                fetch_min_bytes=1,
                fetch_max_wait_ms=_FETCH_WAIT_MILLISECONDS,
                max_partition_fetch_bytes=MAX_RECORD_BYTES,
                fetch_max_bytes=4 * MAX_RECORD_BYTES,
                check_crcs=True,
                metadata_max_age_ms=300_000,
                connections_max_idle_ms=540_000,
            )
        return self._consumer

    def _report_lost(self, place: TopicPartition, count: int) -> None:
        """Log and count events that retention removed before they were read."""
        instruments.LOST.labels(self._service).inc(count)
        log.error("events_lost_to_retention", topic=place.topic, partition=place.partition, count=count)

    def _partition_of(self, place: TopicPartition) -> Partition:
        return Partition(self._topics[place.topic], place.partition)

    def _place_of(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._cluster.topic(partition.topic), partition.number)
