"""The log of embedded mode: one table that every consumer tails, appended to in the publisher's transaction.

Unlike Kafka: one partition for all topics (offsets are row ids, so even topics are in one order), no rebalancing (one
process reads), and messages are stored until every group has read them and `RETENTION_DAYS` have passed.
"""

import asyncio
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import sqlalchemy as sa

from shared.bus.marks import AlwaysInLog, Marks
from shared.bus.port import Assignment, Key, Message, Partition, Poll
from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction, WritePriority
from shared.db.types import Id, Instant
from shared.db.unit_of_work import Database
from shared.events.envelope import Event, declared, encode
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
_EVERYBODY = Assignment(frozenset({LOCAL.number}), 1)
_READS_ON = timedelta(seconds=60)
"""A service that has not read on for so long has stopped, and is not merely behind."""
_SILENCE_SECONDS = 1.0
_TAIL_MESSAGES = 4096
_READ_AT_ONCE = 1000
_JUST_WRITTEN_EVENTS = 4096
_PRUNED_AT_ONCE = 1000

_ROWS = (
    sa.select(event_log.c.id, event_log.c.type, event_log.c.recipient_id, event_log.c.body)
    .where(event_log.c.id >= sa.bindparam("start"))
    .order_by(event_log.c.id)
    .limit(sa.bindparam("count"))
)
_AT = (
    sa.select(event_log.c.id, event_log.c.published_at)
    .where(event_log.c.id >= sa.bindparam("start"))
    .order_by(event_log.c.id)
    .limit(1)
)
_SINCE = (
    sa.select(event_log.c.id)
    .where(event_log.c.id > sa.bindparam("offset"), event_log.c.type == sa.bindparam("type"))
    .limit(1)
)
_OLDEST = sa.select(sa.func.min(event_log.c.id).label("oldest"))
_NEWEST = sa.select(sa.func.max(event_log.c.id).label("newest"))


class LocalLog:
    """Appends inside transactions, and wakes its readers after commits."""

    partitions = _EVERYBODY.of

    def __init__(self, database: Database, just_written: "RecentWrites | None" = None) -> None:
        self.database = database
        self.just_written = just_written or RecentWrites()
        self.tail = Tail(database, self.just_written)
        self._woken: set[asyncio.Event] = set()
        self._hearing: list[SystemTables] = []

    async def write(self, transaction: Transaction, events: Sequence[Event], now: datetime) -> None:
        """Append the events; they are in the log if and only if the transaction commits."""
        await transaction.insert(
            event_log,
            [
                {
                    "topic": event.topic,
                    "type": event.type,
                    "recipient_id": event.recipient_id,
                    "body": self.just_written.encoded(event),
                    "published_at": now,
                }
                for event in events
            ],
        )

    def committed(self) -> None:
        """Wake every reader."""
        for waker in self._woken:
            waker.set()

    async def newest(self) -> int:
        """Return the offset of the newest event; 0 where there is none."""
        return await self.database.read(_newest)

    async def has_since(self, kind: type[Event], offset: int) -> bool:
        """Return whether an event of a type was appended after an offset."""
        found = await self.database.read(lambda tx: tx.rows(_SINCE, {"offset": offset, "type": kind.type}))
        return bool(found)

    def source(self, types: Sequence[str]) -> "LocalSource":
        """Return a reader of the given event types."""
        waker = asyncio.Event()
        self._woken.add(waker)
        return LocalSource(self, waker, types)

    def marks(self) -> Marks:
        """Return the publishers' marks: everything committed is in this log."""
        return AlwaysInLog()

    def announce_reading(self, system_tables: SystemTables, topics: Sequence[str]) -> None:  # noqa: ARG002 - one table holds every topic
        """Do nothing: other services can read the positions in this database."""
        self._hearing.append(system_tables)

    async def unread_seconds(self, now: datetime) -> float:
        """Return the age of the oldest event not read by a service that acts on events, as long as it reads on."""

        async def ages(transaction: Transaction) -> list[float]:
            found = []
            for system_tables in self._hearing:
                table = system_tables.positions
                of_log = sa.select(table.c.next_offset).where(
                    table.c.topic == LOCAL.topic, table.c.moved_at > now - _READS_ON
                )
                for row in await transaction.rows(of_log):
                    oldest = await transaction.rows(_AT, {"start": row["next_offset"]})
                    found += [(now - each["published_at"]).total_seconds() for each in oldest]
            return found

        return max(0.0, *await self.database.read(ages), 0.0)

    def require_room(self) -> None:
        """There always is: what does not fit on the disk fails at its commit."""

    def forget(self, waker: asyncio.Event) -> None:
        """Stop waking a reader that closed."""
        self._woken.discard(waker)

    async def prune(self, now: datetime, read_up_to: int) -> int:
        """Delete what every group has read and retention has passed, in slices by id; return how many."""
        since = now - timedelta(days=RETENTION_DAYS)
        until = min(read_up_to, await self.database.read(lambda tx: _first_since(tx, since)))
        deleted = 0
        while (first := await self.database.read(_oldest)) is not None and first < until:
            last = min(first + _PRUNED_AT_ONCE, until)
            earlier = sa.delete(event_log).where(event_log.c.id < last)
            deleted += await self.database.write(partial(_execute, statement=earlier), WritePriority.BATCHES)
        return deleted


