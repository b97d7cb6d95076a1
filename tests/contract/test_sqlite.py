"""What only the SQLite twin promises or refuses."""

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from shared.db.readers import ReadingForARequest
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Transaction, WritePriority
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
    await database.write(lambda tx: limit(tx, used), WritePriority.BATCHES)
    big = thing(100_000)
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.insert(things, [big]), WritePriority.BATCHES)
    await database.write(lambda tx: limit(tx, 1_000_000), WritePriority.BATCHES)
    await database.write(lambda tx: tx.insert(things, [big]), WritePriority.BATCHES)
    assert await count(database) == 1


async def test_a_locked_file_fails_the_write_and_recovers_by_itself(database: SQLiteDatabase) -> None:
    database._opened[0][1].execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.insert(things, [thing()]), WritePriority.BATCHES)
    other.execute("ROLLBACK")
    other.close()
    await database.write(lambda tx: tx.insert(things, [thing()]), WritePriority.BATCHES)
    assert await count(database) == 1


async def test_a_unit_that_awaits_something_else_is_refused(database: SQLiteDatabase) -> None:
    async def work(tx: Transaction) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="nothing but its transaction"):
        await database.write(work, WritePriority.BATCHES)


async def test_a_text_may_hold_nul_and_a_unit_may_catch_a_failed_statement(database: SQLiteDatabase) -> None:
    async def work(tx: Transaction) -> None:
        row = thing()
        await tx.insert(things, [row])
        with pytest.raises(sqlite3.IntegrityError):
            await tx.insert(things, [row])

    await database.write(work, WritePriority.BATCHES)
    assert await count(database) == 1
    nul = await database.read(lambda tx: tx.rows(sa.select(sa.literal("a\0b").label("word"))))
    assert nul[0]["word"] == "a\0b"


async def test_long_lists_that_are_asked_for_leave_the_loops_their_readers(database: SQLiteDatabase) -> None:
    let_go = threading.Event()

    async def long_list(tx: Transaction) -> int:
        let_go.wait(90)
        return len(await tx.rows(sa.select(things)))

    with ReadingForARequest():
        asked = [asyncio.create_task(database.read(long_list)) for _ in range(6)]
    await asyncio.sleep(0)
    try:
        assert await asyncio.wait_for(count(database), 60) == 0
    finally:
        let_go.set()
    assert await asyncio.gather(*asked) == [0] * 6


def modes_of(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def left_open(folder: Path) -> Path:
    """Return a database file that all users may read, in such a folder."""
    folder.chmod(0o755)
    left = folder / "followup.db"
    left.touch()
    left.chmod(0o644)
    return left


@pytest.mark.skipif(sys.platform == "win32", reason="the modes of POSIX")
async def test_the_files_are_the_owners_alone_even_in_a_folder_that_is_not(tmp_path: Path) -> None:
    left = left_open(tmp_path)
    before = os.umask(0o022)
    try:
        opened = SQLiteDatabase(left)
        await opened.start()
        await opened.write(lambda tx: tx.execute(sa.text("CREATE TABLE some (thing)")), WritePriority.BATCHES)
        found = modes_of(tmp_path)
        await opened.stop()
    finally:
        os.umask(before)
    assert found == {"followup.db": 0o600, "followup.db-wal": 0o600, "followup.db-shm": 0o600}
