"""The law of the database layer, on both engines."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import sqlalchemy as sa

from shared.db import instruments
from shared.db.storage import LASTING
from shared.db.transaction import Lock, Transaction, WritePriority
from shared.db.types import Id, Instant, Json
from shared.errors import DatabaseUnavailable
from shared.testing.clock import START
from tests.contract.engines import Engine, postgres, sqlite
from tests.contract.until import until

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.connected)]
BULK = 25
"""More than what goes through arrays on PostgreSQL."""

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Instant),
    sa.Column("facts", Json),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("is_new", sa.Boolean),
    sa.Column("word", sa.Text),
)
claims = sa.Table(
    "claims",
    metadata,
    sa.Column("shop", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("code", sa.Text, unique=True),
    sa.Column("price_minor", sa.BigInteger),
)
places = sa.Table(
    "places",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True, info=LASTING),
    sa.Column("count", sa.Integer, nullable=False),
)
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("word", sa.Text, nullable=False),
)


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    if request.param == "sqlite":
        async with sqlite(tmp_path, metadata) as engine:
            yield engine
    else:
        async with postgres(request.getfixturevalue("postgresql"), metadata) as engine:
            yield engine


@pytest.fixture(params=ENGINES)
async def narrow(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine that takes one unit at a time."""
    if request.param == "sqlite":
        async with sqlite(tmp_path, metadata) as engine:
            yield engine
    else:
        async with postgres(request.getfixturevalue("postgresql"), metadata, writers=1) as engine:
            yield engine


def thing(key: UUID, count: int = 1) -> dict[str, object]:
    return {
        "id": key,
        "at": START,
        "facts": {"colour": "red", "sizes": [1, 2.5, None], "at": "é"},
        "count": count,
        "sealed": b"\x00\xff",
        "is_new": True,
        "word": "naïve 🙂 'quoted'",
    }


def empty(key: UUID, count: int = 1) -> dict[str, object]:
    return {"id": key, "at": None, "facts": None, "count": count, "sealed": None, "is_new": None, "word": None}


async def insert(engine: Engine, table: sa.Table, rows: Sequence[dict[str, object]]) -> None:
    await engine.database.write(lambda tx: tx.insert(table, rows), WritePriority.BATCHES)


async def everything(engine: Engine) -> dict[UUID, int]:
    rows = await engine.database.read(lambda tx: tx.rows(sa.select(things)))
    return {row["id"]: row["count"] for row in rows}


@pytest.mark.parametrize("count", [1, 9, BULK])
async def test_values_come_back_as_they_went_in(engine: Engine, count: int) -> None:
    rows = [*(thing(uuid4(), n) for n in range(count)), empty(uuid4())]
    await insert(engine, things, rows)
    keys = [row["id"] for row in rows]
    bulk = await engine.database.read(lambda tx: tx.fetch(things, "id", [*keys, uuid4(), keys[0]]))
    core = await engine.database.read(lambda tx: tx.rows(sa.select(things).where(things.c.id == keys[0])))
    assert sorted(map(dict, bulk), key=lambda row: row["id"]) == sorted(rows, key=lambda row: str(row["id"]))
    assert [dict(row) for row in core] == [rows[0]]
    assert orjson.dumps(bulk[0]["id"]) == orjson.dumps(str(bulk[0]["id"]))


async def test_a_fetch_can_ask_for_some_columns_by_another_key(engine: Engine) -> None:
    await insert(engine, things, [{**thing(uuid4(), n), "word": "ab"[n % 2]} for n in range(4)])
    found = await engine.database.read(lambda tx: tx.fetch(things, "word", ["b"], columns=("count", "word")))
    assert sorted(row["count"] for row in found) == [1, 3]
    assert {tuple(row) for row in found} == {("count", "word")}


async def test_a_fetch_can_begin_somewhere_in_a_second_column_or_ask_for_what_has_none(engine: Engine) -> None:
    rows = [
        {**thing(uuid4(), n), "word": "ab"[n % 2], "at": None if n < 2 else START + timedelta(hours=n)}
        for n in range(8)
    ]
    await insert(engine, things, rows)

    async def counts(tx: Transaction, begin: Any, lock: Lock | None) -> list[int]:
        found = await tx.fetch(things, "word", ["a"], columns=("count",), since=("at", begin), lock=lock)
        return sorted(row["count"] for row in found)

    for lock in (None, "update"):
        assert await engine.database.write(
            partial(counts, begin=START + timedelta(hours=4), lock=lock), WritePriority.BATCHES
        ) == [4, 6]
        assert await engine.database.write(partial(counts, begin=None, lock=lock), WritePriority.BATCHES) == [0]


