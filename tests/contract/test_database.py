"""One suite of statements and failures for the database layer."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Lane, Transaction
from shared.db.types import Id, Instant, Json
from shared.errors import DatabaseUnavailable
from shared.testing.clock import START

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Instant),
    sa.Column("facts", Json),
    sa.Column("count", sa.Integer, nullable=False),
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLiteDatabase]:
    database = SQLiteDatabase(tmp_path / "test.db")
    await database.start()

    async def create(tx: Transaction) -> None:
        await tx.execute(sa.schema.CreateTable(things))

    await database.write(create, Lane.BATCHES)
    yield database
    await database.stop()


def thing(key: UUID, count: int = 1) -> dict[str, object]:
    return {"id": key, "at": START, "facts": {"colour": "red"}, "count": count}


async def everything(database: SQLiteDatabase) -> dict[UUID, int]:
    rows = await database.read(lambda tx: tx.rows(sa.select(things)))
    return {row["id"]: row["count"] for row in rows}


async def test_values_come_back_as_they_went_in(database: SQLiteDatabase) -> None:
    key = uuid4()
    await database.write(lambda tx: tx.insert(things, [thing(key)]), Lane.BATCHES)
    bulk = await database.read(lambda tx: tx.fetch(things, "id", [key, uuid4()]))
    core = await database.read(lambda tx: tx.rows(sa.select(things).where(things.c.id == key)))
    assert bulk == [thing(key)]
    assert [dict(row) for row in core] == [thing(key)]


async def test_insert_new_tells_the_new_from_the_known(database: SQLiteDatabase) -> None:
    first, second = uuid4(), uuid4()
    fresh = await database.write(
        lambda tx: tx.insert_new(things, [thing(first), thing(first, 2), thing(second)]), Lane.BATCHES
    )
    assert fresh == [True, False, True]
    assert await everything(database) == {first: 1, second: 1}


async def test_upsert_replaces_or_sums(database: SQLiteDatabase) -> None:
    key = uuid4()
    for count in (1, 5):
        await database.write(lambda tx, n=count: tx.upsert(things, [{"id": key, "count": n}]), Lane.BATCHES)  # type: ignore[misc]
    assert await everything(database) == {key: 5}
    await database.write(lambda tx: tx.upsert(things, [{"id": key, "count": 3}], add=("count",)), Lane.BATCHES)
    assert await everything(database) == {key: 8}


async def test_change_compares_before_it_sets(database: SQLiteDatabase) -> None:
    key = uuid4()
    await database.write(lambda tx: tx.insert(things, [thing(key, 1)]), Lane.BATCHES)

    async def change(tx: Transaction) -> list[bool]:
        return await tx.change(
            things,
            [{"id": key, "count": 2, "was_count": 1}, {"id": key, "count": 3, "was_count": 1}],
            was=("count",),
        )

    assert await database.write(change, Lane.BATCHES) == [True, False]
    assert await everything(database) == {key: 2}


async def test_delete_counts_what_it_removed(database: SQLiteDatabase) -> None:
    keys = [uuid4() for _ in range(700)]
    await database.write(lambda tx: tx.insert(things, [thing(key) for key in keys]), Lane.BATCHES)
    assert await database.write(lambda tx: tx.delete(things, "id", keys[:600]), Lane.BATCHES) == 600
    assert len(await everything(database)) == 100


async def test_a_failing_unit_takes_nobody_with_it(database: SQLiteDatabase) -> None:
    good, bad = uuid4(), uuid4()

    async def failing(tx: Transaction) -> None:
        await tx.insert(things, [thing(bad)])
        raise ValueError("halfway")

    results = await asyncio.gather(
        database.write(lambda tx: tx.insert(things, [thing(good)]), Lane.BATCHES),
        database.write(failing, Lane.BATCHES),
        return_exceptions=True,
    )
    assert results[0] is None
    assert isinstance(results[1], ValueError)
    assert list(await everything(database)) == [good]


async def test_lanes_overtake_in_their_order(database: SQLiteDatabase) -> None:
    order: list[str] = []
    gate = asyncio.Event()

    def note(name: str, *, first: bool = False) -> asyncio.Task[None]:
        async def work(tx: Transaction) -> None:
            order.append(name)
            if first:
                loop.call_soon_threadsafe(gate.set)
                while len(database._queue) < 3:  # until the others have queued
                    pass

        return asyncio.ensure_future(database.write(work, lanes[name]))

    loop = asyncio.get_running_loop()
    lanes = {"holder": Lane.BATCHES, "batch": Lane.BATCHES, "ingest": Lane.INGEST, "stop": Lane.STOP}
    holder = note("holder", first=True)
    await gate.wait()
    waiting = [note("batch"), note("ingest"), note("stop")]
    await asyncio.gather(holder, *waiting)
    assert order == ["holder", "stop", "ingest", "batch"]


async def test_a_full_disk_fails_the_write_and_recovers_by_itself(database: SQLiteDatabase) -> None:
    raw = database._opened[0][1]

    async def limit(tx: Transaction, pages: int) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    used = raw.execute("PRAGMA page_count").fetchone()[0]
    await database.write(lambda tx: limit(tx, used), Lane.BATCHES)
    big = {**thing(uuid4()), "facts": "x" * 100_000}
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.insert(things, [big]), Lane.BATCHES)
    await database.write(lambda tx: limit(tx, 1_000_000), Lane.BATCHES)
    await database.write(lambda tx: tx.insert(things, [big]), Lane.BATCHES)
    assert len(await everything(database)) == 1


async def test_a_locked_file_fails_the_write_and_recovers_by_itself(database: SQLiteDatabase) -> None:
    database._opened[0][1].execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.insert(things, [thing(uuid4())]), Lane.BATCHES)
    other.execute("ROLLBACK")
    other.close()
    await database.write(lambda tx: tx.insert(things, [thing(uuid4())]), Lane.BATCHES)
    assert len(await everything(database)) == 1


async def test_readers_cannot_write(database: SQLiteDatabase) -> None:
    with pytest.raises((DatabaseUnavailable, sqlite3.OperationalError)):
        await database.read(lambda tx: tx.insert(things, [thing(uuid4())]))


async def test_a_unit_that_awaits_something_else_is_refused(database: SQLiteDatabase) -> None:
    async def work(tx: Transaction) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="nothing but its transaction"):
        await database.write(work, Lane.BATCHES)
