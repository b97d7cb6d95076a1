"""The log of a distributed service: events leave through its outbox and come in from Kafka."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from shared.bus import outbox
from shared.bus.kafka import KafkaSource
from shared.bus.kafka_producer import KafkaProducer
from shared.bus.kafka_topics import create_topics
from shared.bus.kafka_wire import Cluster
from shared.bus.outbox import OutboxPublisher, Relay
from shared.db.postgres import PostgresDatabase
from shared.db.transaction import Transaction
from shared.events.envelope import Event


class KafkaLog:
    """What one process of one service publishes to and reads from.

    Args:
        cluster: where the log is.
        service: names the outbox and the consumer group.
        database: the service's; it holds the outbox.
        instance: a name that outlives a restart (a StatefulSet's), so that a restart does not rebalance; None for none.
    """

    def __init__(
        self, cluster: Cluster, service: str, database: PostgresDatabase, *, instance: str | None = None
    ) -> None:
        self.metadata, self.outbox = outbox.metadata_of(service)
        self.relay = Relay(service, self.outbox, database, KafkaProducer(cluster, service))
        self.sources: list[KafkaSource] = []
        self._cluster = cluster
        self._service = service
        self._database = database
        self._instance = instance
        self._publisher = OutboxPublisher(self.outbox, self.relay)

    async def write(self, transaction: Transaction, events: Sequence[Event], now: datetime) -> None:
        """Store the events; they are published if and only if the transaction commits."""
        await self._publisher.write(transaction, events, now)

    def committed(self) -> None:
        """Wake the relay."""
        self._publisher.committed()

    def source(self, types: Sequence[str]) -> KafkaSource:
        """Return a reader of the given event types; it joins the group when it is first asked."""
        source = KafkaSource(self._cluster, self._service, types, instance=self._instance)
        self.sources.append(source)
        return source

    async def prepare(self) -> None:
        """Make the topics and the outbox where they are missing.

        Raises:
            ConfigurationFault: the topics are not laid out as this process expects.
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
        task = asyncio.create_task(self.relay.loop.run_forever(), name=f"{self._service}:relay")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for source in self.sources:
                await source.close()
            await self.relay.close()
