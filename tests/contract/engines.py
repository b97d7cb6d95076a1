"""Both databases behind one face, with what a test of the contract must know about each."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import sqlalchemy as sa

from shared.db.postgres import PostgresDatabase
from shared.db.postgres_roles import ROLE_PREFIX, provision
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import Database
from shared.testing.connected import Server
from tests.contract.until import until

_PATIENCE_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Engine:
    """One twin under test."""

    database: Database
    waiting: Callable[[], int]
    """How many units wait for their turn."""
    pause: Callable[[Callable[[], bool]], Awaitable[None]]
    """Hold a unit or a reading where it stands until something is so: SQLite's may not await anything."""


@asynccontextmanager
async def sqlite(folder: Path, *metadata: sa.MetaData) -> AsyncIterator[Engine]:
    """A file with these tables."""
    database = SQLiteDatabase(folder / "contract.db")
    await database.start()
    try:
        await create(database, *metadata)
        yield Engine(database, lambda: len(database._queue), _spin)
    finally:
        await database.stop()


@asynccontextmanager
async def postgres(server: Server, *metadata: sa.MetaData, writers: int = 4) -> AsyncIterator[Engine]:
    """A schema with these tables, used by its own role, and dropped afterwards."""
    async with schema(server) as (url, name):
        database = PostgresDatabase(url, name, writers=writers, readers=2)
        await database.start()
        try:
            await create(database, *metadata)
            yield Engine(database, lambda: database._writers.waiting, until)
        finally:
            await database.stop()


@asynccontextmanager
async def schema(server: Server) -> AsyncIterator[tuple[str, str]]:
    """A new schema and its role: the role's URL and the schema's name."""
    name = f"t{uuid4().hex[:12]}"
    await provision(server.address, name, "s3cret'\"")
    try:
        yield as_role(server.address, f"{ROLE_PREFIX}{name}"), name
    finally:
        owner = await asyncpg.connect(server.address)
        await owner.execute(f'DROP SCHEMA "{name}" CASCADE')
        await owner.execute(f'DROP OWNED BY "{ROLE_PREFIX}{name}"; DROP ROLE "{ROLE_PREFIX}{name}"')
        await owner.close()


def as_role(url: str, role: str) -> str:
    """Return the URL with another role."""
    return sa.make_url(url).set(username=role, password="s3cret'\"").render_as_string(hide_password=False)


async def _spin(until: Callable[[], bool]) -> None:
    """Block this thread, which is not the loop's."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not until() and time.monotonic() < deadline:
        time.sleep(0.001)  # noqa: ASYNC251 - on the writer's or a reader's thread, which has no loop


async def create(database: Database, *metadata: sa.MetaData) -> None:
    """Create tables and their indexes."""

    async def work(tx: Transaction) -> None:
        for each in metadata:
            for table in each.sorted_tables:
                await tx.execute(sa.schema.CreateTable(table))
                for index in table.indexes:
                    await tx.execute(sa.schema.CreateIndex(index))

    await database.write(work, WritePriority.BATCHES)
