"""The unit of work: state, events and position commit together, or not at all."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from shared.clock import Clock
from shared.db.transaction import Transaction, WritePriority
from shared.events.envelope import Event

T = TypeVar("T")


class Database(Protocol):
    """A place to keep rows; one implementation per engine.

    All but `stop` raise `DatabaseUnavailable` where nothing was stored or can be read now: closing, disk full, away.
    """

    dialect: str

    async def start(self) -> None:
        """Open it."""
        ...

    async def stop(self) -> None:
        """Finish what is under way and close it."""
        ...

    async def write(self, work: Callable[[Transaction], Awaitable[T]], priority: WritePriority) -> T:
        """Run `work` in one transaction; durable when this returns."""
        ...

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` on one consistent snapshot, without writing."""
        ...


class Publisher(Protocol):
    """Where a unit's events go in its own transaction: the local log, or the outbox of a relay."""

    async def write(self, transaction: Transaction, events: Sequence[Event], now: datetime) -> None:
        """Store the events so that they are published if and only if the transaction commits."""
        ...

    def committed(self) -> None:
        """Wake what waits for events; called after the commit, on the event loop of the caller."""
        ...


class UnitOfWork:
    """What a handler works on; handlers never commit."""

    def __init__(self, db: Transaction, now: datetime) -> None:
        self.db = db
        self.now = now
        """Fixed for the whole unit."""
        self.read: Mapping[Any, int] | None = None
        """The positions in the log that this unit commits, if it handles events."""
        self.events: list[Event] = []
        """What was published so far, in order."""
        self._buffers: dict[sa.Table, list[Mapping[str, Any]]] = defaultdict(list)
        self._sums: dict[tuple[sa.Table, str], Counter[tuple[tuple[str, Any], ...]]] = defaultdict(Counter)
        self._last: dict[Callable[[Transaction, Sequence[Any]], Awaitable[None]], list[Any]] = defaultdict(list)
        self._afterwards: list[Callable[[], None]] = []
        self.set_aside_events: list[tuple[Event, str]] = []
        """What handlers could not take, and why."""

    def publish(self, event: Event) -> None:
        """Publish an event, if and only if this unit commits."""
        self.events.append(event)

    def insert_later(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """Add a row at the end of the unit, all rows of a table in one statement; known keys are skipped."""
        self._buffers[table].append(row)

    def add_later(self, table: sa.Table, key: Mapping[str, Any], column: str, amount: int) -> None:
        """Add to a counter at the very end of the unit: who else counts there waits for the commit alone."""
        self._sums[table, column][tuple(sorted(key.items()))] += amount

    def write_last(self, write: Callable[[Transaction, Sequence[T]], Awaitable[None]], row: T) -> None:
        """Have rows written when all else is, the commit alone left: a lock that `write` takes delays no other lock."""
        self._last[write].append(row)

    def set_aside(self, event: Event, reason: str) -> None:
        """Park this event of the batch: its recipient's later events wait behind it."""
        self.set_aside_events.append((event, reason))

    def after_commit(self, wake: Callable[[], None]) -> None:
        """Have something done once what this unit wrote can be read, on the event loop; never if it does not commit."""
        if wake not in self._afterwards:
            self._afterwards.append(wake)

    def committed(self) -> None:
        """Do what waits for the commit; for `UnitOfWorkRunner` alone."""
        for wake in self._afterwards:
            wake()

    async def flush(self, publisher: Publisher) -> None:
        """Write the buffers and the events; the last thing before the commit."""
        for table, rows in self._buffers.items():
            await self.db.insert_new(table, rows)
        self._buffers.clear()
        if self.events:
            await publisher.write(self.db, self.events, self.now)
        for (table, column), sums in self._sums.items():
            rows = [{**dict(key), column: amount} for key, amount in sorted(sums.items()) if amount]
            await self.db.upsert(table, rows, add=[column])
        self._sums.clear()
        for write, last in self._last.items():
            await write(self.db, last)
        self._last.clear()


class UnitOfWorkRunner:
    """Runs units of work for one service."""

    def __init__(self, database: Database, publisher: Publisher, clock: Clock) -> None:
        self.database = database
        self.publisher = publisher
        self.clock = clock

    async def run(self, work: Callable[[UnitOfWork], Awaitable[T]], priority: WritePriority) -> T:
        """Run `work`, flush, commit, and wake the log's readers; durable when this returns.

        Raises:
            DatabaseUnavailable: nothing was stored; trying again is safe.
        """
        ran: UnitOfWork | None = None

        async def unit(transaction: Transaction) -> T:
            nonlocal ran
            ran = uow = UnitOfWork(transaction, self.clock.now())  # the last one, where a database tries again
            result = await work(uow)
            await uow.flush(self.publisher)
            return result

        result = await self.database.write(unit, priority)
        if ran is not None:
            if ran.events:
                self.publisher.committed()
            ran.committed()
        return result

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a reading on one consistent snapshot."""
        return await self.database.read(work)