async def test_rows_are_found_by_keys_of_several_columns_each_once(engine: Engine) -> None:
    rows = [{"shop": shop, "number": n, "code": f"{shop}{n}", "price_minor": n} for shop in "ab" for n in range(3)]
    await insert(engine, claims, rows)
    keys: list[dict[str, Any]] = [{"shop": "a", "number": 1}, {"shop": "b", "number": 2}, {"shop": "b", "number": 9}]
    found = await engine.database.read(lambda tx: tx.fetch_keys(claims, [*keys, keys[0]]))
    assert sorted(row["code"] for row in found) == ["a1", "b2"]
    assert await engine.database.read(lambda tx: tx.fetch_keys(claims, [])) == []


async def test_no_values_no_query(engine: Engine) -> None:
    async def work(tx: Transaction) -> tuple[list[object], list[bool], list[bool], int]:
        await tx.insert(things, [])
        await tx.upsert(things, [])
        found = await tx.fetch(things, "id", [])
        return [*found], await tx.insert_new(things, []), await tx.change(things, []), await tx.delete(things, "id", [])

    assert await engine.database.write(work, WritePriority.BATCHES) == ([], [], [], 0)


@pytest.mark.parametrize("lock", ["update", "share"])
async def test_a_locking_fetch_finds_what_a_plain_one_does(engine: Engine, lock: Lock) -> None:
    keys = [uuid4() for _ in range(3)]
    await insert(engine, things, [thing(key) for key in keys])
    found = await engine.database.write(lambda tx: tx.fetch(things, "id", keys, lock=lock), WritePriority.BATCHES)
    assert {row["id"] for row in found} == set(keys)


@pytest.mark.parametrize("count", [2, BULK])
async def test_inserting_a_known_row_is_an_error_and_adds_nothing(engine: Engine, count: int) -> None:
    keys = [uuid4() for _ in range(count)]
    await insert(engine, things, [thing(keys[-1], 7)])
    with pytest.raises((sqlite3.IntegrityError, asyncpg.UniqueViolationError)):
        await insert(engine, things, [thing(key) for key in keys])
    assert await everything(engine) == {keys[-1]: 7}


@pytest.mark.parametrize("count", [3, BULK])
async def test_generated_keys_rise_in_the_order_given(engine: Engine, count: int) -> None:
    words = [f"{count - n:03}" for n in range(count)]
    await insert(engine, notes, [{"word": word} for word in words])
    rows = await engine.database.read(lambda tx: tx.rows(sa.select(notes.c.word).order_by(notes.c.id)))
    assert [row["word"] for row in rows] == words


async def test_insert_new_distinguishes_the_new_from_the_known(engine: Engine) -> None:
    first, second = uuid4(), uuid4()
    fresh = await engine.database.write(
        lambda tx: tx.insert_new(things, [thing(first), thing(first, 2), thing(second)]), WritePriority.BATCHES
    )
    assert fresh == [True, False, True]
    assert await everything(engine) == {first: 1, second: 1}


async def test_insert_new_answers_in_the_order_asked_whatever_the_order_of_the_keys(engine: Engine) -> None:
    keys = [uuid4() for _ in range(BULK)]
    known = set(keys[::3])
    await insert(engine, things, [thing(key) for key in known])
    fresh = await engine.database.write(
        lambda tx: tx.insert_new(things, [thing(key) for key in keys]), WritePriority.BATCHES
    )
    assert fresh == [key not in known for key in keys]


async def test_insert_new_skips_what_another_unique_key_knows(engine: Engine) -> None:
    def claim(number: int, code: str | None) -> dict[str, object]:
        return {"shop": "a", "number": number, "code": code, "price_minor": 1}

    rows = [claim(1, "x"), claim(2, "x"), claim(3, None), claim(4, None), claim(1, "y")]
    fresh = await engine.database.write(lambda tx: tx.insert_new(claims, rows), WritePriority.BATCHES)
    assert fresh == [True, False, True, True, False]
    again = await engine.database.write(
        lambda tx: tx.insert_new(claims, [claim(9, "x"), claim(8, "z"), claim(3, "w")]), WritePriority.BATCHES
    )
    assert again == [False, True, False]


