"""One hop: events into the outbox, by the relay to Kafka, and out of a unit of work of their consumer.

Baseline of the same run: the same bytes through the bare client library, no database on either side.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.measurement import Result, figure
from shared.bus import outbox
from shared.bus.kafka_log import KafkaLog
from shared.bus.kafka_topics import create_topics
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.router import Router
from shared.bus.runner import Runner
from shared.clock import SystemClock
from shared.db.postgres import PostgresDatabase
from shared.db.postgres_roles import provision
from shared.db.system_tables import SystemTables, metadata_of
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope
from shared.events.envelope import encode
from shared.events.topics import Topic
from shared.ids import EventId, MerchantId, RecipientId
from shared.tasks import WatchedTasks
from shared.testing.connected import kafka, postgresql

EVENTS = 10_000
UNIT = 200
PARTITIONS = 6
_LONGEST_SECONDS = 60


async def run(rounds: int) -> Result:
    """Measure the hop and the bare library in turns."""
    events = [_event(number) for number in range(EVENTS)]
    hops, bare, ours, theirs = [], [], [], []
    with postgresql(fsync=True) as database, kafka() as broker:
        for number in range(rounds):
            async with _application(
                database.address, KafkaCluster(broker.address, PARTITIONS, 1, f"r{number}.")
            ) as application:
                seconds, cpu = await _through_the_application(application, events)
                hops.append(EVENTS / seconds)
                ours.append(cpu * 1000 / EVENTS)
            seconds, cpu = await _through_the_library(f"r{number}.{Topic.CONSENTS}", broker.address, events)
            bare.append(EVENTS / seconds)
            theirs.append(cpu * 1000 / EVENTS)
    return Result(
        "one hop through outbox, relay, Kafka and a unit of work",
        (
            figure("events", "events/s", hops),
            figure("baseline: bare aiokafka", "events/s", bare),
            figure("ratio to the baseline", "x", [a / b for a, b in zip(hops, bare, strict=True)]),
            figure("hop, both sides", "CPU-ms/event", ours, "0.17 at batches of 200"),
            figure("baseline, both sides", "CPU-ms/event", theirs),
        ),
        {"fsync": "on", "events a round": str(EVENTS), "events a publishing unit": str(UNIT)},
    )


class _HopHarness:
    """A service that reads what it publishes."""

    def __init__(self, database: PostgresDatabase, log: KafkaLog, system_tables: SystemTables) -> None:
        self.heard = 0
        self.all = asyncio.Event()
        self.units = UnitOfWorkRunner(database, log, SystemClock())
        self.log = log
        router = Router()
        router.on(ConsentReported)(self.hear)
        self.source = log.source(sorted(router.kinds))
        self.runner = Runner(self.units, system_tables, self.source, router)

    async def hear(self, events: Sequence[ConsentReported], _uow: UnitOfWork) -> None:
        """Count."""
        self.heard += len(events)
        if self.heard >= EVENTS:
            self.all.set()


@asynccontextmanager
async def _application(owner: str, cluster: KafkaCluster) -> AsyncIterator[_HopHarness]:
    schema = f"hop{uuid.uuid4().hex[:8]}"
    await provision(owner, schema)
    database = PostgresDatabase(owner.replace("followup@", f"followup_{schema}@"), schema)
    await database.start()
    metadata, system_tables = metadata_of("hop")
    log, tasks = KafkaLog(cluster, "hop", database), WatchedTasks("hop")
    try:
        await create_topics(cluster)
        await outbox.create(database, metadata)
        await outbox.create(database, log.metadata)
        application = _HopHarness(database, log, system_tables)
        async with log.running():
            tasks.start("events", application.runner.run_forever())
            yield application
    finally:
        await tasks.stop()
        await database.stop()


async def _through_the_application(application: _HopHarness, events: Sequence[ConsentReported]) -> tuple[float, float]:
    """Return the seconds, and the processor seconds of this process."""
    while not application.log.sources[0].assignment().numbers:  # noqa: ASYNC110 - a source has no event for it
        await asyncio.sleep(0.05)
    cpu, began = time.process_time(), time.perf_counter()
    for start in range(0, len(events), UNIT):
        await application.units.run(partial(_say, events=events[start : start + UNIT]), WritePriority.INGEST)
    async with asyncio.timeout(_LONGEST_SECONDS):
        await application.all.wait()
    return time.perf_counter() - began, time.process_time() - cpu


async def _say(uow: UnitOfWork, events: Sequence[ConsentReported]) -> None:
    for event in events:
        uow.publish(event)


async def _through_the_library(topic: str, bootstrap: str, events: Sequence[ConsentReported]) -> tuple[float, float]:
    """Produce and consume the same bytes."""
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type="lz4"
    )
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="latest")
    await producer.start()
    await consumer.start()
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    cpu, began = time.process_time(), time.perf_counter()
    reading = asyncio.create_task(_read(consumer, len(events)))
    for start in range(0, len(events), UNIT):
        group = enumerate(events[start : start + UNIT], start)
        answers = [
            await producer.send(topic, encode(event), event.recipient_id.bytes, partition=number % PARTITIONS)
            for number, event in group
        ]
        await asyncio.gather(*answers)
    async with asyncio.timeout(_LONGEST_SECONDS):
        await reading
    done = time.perf_counter() - began, time.process_time() - cpu
    await consumer.stop()
    await producer.stop()
    return done


async def _read(consumer: Any, count: int) -> None:
    while count > 0:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=500)).values():
            count -= len(records)


def _event(number: int) -> ConsentReported:
    at = datetime.now(UTC)
    return ConsentReported(
        event_id=EventId(uuid.uuid4()),
        merchant_id=MerchantId("acme"),
        recipient_id=RecipientId(uuid.uuid4()),
        occurred_at=at,
        correlation_id=f"bench-{number}",
        scope=ConsentScope.ALL,
        act=ConsentAct.REVOKED,
        captured_at=at,
        method="keyword",
        source="bench",
    )
