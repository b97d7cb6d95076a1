"""What only the SQLite twin promises or refuses."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Lane, Transaction
from shared.db.types import Id
from shared.errors import DatabaseUnavailable
from tests.contract.engines import sqlite

metadata = sa.MetaData()
things = sa.Table(
    "things", metadata, sa.Column("id", Id, primary_key=True), sa.Column("facts", sa.LargeBinary, nullable=False)
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    async with sqlite(tmp_path, metadata) as engine:
        assert isinstance(engine.database, SQLiteDatabase)
        yield engine.database


def thing(size: int = 1) -> dict[str, object]:
    return {"id": uuid4(), "facts": b"x" * size}


async def count(database: SQLiteDatabase) -> int:
    return len(await database.read(lambda tx: tx.rows(sa.select(things))))


async def test_a_full_disk_fails_the_write_and_recovers_by_itself(database: SQLiteDatabase) -> None:
    raw = database._opened[0][1]

    async def limit(tx: Transaction, pages: int) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    used = raw.execute("PRAGMA page_count").fetchone()[0]
    await database.write(lambda tx: limit(tx, used), Lane.BATCHES)
    big = thing(100_000)
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.insert(things, [big]), Lane.BATCHES)
    await database.write(lambda tx: limit(tx, 1_000_000), Lane.BATCHES)
    await database.write(lambda tx: tx.insert(things, [big]), Lane.BATCHES)
    assert await count(database) == 1


async def test_a_locked_file_fails_the_write_and_recovers_by_itself(database: SQLiteDatabase) -> None:
    database._opened[0][1].execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.insert(things, [thing()]), Lane.BATCHES)
    other.execute("ROLLBACK")
    other.close()
    await database.write(lambda tx: tx.insert(things, [thing()]), Lane.BATCHES)
    assert await count(database) == 1


async def test_a_unit_that_awaits_something_else_is_refused(database: SQLiteDatabase) -> None:
    async def work(tx: Transaction) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="nothing but its transaction"):
        await database.write(work, Lane.BATCHES)


async def test_a_text_may_hold_nul_and_a_unit_may_catch_a_failed_statement(database: SQLiteDatabase) -> None:
    async def work(tx: Transaction) -> None:
        row = thing()
        await tx.insert(things, [row])
        with pytest.raises(sqlite3.IntegrityError):
            await tx.insert(things, [row])

    await database.write(work, Lane.BATCHES)
    assert await count(database) == 1
    nul = await database.read(lambda tx: tx.rows(sa.select(sa.literal("a\0b").label("word"))))
    assert nul[0]["word"] == "a\0b"