async def test_rows_with_a_generated_key_are_always_new(engine: Engine) -> None:
    fresh = await engine.database.write(
        lambda tx: tx.insert_new(notes, [{"word": "a"}, {"word": "a"}, {"word": "b"}]), WritePriority.BATCHES
    )
    assert fresh == [True, True, True]


async def test_upsert_replaces_or_sums(engine: Engine) -> None:
    key = uuid4()
    for count in (1, 5):
        await engine.database.write(
            lambda tx, n=count: tx.upsert(things, [{"id": key, "count": n}]),  # type: ignore[misc]  # a default
            WritePriority.BATCHES,
        )
    assert await everything(engine) == {key: 5}
    await engine.database.write(
        lambda tx: tx.upsert(things, [{"id": key, "count": 3}], add=("count",)), WritePriority.BATCHES
    )
    assert await everything(engine) == {key: 8}


async def test_an_upsert_that_names_a_row_twice_does_both_in_order(engine: Engine) -> None:
    key, other = uuid4(), uuid4()
    rows = [{"id": key, "count": 1}, {"id": other, "count": 4}, {"id": key, "count": 2}]
    await engine.database.write(lambda tx: tx.upsert(things, rows), WritePriority.BATCHES)
    assert await everything(engine) == {key: 2, other: 4}
    await engine.database.write(lambda tx: tx.upsert(things, rows, add=("count",)), WritePriority.BATCHES)
    assert await everything(engine) == {key: 5, other: 8}


async def test_an_upsert_leaves_the_columns_it_does_not_name(engine: Engine) -> None:
    key = uuid4()
    await insert(engine, things, [thing(key)])
    await engine.database.write(lambda tx: tx.upsert(things, [{"id": key, "count": 9}]), WritePriority.BATCHES)
    found = await engine.database.read(lambda tx: tx.fetch(things, "id", [key]))
    assert [dict(row) for row in found] == [{**thing(key), "count": 9}]


async def test_an_upsert_leaves_what_lasts_as_it_was_first_written(engine: Engine) -> None:
    first, second = uuid4(), uuid4()
    await insert(engine, places, [{"id": first, "owner": "Ana", "count": 1}])
    rows = [{"id": first, "owner": "Bo", "count": 2}, {"id": second, "owner": "Bo", "count": 3}]
    await engine.database.write(lambda tx: tx.upsert(places, rows), WritePriority.BATCHES)
    found = await engine.database.read(lambda tx: tx.fetch(places, "id", [first, second]))
    assert {row["id"]: (row["owner"], row["count"]) for row in found} == {first: ("Ana", 2), second: ("Bo", 3)}


async def test_change_compares_before_it_sets(engine: Engine) -> None:
    key = uuid4()
    await insert(engine, things, [thing(key, 1)])

    async def change(tx: Transaction) -> list[bool]:
        return await tx.change(
            things,
            [{"id": key, "count": 2, "was_count": 1}, {"id": key, "count": 3, "was_count": 1}],
            was=("count",),
        )

    assert await engine.database.write(change, WritePriority.BATCHES) == [True, False]
    assert await everything(engine) == {key: 2}


async def test_change_answers_in_the_order_asked_and_knows_an_empty_value(engine: Engine) -> None:
    keys = [uuid4() for _ in range(BULK)]
    await insert(engine, things, [empty(key, n) for n, key in enumerate(keys)])
    later = START + timedelta(hours=1)
    rows = [{"id": key, "at": later, "was_at": None if n % 2 else START, "was_count": n} for n, key in enumerate(keys)]
    changed = await engine.database.write(
        lambda tx: tx.change(things, rows, was=("at", "count")), WritePriority.BATCHES
    )
    assert changed == [bool(n % 2) for n in range(BULK)]
    found = await engine.database.read(lambda tx: tx.fetch(things, "at", [later], columns=("id",)))
    assert {row["id"] for row in found} == {key for n, key in enumerate(keys) if n % 2}


async def test_change_of_an_unknown_row_finds_nothing(engine: Engine) -> None:
    rows = [{"shop": "a", "number": 1, "price_minor": 5}]
    assert await engine.database.write(lambda tx: tx.change(claims, rows), WritePriority.BATCHES) == [False]
    await insert(engine, claims, [{"shop": "a", "number": 1, "code": "c", "price_minor": 1}])
    assert await engine.database.write(lambda tx: tx.change(claims, rows), WritePriority.BATCHES) == [True]


