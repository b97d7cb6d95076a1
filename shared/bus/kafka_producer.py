"""Writes events into Kafka: idempotent, acknowledged by every replica in sync, each to its recipient's partition."""

import asyncio
from collections.abc import Sequence

from shared.bus.errors import LogUnavailable
from shared.bus.kafka_client import (
    FAILURES,
    ClientProducer,
    MessageSizeTooLargeError,
    RecordPosition,
    abandon,
    idempotent_producer,
    unavailable,
)
from shared.bus.kafka_topics import MAX_RECORD_BYTES
from shared.bus.kafka_wire import KafkaCluster, KafkaRecord, headers
from shared.bus.partitioning import partitions_of
from shared.bus.port import Partition
from shared.telemetry.logs import logger

_REQUEST_MILLISECONDS = 10_000
_ANSWER_SECONDS = 10.0
"""How long records may wait for their acknowledgements; then they are sent again from the outbox.

The library itself never gives up on a record of an idempotent producer, however long the cluster is away.
"""
_CLOSE_SECONDS = 3.0
_BATCH_BYTES = 256 * 1024

log = logger(__name__)


class KafkaProducer:
    """A connection to the log that is made on demand and replaced after every failure.

    Replaced, because an idempotent producer that gave up on a record has a gap in its numbering, and brokers
    refuse everything that follows.
    """

    def __init__(self, cluster: KafkaCluster, service: str) -> None:
        self._cluster = cluster
        self._service = service
        self._producer: ClientProducer | None = None
        self._checked: set[str] = set()
        """Topics found to have the expected number of partitions."""
        self.refused: frozenset[int] = frozenset()
        """The numbers of the records that the log will never take, of the last call."""
        self._lowest: dict[Partition, int] = {}
        self._looks = 0

    def lowest_given(self) -> dict[Partition, int]:
        """Return the lowest offset assigned in each partition, by calls since the previous `lowest_given`."""
        lowest, self._lowest = self._lowest, {}
        self._looks += 1
        return lowest

    async def produce(self, records: Sequence[KafkaRecord]) -> list[int]:
        """Write records in order and return the numbers of those acknowledged in every partition they go to.

        Raises:
            LogUnavailable: none was acknowledged.
            ConfigurationFault: a topic has another number of partitions than this process expects.
        """
        self.refused = frozenset()
        looks = self._looks
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                producer = await self._started()
                for topic in {record.topic for record in records} - self._checked:
                    self._cluster.check(topic, await producer.partitions_for(self._cluster.topic(topic)))
                    self._checked.add(topic)
        except FAILURES as problem:
            await self.close()
            raise unavailable(problem) from problem
        answers: list[asyncio.Future[RecordPosition]] = []
        """Pending acknowledgements; `sent` says which of them belong to which record."""
        try:
            sent = await self._hand_over(producer, records, answers)
            if answers:
                await asyncio.wait(answers, timeout=_ANSWER_SECONDS)
        finally:
            for answer in answers:
                answer.cancel()  # no effect on one that has arrived
        arrived = []
        failures: list[BaseException] = []
        for record, mine in sent:
            wrong = [each for each in map(_problem, mine) if each is not None]
            if wrong:
                failures += wrong
                log.warning("record_not_taken", service=self._service, type=record.type, error=type(wrong[0]).__name__)
            else:
                arrived.append(record.number)
                if looks == self._looks:
                    self._note_given(record, mine)
        self.refused = frozenset(record.number for record, mine in sent if any(map(_is_too_large, mine)))
        if len(sent) < len(records) or any(not isinstance(each, MessageSizeTooLargeError) for each in failures):
            await self.close()
        if not arrived and records:
            why = failures[0] if failures else None
            raise LogUnavailable(f"Kafka took nothing: {type(why).__name__}") from why
        return arrived

    def _note_given(self, record: KafkaRecord, answers: "Sequence[asyncio.Future[RecordPosition]]") -> None:
        """Remember the lowest offset of each partition."""
        for answer in answers:
            place, offset = Partition(record.topic, int(answer.result().partition)), int(answer.result().offset)
            if offset >= 0:
                self._lowest[place] = min(offset, self._lowest.get(place, offset))

    async def send_record(self, topic: str, key: bytes, value: bytes) -> None:
        """Write one record that is not an event into a topic of one partition; return when it was acknowledged.

        Raises:
            LogUnavailable: it may not have been taken.
        """
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                producer = await self._started()
                await producer.send_and_wait(self._cluster.topic(topic), value=value, key=key, partition=0)
        except FAILURES as problem:
            await self.close()
            raise unavailable(problem) from problem

    async def close(self) -> None:
        """Abandon what is not acknowledged and disconnect."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await abandon(producer)
        except FAILURES as problem:
            log.debug("producer_not_closed", service=self._service, error=type(problem).__name__)

    async def _hand_over(
        self, producer: ClientProducer, records: Sequence[KafkaRecord], answers: "list[asyncio.Future[RecordPosition]]"
    ) -> "list[tuple[KafkaRecord, list[asyncio.Future[RecordPosition]]]]":
        """Hand records to the library in order, as far as possible, and collect their acknowledgements."""
        sent = []
        for record in records:
            first = len(answers)
            try:
                for partition in partitions_of(record.recipient_id, self._cluster.partitions):
                    answers.append(
                        await producer.send(
                            self._cluster.topic(record.topic),
                            value=record.body,
                            key=record.recipient_id.bytes,
                            partition=partition,
                            headers=headers(record, self._service),
                        )
                    )
            except MessageSizeTooLargeError as problem:  # only this record is at fault
                answers.append(_refused(problem))
            except FAILURES as problem:  # the queue to a partition without a leader is full
                log.warning("record_not_sent", service=self._service, type=record.type, error=type(problem).__name__)
                break
            sent.append((record, answers[first:]))
        return sent

    async def _started(self) -> ClientProducer:
        """Return the producer, connected."""
        if self._producer is None:
            self._producer = await idempotent_producer(
                self._cluster,
                client_id=f"followup-{self._service}",
                compression_type="lz4",
                linger_ms=0,  # the relay sends what it has all at once
                max_batch_size=_BATCH_BYTES,
                max_request_size=MAX_RECORD_BYTES,
                request_timeout_ms=_REQUEST_MILLISECONDS,
                retry_backoff_ms=100,
                metadata_max_age_ms=300_000,
                connections_max_idle_ms=540_000,
            )
        return self._producer


def _refused(problem: BaseException) -> "asyncio.Future[RecordPosition]":
    """Return an acknowledgement that has failed already."""
    answer: asyncio.Future[RecordPosition] = asyncio.get_running_loop().create_future()
    answer.set_exception(problem)
    return answer


def _problem(answer: "asyncio.Future[RecordPosition]") -> BaseException | None:
    """Return why a record did not arrive, as far as is known; None if it did."""
    return TimeoutError() if answer.cancelled() else answer.exception()


def _is_too_large(answer: "asyncio.Future[RecordPosition]") -> bool:
    """Return whether a record is too large to ever arrive."""
    return isinstance(_problem(answer), MessageSizeTooLargeError)
