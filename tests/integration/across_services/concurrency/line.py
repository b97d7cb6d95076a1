"""A line to PostgreSQL that breaks at a COMMIT: just before the server hears it, or just before we hear the answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.db.postgres import PostgresDatabase
from shared.testing.schemas import Schemas

_COMMIT = b"COMMIT\0"
_BEGIN = b"BEGIN\0"
_BEGIN_READING = b"BEGIN ISOLATION"
_CHUNK_BYTES = 65_536
_DEFAULT_PORT = 5432


class Place(StrEnum):
    """Where the line breaks."""

    BEFORE = "before"
    """Nothing is stored."""
    AFTER = "after"
    """All of it is stored."""


@dataclass
class _Connection:
    """One connection through the line."""

    writes: bool = False
    is_cut: bool = False


class Line:
    """Passes everything on until a cut is asked for; then one unit learns nothing of its commit."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._place: Place | None = None
        self._remaining = 0
        self.cuts = 0

    def cut(self, place: Place, *, at: int = 1) -> None:
        """Break the line at the commit of the `at`-th unit that writes from now on."""
        self._place, self._remaining = place, at

    @asynccontextmanager
    async def database(self, folder: Path) -> AsyncIterator[PostgresDatabase]:
        """Open a database at the other end."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            async with self._schemas.database(folder, port=port) as database:
                yield database
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        address = self._schemas.address
        server, questions = await asyncio.open_connection(address.host, address.port or _DEFAULT_PORT)
        connection = _Connection()
        try:
            await asyncio.gather(
                self._ask(connection, client, questions), self._answer(connection, server, answers, questions)
            )
        finally:
            for writer in (answers, questions):
                writer.close()

    async def _ask(self, connection: _Connection, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while said := await client.read(_CHUNK_BYTES):
                if _BEGIN in said or _BEGIN_READING in said:
                    connection.writes = _BEGIN in said
                if _COMMIT in said and connection.writes and self._is_the_one():
                    connection.is_cut = True
                    if self._place is Place.BEFORE:
                        break
                server.write(said)
                await server.drain()
        server.close()

    async def _answer(
        self,
        connection: _Connection,
        server: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        questions: asyncio.StreamWriter,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while (said := await server.read(_CHUNK_BYTES)) and not connection.is_cut:
                client.write(said)
                await client.drain()
        client.close()
        questions.close()

    def _is_the_one(self) -> bool:
        """Return whether this commit is the one to lose."""
        if self._remaining == 0:
            return False
        self._remaining -= 1
        if self._remaining:
            return False
        self.cuts += 1
        return True