async def test_delete_counts_what_it_removed(engine: Engine) -> None:
    keys = [uuid4() for _ in range(700)]
    await insert(engine, things, [thing(key) for key in keys])
    assert await engine.database.write(lambda tx: tx.delete(things, "id", keys[:600]), WritePriority.BATCHES) == 600
    assert len(await everything(engine)) == 100


async def test_delete_by_several_columns_removes_those_rows_and_no_mixture_of_them(engine: Engine) -> None:
    rows = [{"shop": shop, "number": n, "code": f"{shop}{n}", "price_minor": n} for shop in "ab" for n in range(9)]
    await insert(engine, claims, rows)
    keys = [{"shop": "a", "number": n} for n in range(5)] + [{"shop": "b", "number": 8}, {"shop": "c", "number": 1}]
    assert await engine.database.write(lambda tx: tx.delete_keys(claims, keys), WritePriority.BATCHES) == 6
    assert await engine.database.write(lambda tx: tx.delete_keys(claims, []), WritePriority.BATCHES) == 0
    left = await engine.database.read(lambda tx: tx.rows(sa.select(claims.c.code).order_by(claims.c.code)))
    assert [row["code"] for row in left] == ["a5", "a6", "a7", "a8", *(f"b{n}" for n in range(8))]


async def test_a_failing_unit_fails_no_other(engine: Engine) -> None:
    good, bad = uuid4(), uuid4()

    async def failing(tx: Transaction) -> None:
        await tx.insert(things, [thing(bad)])
        raise ValueError("halfway")

    results = await asyncio.gather(
        engine.database.write(lambda tx: tx.insert(things, [thing(good)]), WritePriority.BATCHES),
        engine.database.write(failing, WritePriority.BATCHES),
        return_exceptions=True,
    )
    assert results[0] is None
    assert isinstance(results[1], ValueError)
    assert list(await everything(engine)) == [good]


@pytest.mark.parametrize("count", [1, BULK])
async def test_a_bulk_insert_as_the_first_statement_is_rolled_back_too(engine: Engine, count: int) -> None:
    async def failing(tx: Transaction) -> None:
        await tx.insert(things, [thing(uuid4()) for _ in range(count)])
        raise ValueError("after the copy")

    with pytest.raises(ValueError, match="after the copy"):
        await engine.database.write(failing, WritePriority.BATCHES)
    assert await everything(engine) == {}


async def test_core_and_bulk_statements_see_each_others_work(engine: Engine) -> None:
    key = uuid4()

    async def work(tx: Transaction) -> tuple[int, int]:
        await tx.insert(things, [thing(key, 1)])
        touched = await tx.execute(sa.update(things).where(things.c.id == key).values(count=things.c.count + 1))
        return touched, int((await tx.fetch(things, "id", [key]))[0]["count"])

    assert await engine.database.write(work, WritePriority.BATCHES) == (1, 2)


async def test_a_reading_is_one_snapshot(engine: Engine) -> None:
    await insert(engine, things, [thing(uuid4(), 1)])
    begun: list[object] = []
    changed = asyncio.Event()

    async def counts(tx: Transaction) -> list[int]:
        return [row["count"] for row in await tx.rows(sa.select(things.c.count))]

    async def reading(tx: Transaction) -> tuple[list[int], list[int]]:
        before = await counts(tx)
        begun.append(before)
        await engine.pause(changed.is_set)
        return before, await counts(tx)

    task = asyncio.ensure_future(engine.database.read(reading))
    await until(lambda: bool(begun))
    await engine.database.write(lambda tx: tx.execute(sa.update(things).values(count=2)), WritePriority.BATCHES)
    changed.set()
    assert await task == ([1], [1])
    assert list((await everything(engine)).values()) == [2]


