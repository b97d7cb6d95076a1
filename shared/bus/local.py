"""The log of embedded mode: one table that every consumer tails, appended to in the publisher's transaction.

What this twin does not do: it has one partition for all topics (offsets are row ids, so even topics are in one
order), no rebalancing (one process reads), and messages are kept until every group has read them and
`RETENTION_DAYS` have passed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.bus.port import Message, Partition, Poll
from shared.db.transaction import Lane, Transaction
from shared.db.types import Id, Instant
from shared.db.unit_of_work import Database
from shared.events.envelope import Event, encode
from shared.events.topics import RETENTION_DAYS

metadata = sa.MetaData()
event_log = sa.Table(
    "event_log",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("recipient_id", Id, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("published_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

LOCAL = Partition("event_log", 0)
_SILENCE_SECONDS = 1.0


class LocalLog:
    """Appends inside transactions, and wakes its readers after commits."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._woken: set[asyncio.Event] = set()

    async def write(self, transaction: Transaction, events: Sequence[Event], now: datetime) -> None:
        """Append the events; they are in the log if and only if the transaction commits."""
        await transaction.insert(
            event_log,
            [
                {
                    "topic": event.topic,
                    "type": event.type,
                    "recipient_id": event.recipient_id,
                    "body": encode(event),
                    "published_at": now,
                }
                for event in events
            ],
        )

    def committed(self) -> None:
        """Wake every reader."""
        for bell in self._woken:
            bell.set()

    def source(self, types: Sequence[str]) -> "LocalSource":
        """Return a reader of the given event types."""
        bell = asyncio.Event()
        self._woken.add(bell)
        return LocalSource(self, bell, types)

    def forget(self, bell: asyncio.Event) -> None:
        """Stop waking a reader that closed."""
        self._woken.discard(bell)

    async def prune(self, now: datetime, read_up_to: int) -> int:
        """Delete what every group has read and retention has passed; return how many."""

        async def work(transaction: Transaction) -> int:
            return await transaction.execute(
                sa.delete(event_log).where(
                    event_log.c.id < read_up_to, event_log.c.published_at < now - timedelta(days=RETENTION_DAYS)
                )
            )

        return await self.database.write(work, Lane.BATCHES)


class LocalSource:
    """One group's tail of the table."""

    def __init__(self, log: LocalLog, bell: asyncio.Event, types: Sequence[str]) -> None:
        self._log = log
        self._bell = bell
        self._statement = (
            sa.select(event_log)
            .where(event_log.c.id >= sa.bindparam("start"), event_log.c.type.in_(types))
            .order_by(event_log.c.id)
            .limit(sa.bindparam("count"))
        )
        self._newest = sa.select(sa.func.max(event_log.c.id))

    async def partitions(self) -> frozenset[Partition]:
        """Return the one partition there is."""
        return frozenset({LOCAL})

    async def poll(self, positions: Mapping[Partition, int], limit: int, linger_seconds: float) -> Poll:
        """Wait for an append, linger, and read on from the position."""
        start = positions[LOCAL]
        self._bell.clear()
        if not await self._log.database.read(lambda tx: _has_news(tx, start)):
            try:
                await asyncio.wait_for(self._bell.wait(), _SILENCE_SECONDS)
            except TimeoutError:
                return Poll((), {})
        await asyncio.sleep(linger_seconds)
        return await self._log.database.read(lambda tx: self._read(tx, start, limit))

    async def close(self) -> None:
        """Stop being woken."""
        self._log.forget(self._bell)

    async def _read(self, transaction: Transaction, start: int, limit: int) -> Poll:
        """Read one poll; when it was not full, everything up to the newest row is behind us."""
        newest = (await transaction.rows(self._newest))[0]["max_1"]
        rows = await transaction.rows(self._statement, {"start": start, "count": limit})
        messages = [Message(LOCAL, row["id"], row["type"], row["recipient_id"], bytes(row["body"])) for row in rows]
        reached = messages[-1].offset if len(messages) == limit else max(newest or 0, start - 1)
        return Poll(messages, {LOCAL: reached + 1} if reached + 1 > start else {})


async def _has_news(transaction: Transaction, start: int) -> bool:
    """Return whether any row stands at or past `start`."""
    found = await transaction.rows(sa.select(event_log.c.id).where(event_log.c.id >= start).limit(1))
    return bool(found)


async def is_read_to_the_end(transaction: Transaction, position: int, topic: str) -> bool:
    """Return whether nothing of a topic stands at or past `position`: the group has seen all of it (promise P6)."""
    ahead = sa.select(event_log.c.id).where(event_log.c.id >= position, event_log.c.topic == topic).limit(1)
    return not await transaction.rows(ahead)
