"""The outbox of distributed mode: events are rows of the publishing transaction, and a relay takes them to Kafka.

Rows go out in id order, or merchants in turn where much waits (`outbox_turns`), and are deleted by id when the log has
them: never "the last id seen" and never a range, because ids are given out before commits, and a later commit may fall
inside. A relay that dies in between leaves rows that are published twice; natural keys and event ids catch that.
"""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.bus import kafka_instruments as instruments
from shared.bus import outbox_fairness, relay_archive
from shared.bus.errors import LogUnavailable
from shared.bus.kafka_producer import KafkaProducer
from shared.bus.kafka_wire import KafkaCluster, KafkaRecord
from shared.bus.mark_publisher import MarkPublisher
from shared.bus.outbox_fairness import MERCHANT, FairSelection
from shared.db.postgres import PostgresDatabase
from shared.db.postgres_session import PostgresSession
from shared.db.storage import QUEUE
from shared.db.system_tables import NAMING
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.types import Id, Instant
from shared.events.envelope import Event, encode
from shared.events.topics import Topic
from shared.failpoints import failpoint
from shared.loop import Loop
from shared.telemetry.logs import logger

ROUND_ROWS = 1_000
SWEEP_SECONDS = 1.0
LEASE_SECONDS = 5
"""A relay whose session sends nothing for so long loses its lock: its process is frozen, or its machine is down.

The server itself ends the session, so no other relay begins before, and nothing of the old one is accepted afterwards.
"""
_RENEW_SECONDS = 1.0
_SWEEP_KEPT_SECONDS = 20.0

log = logger(__name__)