class RecentWrites:
    """The last events this process wrote, by their bytes, so that reading them back needs no decoding.

    An event is its bytes and the bytes are the event, so one that was rolled back does no harm here.
    """

    def __init__(self) -> None:
        self._events: OrderedDict[bytes, Event] = OrderedDict()  # units write in one thread, readers read in another

    def encoded(self, event: Event) -> bytes:
        """Return the body of an event, and remember what it means."""
        body = encode(event)
        self._events[body] = event
        if len(self._events) > _JUST_WRITTEN_EVENTS:
            self._events.popitem(last=False)
        return body

    def taken(self, body: bytes) -> Event | None:
        """Return the event of a body, once; None if it is no longer in memory."""
        return self._events.pop(body, None)


class LocalSource:
    """One group's view of the table."""

    def __init__(self, log: LocalLog, waker: asyncio.Event, types: Sequence[str]) -> None:
        self._log = log
        self._waker = waker
        self._types = frozenset(types)
        self._statement = _ROWS.where(event_log.c.type.in_(types))

    async def partitions(self) -> frozenset[Partition]:
        """Return the one partition there is."""
        return frozenset({LOCAL})

    async def poll(self, positions: Mapping[Partition, int], limit: int, linger_seconds: float) -> Poll:
        """Wait for an append, linger, and read on from the position."""
        start = positions[LOCAL]
        self._waker.clear()
        if not await self._log.tail.reaches(start):
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):  # `wait_for` may lose a cancellation (Python 3.11)
                    await self._waker.wait()
            except TimeoutError:
                return Poll((), {})
        await asyncio.sleep(linger_seconds)
        found = await self._log.tail.read(start, self._types, limit)
        if found is None:
            found = await self._log.database.read(lambda tx: self._read(tx, start, limit))
        messages, following = found
        return Poll(messages, {LOCAL: following} if following > start else {})

    def assignment(self) -> Assignment:
        """Return all partitions: one process reads."""
        return _EVERYBODY

    async def ends(self, topics: Sequence[str], since: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the offset after the newest event of these topics, or `since` when there is none past it."""
        start = since.get(LOCAL, 0)
        newest = sa.select(sa.func.max(event_log.c.id).label("newest")).where(
            event_log.c.id >= start, event_log.c.topic.in_(topics)
        )
        found = (await self._log.database.read(lambda tx: tx.rows(newest)))[0]["newest"]
        return {LOCAL: start if found is None else int(found) + 1}

    async def keys(
        self, topics: Sequence[str], spans: Mapping[Partition, tuple[int, int]], limit: int
    ) -> tuple[list[Key], dict[Partition, int]]:
        """Return which recipients the rows of a span are about."""
        start, end = spans[LOCAL]
        keys = await self._log.tail.keys(topics, start, end)
        if keys is not None and len(keys) < limit:
            return keys, {LOCAL: end}
        return await self._keys_of_table(topics, start, end, limit)

    async def _keys_of_table(
        self, topics: Sequence[str], start: int, end: int, limit: int
    ) -> tuple[list[Key], dict[Partition, int]]:
        """Return what `keys` does, of what is not in memory any more."""
        wanted = (
            sa.select(event_log.c.id, event_log.c.recipient_id)
            .where(event_log.c.id >= start, event_log.c.id < end, event_log.c.topic.in_(topics))
            .order_by(event_log.c.id)
            .limit(limit)
        )
        rows = await self._log.database.read(lambda tx: tx.rows(wanted))
        keys = [Key(LOCAL, row["id"], row["recipient_id"]) for row in rows]
        if len(keys) < limit:
            return keys, {LOCAL: end}
        last = sa.select(event_log.c.body).where(event_log.c.id == keys[-1].offset)
        body = (await self._log.database.read(lambda tx: tx.rows(last)))[0]["body"]
        keys[-1] = keys[-1]._replace(body=bytes(body))
        return keys, {LOCAL: keys[-1].offset + 1}

    async def close(self) -> None:
        """Stop being woken."""
        self._log.forget(self._waker)

    async def _read(self, transaction: Transaction, start: int, limit: int) -> tuple[list[Message], int]:
        """Read the table; fewer than `limit` rows mean that everything up to the newest row has been read."""
        newest = await _newest(transaction)
        messages = await _messages(transaction, self._statement, start, limit)
        return messages, messages[-1].offset + 1 if len(messages) == limit else newest + 1


class Tail:
    """The newest messages: read and decoded once for all consumers of this process.

    A consumer that falls behind it reads the table by itself until it has caught up.
    """

    def __init__(self, database: Database, just_written: RecentWrites) -> None:
        self._database = database
        self._just_written = just_written
        self._messages: list[Message] = []
        self._first: int | None = None
        """Every row from this one to before `_next` is in `_messages`; None before the first read."""
        self._next = 0
        self._reading = asyncio.Lock()

    async def reaches(self, start: int) -> bool:
        """Return whether the log holds anything at or past `start`."""
        if self._next <= start:
            await self._read_on(self._next)
        return self._next > start

    async def read(self, start: int, types: frozenset[str], limit: int) -> tuple[list[Message], int] | None:
        """Return up to `limit` messages of these types, and the offset to read on from; None for a start before it."""
        if self._next - start < _READ_AT_ONCE:
            await self._read_on(self._next)
        if self._first is None or start < self._first:
            return None
        found: list[Message] = []
        for message in islice(self._messages, bisect_left(self._messages, start, key=_offset), None):
            if message.type in types:
                found.append(message)
                if len(found) == limit:
                    return found, message.offset + 1
        return found, max(self._next, start)

    async def keys(self, topics: Sequence[str], start: int, end: int) -> list[Key] | None:
        """Return which recipients the messages of these topics in a span are about; None if some are not in memory."""
        if self._next < end <= self._next + _READ_AT_ONCE:
            await self._read_on(self._next)
        if self._first is None or start < self._first or self._next < end:
            return None
        place = bisect_left(self._messages, start, key=_offset)
        span = self._messages[place : bisect_left(self._messages, end, lo=place, key=_offset)]
        topic_of = {name: kind.topic for name, kind in declared().items()}
        try:
            return [Key(LOCAL, each.offset, each.recipient_id) for each in span if topic_of[each.type] in topics]
        except KeyError:  # a type that this version does not know: read the row, which names its topic
            return None

    async def _read_on(self, known: int) -> None:
        """Read what was appended, unless another task read past `known` while this one waited for its turn."""
        async with self._reading:
            if self._first is None:
                self._first = self._next = await self._database.read(_newest) + 1
            elif self._next == known:
                rows = await self._database.read(lambda tx: _messages(tx, _ROWS, known, _READ_AT_ONCE))
                if rows:
                    fresh = [each.meaning(self._just_written.taken(each.body)) for each in rows]
                    self._messages += fresh
                    if len(self._messages) >= _TAIL_MESSAGES + _READ_AT_ONCE:  # many at once: each time, all are moved
                        del self._messages[:-_TAIL_MESSAGES]
                    self._next = rows[-1].offset + 1
                    self._first = max(self._first, self._messages[0].offset)


def _offset(message: Message) -> int:
    return message.offset


async def _newest(transaction: Transaction) -> int:
    """Return the offset of the newest row; 0 where there is none."""
    return int((await transaction.rows(_NEWEST))[0]["newest"] or 0)


async def _oldest(transaction: Transaction) -> int | None:
    """Return the offset of the oldest row; None where there is none."""
    found = (await transaction.rows(_OLDEST))[0]["oldest"]
    return None if found is None else int(found)


async def _first_since(transaction: Transaction, since: datetime) -> int:
    """Return the first offset published at an instant or later; past the newest where there is none.

    Offsets and instants rise together, so a binary search finds it.
    """
    low, high = await _oldest(transaction) or 0, await _newest(transaction) + 1
    while low < high:
        middle = (low + high) // 2
        found = await transaction.rows(_AT, {"start": middle})
        if found and found[0]["published_at"] < since:
            low = int(found[0]["id"]) + 1
        else:
            high = middle
    return low


async def _execute(transaction: Transaction, statement: sa.Executable) -> int:
    return await transaction.execute(statement)


async def _messages(
    transaction: Transaction, statement: sa.Select[tuple[object, ...]], start: int, count: int
) -> list[Message]:
    """Return the messages of a statement."""
    rows = await transaction.rows(statement, {"start": start, "count": count})
    return [Message(LOCAL, row["id"], row["type"], row["recipient_id"], row["body"]) for row in rows]
