"""Writes events into Kafka: idempotent, acknowledged by every replica in sync, each to its person's partition."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from shared.bus.kafka_faults import LogUnavailable
from shared.bus.kafka_topics import MAX_RECORD_BYTES
from shared.bus.kafka_wire import Cluster, Record, headers
from shared.bus.partitioning import partitions_of
from shared.telemetry.logs import logger

_REQUEST_MILLISECONDS = 10_000
"""How long a record may wait for its acknowledgement; then it is sent anew from the outbox."""
_BATCH_BYTES = 256 * 1024

log = logger(__name__)


class KafkaProducer:
    """A connection to the log that is made when needed and made anew after every failure.

    Made anew, because an idempotent producer that gave up on a record has a hole in its numbering, and brokers
    refuse everything that follows.
    """

    def __init__(self, cluster: Cluster, service: str) -> None:
        self._cluster = cluster
        self._service = service
        self._producer: Any = None
        self._checked: set[str] = set()
        """Topics seen to have the partitions everybody counts on."""

    async def produce(self, records: Sequence[Record]) -> list[int]:
        """Write records in order and return the numbers of those acknowledged everywhere they belong.

        Raises:
            LogUnavailable: none was acknowledged.
            ConfigurationFault: a topic has another number of partitions than this process counts on.
        """
        try:
            producer = await self._started()
            for topic in {record.topic for record in records} - self._checked:
                self._cluster.check(topic, await producer.partitions_for(self._cluster.topic(topic)))
                self._checked.add(topic)
            sent = [await self._send(producer, record) for record in records]
        except (KafkaError, OSError) as problem:
            await self.close()
            raise LogUnavailable(f"Kafka: {type(problem).__name__}") from problem
        answers = await asyncio.gather(*(answer for each in sent for answer in each), return_exceptions=True)
        arrived = []
        failures: list[BaseException] = []
        at = 0
        for record, each in zip(records, sent, strict=True):
            wrong = [answer for answer in answers[at : at + len(each)] if isinstance(answer, BaseException)]
            at += len(each)
            if wrong:
                failures += wrong
                log.warning("record_not_taken", service=self._service, type=record.type, error=type(wrong[0]).__name__)
            else:
                arrived.append(record.number)
        if any(not isinstance(failure, MessageSizeTooLargeError) for failure in failures):
            await self.close()
        if failures and not arrived:
            raise LogUnavailable(f"Kafka took nothing: {type(failures[0]).__name__}") from failures[0]
        return arrived

    async def close(self) -> None:
        """Give up what is under way and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _send(self, producer: Any, record: Record) -> list["asyncio.Future[Any]"]:
        """Hand a record over for every partition it belongs to; return the acknowledgements to come."""
        try:
            return [
                await producer.send(
                    self._cluster.topic(record.topic),
                    value=record.body,
                    key=record.recipient_id.bytes,
                    partition=partition,
                    headers=headers(record, self._service),
                )
                for partition in partitions_of(record.recipient_id, self._cluster.partitions)
            ]
        except MessageSizeTooLargeError as problem:  # its own fault, nobody else's
            refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            refused.set_exception(problem)
            return [refused]

    async def _started(self) -> Any:
        """Return the producer, connected."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._cluster.bootstrap,
                client_id=f"followup-{self._service}",
                acks="all",
                enable_idempotence=True,
                transactional_id=None,  # no Kafka transactions: the library speaks their first, unfenced version only
                compression_type="lz4",
                linger_ms=0,  # the relay sends what it has all at once
                max_batch_size=_BATCH_BYTES,
                max_request_size=MAX_RECORD_BYTES,
                request_timeout_ms=_REQUEST_MILLISECONDS,
                retry_backoff_ms=100,
                metadata_max_age_ms=300_000,
                connections_max_idle_ms=540_000,
                **self._cluster.access,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer
