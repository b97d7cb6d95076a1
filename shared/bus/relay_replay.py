"""After a broker lost acknowledged events: services read some minutes again, and relays publish them again.

Both are safe while everything runs. Moving a position back fences the process that reads on from the old one, and an
event that is read or published twice is recognised by its event id and its natural key.
"""

import asyncio
from collections.abc import Mapping

import sqlalchemy as sa

from shared.bus import outbox, relay_archive
from shared.bus.errors import LogUnavailable
from shared.bus.kafka_client import lone_consumer, places_of, reported
from shared.bus.kafka_producer import KafkaProducer
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.port import Partition
from shared.db.postgres import PostgresDatabase
from shared.db.system_tables import metadata_of
from shared.db.transaction import Row, Transaction, WritePriority
from shared.events.topics import Topic

_ANSWER_SECONDS = 30.0


async def offsets_since(cluster: KafkaCluster, minutes: float, now_milliseconds: int) -> dict[Partition, int]:
    """Return for each partition the offset of its first event of the last minutes, or its end where there is none.

    Raises:
        LogUnavailable: the cluster does not answer.
    """
    places = places_of(cluster, Topic)
    since = max(0, now_milliseconds - int(minutes * 60_000))
    with reported(cluster):
        async with asyncio.timeout(_ANSWER_SECONDS):
            consumer = await lone_consumer(cluster)
            try:
                consumer.assign([*places])
                first = await consumer.offsets_for_times(dict.fromkeys(places, since))
                ends = await consumer.end_offsets([*places])
            finally:
                await consumer.stop()
    return {
        partition: int(ends[place] if (found := first.get(place)) is None else found.offset)
        for place, partition in places.items()
    }


async def rewind_positions(database: PostgresDatabase, service: str, back_to: Mapping[Partition, int]) -> int:
    """Move a service's positions back to these offsets, if they are beyond them; return how many were moved."""
    _, system_tables = metadata_of(service)
    table = system_tables.positions

    async def work(db: Transaction) -> int:
        moved = 0
        for partition, offset in sorted(back_to.items()):
            moved += await db.execute(
                sa.update(table)
                .where(
                    table.c.topic == partition.topic,
                    table.c.partition == partition.number,
                    table.c.next_offset > offset,
                )
                .values(next_offset=offset)
            )
        return moved

    return await database.write(work, WritePriority.BATCHES)


async def republish(database: PostgresDatabase, cluster: KafkaCluster, service: str, minutes: float) -> int:
    """Publish again what a service relayed in the last minutes, in that order; return how many events.

    Raises:
        LogUnavailable: the log took only a part; to publish everything again does no harm.
    """
    metadata, _ = outbox.metadata_of(service)
    table = metadata.tables[relay_archive.name_of(service)]
    producer = KafkaProducer(cluster, service)
    said = last = 0
    try:
        while (block := await _next(database, table, minutes, last)) is not None:
            last, records = block["id"], [*relay_archive.records(block["block"])]
            for start in range(0, len(records), outbox.ROUND_ROWS):
                some = records[start : start + outbox.ROUND_ROWS]
                arrived = await producer.produce(some)
                if len(arrived) < len(some):
                    raise LogUnavailable(f"{service}: {len(some) - len(arrived)} events were not taken")
                said += len(arrived)
    finally:
        await producer.close()
    return said


async def _next(database: PostgresDatabase, table: sa.Table, minutes: float, after: int) -> Row | None:
    """Return the block after an id."""
    return await database.read(lambda db: relay_archive.following(db, table, minutes, after))