def metadata_of(service: str) -> tuple[sa.MetaData, sa.Table]:
    """Return the metadata of a service's outbox, apart from its own: embedded mode has none."""
    metadata = sa.MetaData(naming_convention=NAMING)
    relay_archive.table_of(service, metadata)
    relay_archive.ends_of(service, metadata)
    return metadata, sa.Table(
        f"{service}_outbox",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("recipient_id", Id, nullable=False),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("published_at", Instant, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column(MERCHANT, sa.Text, nullable=False, server_default=""),  # empty in rows of a version without it
        postgresql_with=QUEUE,
    )


async def create(database: PostgresDatabase, metadata: sa.MetaData) -> None:
    """Create the outbox, and its companion tables, if they are missing."""

    async def work(transaction: Transaction) -> None:
        for table in metadata.sorted_tables:
            await transaction.execute(sa.schema.CreateTable(table, if_not_exists=True))
            if MERCHANT in table.c:
                await outbox_fairness.prepare(transaction, table)

    await database.write(work, WritePriority.BATCHES)


def rows_of(events: Sequence[Event], now: datetime) -> list[dict[str, Any]]:
    """Return events as rows of an outbox."""
    return [
        {
            "topic": event.topic.value,
            "type": event.type,
            "event_id": event.event_id,
            "recipient_id": event.recipient_id,
            "occurred_at": event.occurred_at,
            "published_at": now,
            "body": encode(event),
            "merchant_id": event.merchant_id,
        }
        for event in events
    ]


class Relay:
    """Takes a service's outbox to the log; one process relays, the others wake it after a commit and stand by.

    The active one holds a lock as long as its session lives, and the server ends a session that falls silent:
    that is its lease.

    Args:
        cluster: where the log is.
        service: names the outbox.
        database: the service's; it holds the outbox.
        keep_minutes: how long relayed events are archived; 0: not.
    """

    def __init__(self, cluster: KafkaCluster, service: str, database: PostgresDatabase, keep_minutes: float) -> None:
        self.metadata, self.table = metadata_of(service)
        self.service = service
        self.database = database
        self.keep_minutes = keep_minutes
        self.producer = KafkaProducer(cluster, service)
        self.loop = Loop(f"{service}-relay", self.step)
        self.lease = Loop(f"{service}-relay-lease", self.renew)
        self.marking = MarkPublisher(service, self.table, KafkaProducer(cluster, f"{service}-marks"))
        self.is_active = False
        """Whether this process is the one that relays."""
        self._kept = self.metadata.tables[relay_archive.name_of(service)]
        self._swept_at = -math.inf
        self._name = f"{database.schema}.{self.table.name}"
        self._session: PostgresSession | None = None
        self._oldest = sa.select(self.table).order_by(self.table.c.id).limit(ROUND_ROWS)
        self._fair_selection = FairSelection(self.table, ROUND_ROWS)

    async def step(self) -> float:
        """Take one round of rows to the log; return how long to sleep unless woken.

        Raises:
            DatabaseUnavailable: the session broke, and with it the lock; another process may take over.
            LogUnavailable: the log took nothing; the rows stay.
        """
        session = await self._session_with_lock()
        if not self.is_active:
            await session.ring(self._name)
            return SWEEP_SECONDS
        await self.marking.begin(session, asyncio.get_running_loop().time())
        oldest = await session.rows(self._oldest)
        is_full = len(oldest) == ROUND_ROWS
        rows = await self._fair_selection.taken(session, oldest) if is_full else oldest
        try:
            arrived = await self.producer.produce([_record(row) for row in rows]) if rows else []
        except LogUnavailable:
            await self.marking.read(session, oldest, self.producer.refused, ROUND_ROWS)
            raise
        if rows:
            failpoint("relay.after_produce")
            await self._keep(session, rows, arrived)
            await session.delete(self.table, "id", arrived)
            instruments.RELAYED.labels(self.service).inc(len(arrived))
        await self.marking.read(session, oldest, {*arrived, *self.producer.refused}, ROUND_ROWS)
        return 0.0 if is_full else SWEEP_SECONDS

    async def _keep(self, session: PostgresSession, rows: Sequence[Row], arrived: Sequence[int]) -> None:
        """Archive what arrived before it is deleted, and now and then delete what was archived long enough."""
        if self.keep_minutes > 0:
            gone = set(arrived)
            await session.insert(self._kept, relay_archive.blocks([row for row in rows if row["id"] in gone]))
        now = asyncio.get_running_loop().time()
        if now - self._swept_at > _SWEEP_KEPT_SECONDS:
            self._swept_at = now
            await relay_archive.sweep(session, self._kept, self.keep_minutes)

    async def renew(self) -> float:
        """Keep the session alive, whatever the step waits for; return the seconds until the next time.

        Raises:
            DatabaseUnavailable: the session broke, and with it the lock.
        """
        session = self._session
        if session is not None and self.is_active:
            await session.touch()
        return _RENEW_SECONDS

    async def close(self) -> None:
        """Release the lock and disconnect."""
        await self._forget_session()  # first: another process may take over while the log makes this one wait
        await asyncio.gather(self.producer.close(), self.marking.close())

    async def _session_with_lock(self) -> PostgresSession:
        """Return the session, having tried to become the active relay."""
        if self._session is not None and self._session.is_lost:
            await self._forget_session()
        if self._session is None:
            self._session = await self.database.session()
        if not self.is_active and await self._session.try_lock(self._name):
            await self._session.relax()  # a deletion that is lost publishes twice, and does no harm
            await self._session.expire(LEASE_SECONDS)
            await self._session.listen(self._name, self.loop.wake)
            self.is_active = True
            instruments.RELAYING.labels(self.service).set(1)
            log.info("relay_active", service=self.service)
        return self._session

    async def _forget_session(self) -> None:
        """Close the session, and with it lose the lock."""
        session, self._session, self.is_active = self._session, None, False
        self.marking.forget()
        instruments.RELAYING.labels(self.service).set(0)
        if session is not None:
            await session.close()


def _record(row: Row) -> KafkaRecord:
    """Return an outbox row as the log takes it."""
    return KafkaRecord(
        number=row["id"],
        topic=Topic(row["topic"]),
        type=row["type"],
        event_id=row["event_id"],
        recipient_id=row["recipient_id"],
        occurred_at=row["occurred_at"],
        body=row["body"],
    )
