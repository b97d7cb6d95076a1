"""A service that writes down each event it is handed, on either log, with what a test must know about each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.bus import local
from shared.bus.kafka_log import KafkaLog
from shared.bus.kafka_source import KafkaSource
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.local import LOCAL, LocalLog
from shared.bus.port import Source
from shared.bus.router import Router
from shared.bus.runner import Runner
from shared.db.postgres import PostgresDatabase
from shared.db.system_tables import metadata_of
from shared.db.transaction import WritePriority
from shared.db.types import Id
from shared.db.unit_of_work import Database, UnitOfWork, UnitOfWorkRunner
from shared.events.consent import ConsentReported
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpBlocked, FollowUpCancelled
from shared.events.topics import Topic
from shared.service import Log
from shared.testing.clock import FakeClock
from shared.testing.connected import Server
from tests.contract.engines import postgres, sqlite

SERVICE = "tester"
PARTITIONS = 3
_PATIENCE_SECONDS = 90.0

metadata, system_tables = metadata_of(SERVICE)
effects = sa.Table(
    f"{SERVICE}_effects",
    metadata,
    sa.Column("n", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("event_id", Id, nullable=False),
)


class LogDriver:
    """A service whose handler writes one row an event, and fails for the events in `poison`."""

    outbox: sa.Table
    """Where a unit's events stand before anybody reads them."""
    log: Log

    def __init__(self, database: Database, log: Log) -> None:
        self.database = database
        self.log = log
        self.units = UnitOfWorkRunner(database, log, FakeClock())
        self.poison: set[UUID] = set()
        self.failure: Exception = ValueError("poison")
        self.batches: list[list[UUID]] = []
        self.router = Router()
        self.router.on(FollowUpBlocked, FollowUpCancelled, ConsentReported)(self.handle)

    async def handle(self, events: Sequence[Event], uow: UnitOfWork) -> None:
        """Write the events down, one by one."""
        self.batches.append([event.event_id for event in events])
        for event in events:
            await uow.db.insert(effects, [{"event_id": event.event_id}])
            if event.event_id in self.poison:
                raise self.failure

    def reader(self, router: Router | None = None) -> Runner:
        """Return a member of the service's group."""
        door = router or self.router
        return self.on(self.log.source(sorted(door.kinds)), door)

    def rival(self) -> Runner:
        """Return a reader of everything the others read too, which no group keeps apart from them."""
        return self.reader()

    def on(self, source: Source, router: Router) -> Runner:
        """Return a runner on a source."""
        return Runner(self.units, system_tables, source, router)

    async def publish(self, *events: Event) -> None:
        """Put events into the log, as one unit of another service would."""
        await self.commit(*events)
        await self.flush()

    async def commit(self, *events: Event) -> None:
        """Publish events in one unit, and leave them where it put them."""

        async def work(uow: UnitOfWork) -> None:
            for event in events:
                uow.publish(event)

        await self.units.run(work, WritePriority.BATCHES)

    async def flush(self) -> None:
        """See that what was committed stands in the log."""

    async def settle(self, runner: Runner) -> None:
        """Let a reader take everything that is in the log."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await self.is_at_the_end(runner):
                await runner.step(linger_seconds=0.01)

    async def is_at_the_end(self, runner: Runner) -> bool:
        """Return whether a reader has taken everything that is in the log."""
        raise NotImplementedError

    async def leave(self, runner: Runner) -> None:
        """Take a reader out of the group."""
        await runner._source.close()

    async def waiting_rows(self) -> list[int]:
        """Return the ids of what units published and no service has read or relayed."""
        rows = await self.database.read(lambda tx: tx.rows(sa.select(self.outbox).order_by(self.outbox.c.id)))
        return [row["id"] for row in rows]

    async def spoil(self, row: int) -> None:
        """Put a body that no model fits into a row that waits."""
        broken = sa.update(self.outbox).where(self.outbox.c.id == row).values(body=b'{"flow": 3}')
        await self.database.write(lambda tx: tx.execute(broken), WritePriority.BATCHES)

    async def done(self) -> list[UUID]:
        """Return which events took effect, in that order."""
        rows = await self.database.read(lambda tx: tx.rows(sa.select(effects).order_by(effects.c.n)))
        return [row["event_id"] for row in rows]

    async def has_done(self, count: int) -> bool:
        """Return whether so many events took effect."""
        return len(await self.done()) >= count

    async def parked(self) -> list[str]:
        """Return why events were parked."""
        rows = await self.database.read(
            lambda tx: tx.rows(sa.select(system_tables.parked).order_by(system_tables.parked.c.id))
        )
        return [row["reason"] for row in rows]


class LocalLogDriver(LogDriver):
    """On the table that every consumer tails."""

    outbox = local.event_log

    async def is_at_the_end(self, runner: Runner) -> bool:
        """Compare with the newest row."""
        newest = max(await self.waiting_rows(), default=0)
        return (runner.position(LOCAL) or 0) > newest or not newest


class KafkaLogDriver(LogDriver):
    """On a real broker."""

    log: KafkaLog

    def __init__(self, database: PostgresDatabase, log: KafkaLog, cluster: KafkaCluster) -> None:
        super().__init__(database, log)
        self.outbox = log.outbox
        self.relay = log.relay
        self.cluster = cluster

    def rival(self) -> Runner:
        """Return a reader that is another service to Kafka, and this one to the database."""
        source = KafkaSource(self.cluster, "rival", sorted(self.router.kinds))
        self.sources.append(source)
        return self.on(source, self.router)

    @property
    def sources(self) -> list[KafkaSource]:
        """Everything to close in the end."""
        return self.log.sources

    async def flush(self) -> None:
        """Relay until the outbox is empty."""
        while await self.waiting_rows():
            await self.relay.step()

    async def is_at_the_end(self, runner: Runner) -> bool:
        """Compare with the ends of the partitions this reader was given."""
        assert isinstance(runner._source, KafkaSource)
        source = runner._source
        topics = {place.topic for place in await source.partitions()}
        ends = {place: end for topic in sorted(topics) for place, end in (await source.ends([topic], {})).items()}
        return bool(ends) and all((runner.position(place) or 0) >= end for place, end in ends.items())

    async def records(self, topic: Topic) -> list[Any]:
        """Return everything a topic holds, as Kafka has it."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.cluster.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        places = [TopicPartition(self.cluster.topic(topic), number) for number in range(self.cluster.partitions)]
        consumer.assign(places)
        count = sum((await consumer.end_offsets(places)).values())
        found: list[Any] = []
        while len(found) < count:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                found += batch
        await consumer.stop()
        return found


@asynccontextmanager
async def local_driver(folder: Path) -> AsyncIterator[LocalLogDriver]:
    """A driver on SQLite and the local log."""
    async with sqlite(folder, metadata, local.metadata) as engine:
        yield LocalLogDriver(engine.database, LocalLog(engine.database))


@asynccontextmanager
async def kafka_driver(
    postgresql: Server, kafka: Server, *, partitions: int = PARTITIONS
) -> AsyncIterator[KafkaLogDriver]:
    """A driver on PostgreSQL and Kafka, with its own topics and schema."""
    cluster = KafkaCluster(kafka.address, partitions, prefix=f"{uuid4().hex[:8]}.")
    async with postgres(postgresql, metadata) as engine:
        assert isinstance(engine.database, PostgresDatabase)
        log = KafkaLog(cluster, SERVICE, engine.database)
        await log.prepare()
        try:
            yield KafkaLogDriver(engine.database, log, cluster)
        finally:
            for source in log.sources:
                await source.close()
            await log.relay.close()
            await forget_topics(cluster)


async def forget_topics(cluster: KafkaCluster) -> None:
    """Delete a test's topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    await admin.delete_topics([cluster.topic(topic) for topic in Topic])
    await admin.close()