async def test_lanes_overtake_in_their_order(narrow: Engine) -> None:
    order: list[str] = []

    def queue(name: str, priority: WritePriority) -> asyncio.Task[None]:
        async def work(tx: Transaction) -> None:
            order.append(name)
            if name == "holder":
                await narrow.pause(lambda: narrow.waiting() == 4)

        return asyncio.ensure_future(narrow.database.write(work, priority))

    holder = queue("holder", WritePriority.BATCHES)
    await until(lambda: bool(order))
    others = [queue("batch", WritePriority.BATCHES), queue("ingest", WritePriority.INGEST)]
    others += [queue("stop", WritePriority.STOP), queue("second batch", WritePriority.BATCHES)]
    await asyncio.gather(holder, *others)
    assert order == ["holder", "stop", "ingest", "batch", "second batch"]


async def test_readers_cannot_write(engine: Engine) -> None:
    with pytest.raises((DatabaseUnavailable, sqlite3.OperationalError)):
        await engine.database.read(lambda tx: tx.insert(things, [thing(uuid4())]))
    assert await everything(engine) == {}


@pytest.mark.parametrize("seed", range(6))
async def test_any_calls_leave_the_rows_and_answers_that_single_steps_would(engine: Engine, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - made-up work, the same at every run
    keys = [uuid4() for _ in range(BULK)]
    state: dict[UUID, int] = {}
    for _ in range(40):
        act = dice.choice(["insert_new", "upsert", "add", "change", "compare", "delete"])
        size = dice.choice([1, 3, 9, BULK])
        drawn = dice.choices(keys, k=size) if dice.randrange(2) else dice.sample(keys, k=size)
        rows = [{"id": key, "count": dice.randrange(4)} for key in drawn]
        if act == "compare":
            guess = dice.randrange(8)
            rows = [{"id": key, "count": 3, "was_count": guess if guess < 4 else state.get(key, 0)} for key in drawn]
        expected = [single(state, act, row) for row in rows]
        answers = await engine.database.write(partial(call, act=act, rows=rows), WritePriority.BATCHES)
        assert answers in (expected, sum(expected), None)
        assert await everything(engine) == state


async def call(tx: Transaction, *, act: str, rows: list[dict[str, Any]]) -> list[bool] | int | None:
    match act:
        case "insert_new":
            return await tx.insert_new(things, rows)
        case "upsert" | "add":
            await tx.upsert(things, rows, add=("count",) if act == "add" else ())
            return None
        case "delete":
            return await tx.delete(things, "id", [row["id"] for row in rows])
        case _:
            return await tx.change(things, rows, was=("count",) if act == "compare" else ())


def single(state: dict[UUID, int], act: str, row: dict[str, Any]) -> bool:
    """Do one row's share on the model and return whether it took effect."""
    key, count = row["id"], row["count"]
    known = key in state
    match act:
        case "insert_new":
            state.setdefault(key, count)
            return not known
        case "add":
            state[key] = state.get(key, 0) + count
        case "delete":
            state.pop(key, None)
        case "compare":
            known = state.get(key) == row["was_count"]
            state.update({key: count} if known else {})
        case _:
            state.update({key: count} if known or act == "upsert" else {})
    return known


async def test_units_and_rows_written_are_counted_and_what_was_rolled_back_or_read_is_not(engine: Engine) -> None:
    database, keys = engine.database, [uuid4() for _ in range(BULK)]

    def counted() -> tuple[float, float]:
        return instruments.UNITS._value.get(), instruments.ROWS_WRITTEN._value.get()

    async def work(tx: Transaction) -> None:
        await tx.insert(things, [thing(key) for key in keys])
        await tx.insert_new(things, [thing(key) for key in keys[:3]])
        await tx.upsert(things, [thing(key) for key in keys[:4]], add=("count",))
        await tx.change(things, [{"id": key, "count": 7} for key in (*keys[:5], uuid4())])
        await tx.delete(things, "id", keys[:6])
        await tx.execute(sa.update(things).values(count=9))

    async def fails(tx: Transaction) -> None:
        await work(tx)
        raise ValueError("rolled back")

    before, commits, seconds = counted(), instruments.COMMITS._value.get(), instruments.WRITER_SECONDS._value.get()
    with pytest.raises(ValueError, match="rolled back"):
        await database.write(fails, WritePriority.BATCHES)
    await database.write(work, WritePriority.BATCHES)
    await database.read(lambda tx: tx.fetch(things, "id", keys))
    units, rows = (after - first for after, first in zip(counted(), before, strict=True))
    assert units == 1
    assert rows == BULK + 4 + 5 + 6 + (BULK - 6)
    assert instruments.COMMITS._value.get() > commits
    assert instruments.WRITER_SECONDS._value.get() > seconds
