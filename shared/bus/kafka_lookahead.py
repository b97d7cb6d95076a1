"""Reads ahead in Kafka partitions to find which recipients unread events are about; in no group, moving no position."""

import asyncio
from collections.abc import Mapping

from shared.bus.kafka_client import (
    FAILURES,
    FetchedRecord,
    KafkaConsumer,
    TopicPartition,
    lone_consumer,
    stop_within,
    unavailable,
)
from shared.bus.kafka_topics import MAX_RECORD_BYTES
from shared.bus.kafka_wire import KafkaCluster, recipient_of
from shared.bus.port import Key, Partition
from shared.ids import RecipientId

_ANSWER_SECONDS = 5.0
_WAIT_MILLISECONDS = 200
_CLOSE_SECONDS = 1.0
_FETCHES = 25
"""How many fetches a call makes for slow records; the next call continues."""


class KafkaLookahead:
    """A consumer that is given the spans to read at each call; it connects when there is first something unread."""

    def __init__(self, cluster: KafkaCluster, service: str) -> None:
        self._cluster = cluster
        self._service = service
        self._consumer: KafkaConsumer | None = None

    async def keys(
        self, spans: Mapping[Partition, tuple[int, int]], limit: int
    ) -> tuple[list[Key], dict[Partition, int]]:
        """Return which recipients the events in these spans are about, and up to where each span was read."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                consumer = await self._started()
                return await self._looked(consumer, spans, limit)
        except FAILURES as problem:
            await self.close()
            raise unavailable(problem) from problem

    async def close(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_within(consumer, _CLOSE_SECONDS)

    async def _looked(
        self, consumer: KafkaConsumer, spans: Mapping[Partition, tuple[int, int]], limit: int
    ) -> tuple[list[Key], dict[Partition, int]]:
        """Read each span from its beginning until its end, the limit or the number of fetches is reached."""
        places = {
            TopicPartition(self._cluster.topic(partition.topic), partition.number): partition for partition in spans
        }
        consumer.assign([*places])
        for place, partition in places.items():
            consumer.seek(place, spans[partition][0])
        open_places = dict(places)
        keys: list[Key] = []
        reached = {partition: start for partition, (start, _) in spans.items()}
        for _ in range(_FETCHES):
            if not open_places or len(keys) >= limit:
                break
            found = await consumer.getmany(*open_places, timeout_ms=_WAIT_MILLISECONDS, max_records=limit)
            for place, records in found.items():
                partition = places[place]
                end = spans[partition][1]
                keys += _keys_of(partition, [record for record in records if record.offset < end])
                reached[partition] = min(end, max(reached[partition], await consumer.position(place)))
                if reached[partition] >= end:
                    del open_places[place]
                    consumer.pause(place)
        if open_places:
            consumer.pause(*open_places)
        return keys, reached

    async def _started(self) -> KafkaConsumer:
        """Return the consumer, connected; nothing is assigned to it yet."""
        if self._consumer is None:
            self._consumer = await lone_consumer(
                self._cluster,
                client_id=f"followup-{self._service}-scout",
                auto_offset_reset="earliest",  # after retention, start at the first offset left
                fetch_max_wait_ms=_WAIT_MILLISECONDS,
                max_partition_fetch_bytes=MAX_RECORD_BYTES,
                fetch_max_bytes=4 * MAX_RECORD_BYTES,
                retry_backoff_ms=100,
                metadata_max_age_ms=300_000,
            )
        return self._consumer


def _keys_of(partition: Partition, records: list[FetchedRecord]) -> list[Key]:
    """Return the recipients of records, each once with its last offset; records that are not ours have none."""
    last: dict[RecipientId, int] = {}
    for record in records:
        recipient = recipient_of(record.key)
        if recipient is not None:
            last.pop(recipient, None)
            last[recipient] = record.offset
    keys = [Key(partition, offset, recipient) for recipient, offset in last.items()]
    if keys:
        keys[-1] = keys[-1]._replace(body=records[-1].value or b"")
    return keys
