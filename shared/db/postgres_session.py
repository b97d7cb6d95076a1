"""A connection of one's own: advisory locks and wake-ups live as long as it does, each statement commits by itself."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.postgres_faults import translated
from shared.db.postgres_statements import PostgresTransaction


class PostgresSession:
    """A connection that no unit of work uses; whoever has it closes it."""

    def __init__(self, connection: AsyncConnection, raw: Any) -> None:
        self._connection = connection
        self._raw = raw
        self.db = PostgresTransaction(connection, raw)
        """The statements; each commits by itself."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection broke, and with it every lock."""
        return bool(self._raw.is_closed())

    async def relax(self) -> None:
        """Let commits here return before they reach the disk; for work that bears being done twice."""
        await self._raw.execute("SET synchronous_commit = off")

    async def try_lock(self, name: str) -> bool:
        """Take the lock of this name if nobody has it; it is held until the session closes.

        Raises:
            DatabaseUnavailable: the session is lost.
        """
        try:
            return bool(await self._raw.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name))
        except Exception as problem:
            raise translated(problem, lost=self.is_lost) from problem

    async def listen(self, channel: str, heard: Callable[[], None]) -> None:
        """Call `heard` whenever somebody rings the channel."""
        await self._raw.add_listener(channel, lambda *_: heard())

    async def ring(self, channel: str) -> None:
        """Wake whoever listens to the channel.

        Raises:
            DatabaseUnavailable: the session is lost.
        """
        try:
            await self._raw.execute("SELECT pg_notify($1, '')", channel)
        except Exception as problem:
            raise translated(problem, lost=self.is_lost) from problem

    async def close(self) -> None:
        """Give the locks back; the connection is not used again, for it may have been taught odd habits."""
        if not self._raw.is_closed():
            self._raw.terminate()
        await self._connection.invalidate()
        await self._connection.close()
