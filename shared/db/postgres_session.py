"""A connection of one's own: advisory locks and wake-ups live as long as it does, each statement commits by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.postgres_faults import translated
from shared.db.postgres_statements import PostgresTransaction
from shared.db.transaction import Row

SERVER_TIME = sa.select(sa.func.clock_timestamp().label("at"))
"""By the server's own clock: every process of a service counts on the same one."""


class PostgresSession:
    """A connection outside the units of work; its owner closes it. Concurrent calls take turns.

    Every method raises `DatabaseUnavailable` when the session is lost or the server passes through a bad moment.
    """

    def __init__(self, connection: AsyncConnection, raw: Any) -> None:
        self._connection = connection
        self._raw = raw
        self._statements = PostgresTransaction(connection, raw)
        self._turn = asyncio.Lock()

    @property
    def is_lost(self) -> bool:
        """Whether the connection broke, and with it every lock."""
        return bool(self._raw.is_closed())

    async def rows(self, statement: sa.Executable) -> list[Row]:
        """Return the rows of a Core statement."""
        async with self._asking():
            return await self._statements.rows(statement)

    async def insert(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Add rows."""
        async with self._asking():
            await self._statements.insert(table, rows)

    async def delete(self, table: sa.Table, by: str, values: Sequence[Any]) -> int:
        """Delete the rows whose column `by` has one of `values`; return how many there were."""
        async with self._asking():
            return await self._statements.delete(table, by, values)

    async def relax(self) -> None:
        """Let commits here return before they reach the disk; for work that bears being done twice."""
        async with self._asking():
            await self._raw.execute("SET synchronous_commit = off")

    async def expire(self, seconds: int) -> None:
        """Let the server close this connection, and free its locks, if it sends nothing for so long."""
        async with self._asking():
            await self._raw.execute(f"SET idle_session_timeout = '{int(seconds)}s'")

    async def touch(self) -> None:
        """Send a statement, so that the server keeps the connection."""
        async with self._asking():
            await self._raw.execute("SELECT 1")

    async def try_lock(self, name: str) -> bool:
        """Take the lock of this name if it is free; it is held until the session closes."""
        async with self._asking():
            return bool(await self._raw.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name))

    async def listen(self, channel: str, heard: Callable[[], None]) -> None:
        """Call `heard` at each notification of the channel."""
        async with self._asking():
            await self._raw.add_listener(channel, lambda *_: heard())

    async def ring(self, channel: str) -> None:
        """Notify the listeners of the channel."""
        async with self._asking():
            await self._raw.execute("SELECT pg_notify($1, '')", channel)

    async def close(self) -> None:
        """Give the locks back; the connection is not used again, for it may have been taught odd habits."""
        if not self._raw.is_closed():
            self._raw.terminate()
        await self._connection.invalidate()
        await self._connection.close()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Wait for a turn, and raise what the driver raises as a fault."""
        async with self._turn:
            try:
                yield
            except Exception as problem:
                raise translated(problem, lost=self.is_lost) from problem
