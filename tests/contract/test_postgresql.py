"""What only the PostgreSQL twin promises or refuses: side-by-side units, faults of a server, roles of their own."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy as sa

from shared.bus import local
from shared.db.migrate import Schema
from shared.db.postgres import PostgresDatabase
from shared.db.postgres_faults import TransactionLost
from shared.db.postgres_roles import provision
from shared.db.transaction import Transaction, WritePriority
from shared.db.types import Id
from shared.errors import CommitUnknown, ConfigurationFault, DatabaseUnavailable
from shared.testing import connected
from shared.testing.connected import Server
from tests.contract.engines import create, postgres, schema
from tests.contract.until import until

pytestmark = pytest.mark.connected

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("word", sa.Text),
    sa.Column("count", sa.Integer),
)
KEYS = [UUID(int=n) for n in range(40)]


@pytest.fixture
async def database(postgresql: Server) -> AsyncIterator[PostgresDatabase]:
    async with postgres(postgresql, metadata) as engine:
        assert isinstance(engine.database, PostgresDatabase)
        await engine.database.write(lambda tx: tx.insert(things, [thing(key) for key in KEYS]), WritePriority.BATCHES)
        yield engine.database


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A server that a test may kill."""
    with connected.postgresql() as server:
        yield server


def thing(key: UUID, count: int = 0) -> dict[str, Any]:
    return {"id": key, "word": None, "count": count}


async def counts(database: PostgresDatabase) -> dict[UUID, int]:
    return {row["id"]: row["count"] for row in await database.read(lambda tx: tx.rows(sa.select(things)))}


async def kill_connections(server: Server, database: PostgresDatabase) -> int:
    owner = await asyncpg.connect(server.address)
    killed = await owner.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
        f"followup-{database.schema}",
    )
    await owner.close()
    return len(killed)


async def test_units_of_different_rows_run_side_by_side(database: PostgresDatabase) -> None:
    both = asyncio.Barrier(2)

    async def work(tx: Transaction, key: UUID) -> None:
        await tx.fetch(things, "id", [key], lock="update")
        await asyncio.wait_for(both.wait(), 60)

    await asyncio.gather(*[database.write(partial(work, key=key), WritePriority.BATCHES) for key in KEYS[:2]])


async def test_a_locking_fetch_makes_the_second_unit_see_the_first_ones_work(database: PostgresDatabase) -> None:
    async def add(tx: Transaction) -> None:
        found = await tx.fetch(things, "id", [KEYS[0]], lock="update")
        await asyncio.sleep(0.01)
        await tx.change(things, [{"id": KEYS[0], "count": found[0]["count"] + 1}])

    await asyncio.gather(*[database.write(add, WritePriority.BATCHES) for _ in range(8)])
    assert (await counts(database))[KEYS[0]] == 8


async def test_a_shared_lock_lets_readers_in_and_holds_writers(database: PostgresDatabase) -> None:
    both = asyncio.Barrier(2)
    order: list[str] = []

    async def share(tx: Transaction) -> None:
        await tx.fetch(things, "id", KEYS, lock="share")
        await asyncio.wait_for(both.wait(), 60)
        await asyncio.sleep(0.05)
        order.append("shared")

    async def change(tx: Transaction) -> None:
        await asyncio.sleep(0.02)
        await tx.change(things, [{"id": KEYS[0], "count": 1}])
        order.append("changed")

    await asyncio.gather(*[database.write(work, WritePriority.BATCHES) for work in (share, share, change)])
    assert order == ["shared", "shared", "changed"]


async def test_bulk_calls_over_the_same_rows_in_any_order_never_deadlock(database: PostgresDatabase) -> None:
    runs = 0

    async def work(tx: Transaction, keys: list[UUID]) -> None:
        nonlocal runs
        runs += 1
        await tx.fetch(things, "id", keys, lock="update")
        await tx.upsert(things, [thing(key, 1) for key in keys], add=("count",))

    async def fresh(tx: Transaction, keys: list[UUID]) -> None:
        nonlocal runs
        runs += 1
        await tx.insert_new(things, [thing(UUID(int=1000 + key.int)) for key in keys])
        await tx.upsert(things, [thing(key, 1) for key in keys], add=("count",))

    def turned(n: int) -> list[UUID]:
        return [*KEYS[n:], *KEYS[:n]][:: -1 if n % 2 else 1]

    orders = [turned(n) for n in range(10)]
    units = [
        database.write(partial(each, keys=keys), WritePriority.BATCHES) for keys in orders for each in (work, fresh)
    ]
    await asyncio.gather(*units)
    assert runs == 20
    assert set((await counts(database)).values()) == {0, 20}


async def test_the_loser_of_a_deadlock_runs_once_more_and_both_are_stored(database: PostgresDatabase) -> None:
    both = asyncio.Barrier(2)
    runs: list[int] = []

    async def work(tx: Transaction, first: UUID, second: UUID, mark: int) -> None:
        runs.append(mark)
        await tx.upsert(things, [thing(first, mark)], add=("count",))
        if len(runs) <= 2:
            await both.wait()
        await tx.upsert(things, [thing(second, mark)], add=("count",))

    await asyncio.gather(
        database.write(lambda tx: work(tx, KEYS[0], KEYS[1], 1), WritePriority.BATCHES),
        database.write(lambda tx: work(tx, KEYS[1], KEYS[0], 10), WritePriority.BATCHES),
    )
    found = await counts(database)
    assert len(runs) == 3
    assert (found[KEYS[0]], found[KEYS[1]]) == (11, 11)


async def test_a_unit_that_caught_a_failed_statement_is_not_stored_and_says_so(database: PostgresDatabase) -> None:
    async def work(tx: Transaction) -> None:
        await tx.change(things, [thing(KEYS[1], 5)])
        with pytest.raises(asyncpg.UniqueViolationError):
            await tx.insert(things, [thing(KEYS[0])])

    with pytest.raises(TransactionLost):
        await database.write(work, WritePriority.BATCHES)
    assert (await counts(database))[KEYS[1]] == 0


async def test_a_text_cannot_hold_nul(database: PostgresDatabase) -> None:
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await database.write(lambda tx: tx.upsert(things, [{**thing(KEYS[0]), "word": "a\0b"}]), WritePriority.BATCHES)


async def test_nothing_stops_a_unit_from_awaiting_something_else(database: PostgresDatabase) -> None:
    async def work(tx: Transaction) -> int:
        await asyncio.sleep(0)
        return 1

    assert await database.write(work, WritePriority.BATCHES) == 1


async def test_a_bug_in_a_statement_is_no_passing_fault(database: PostgresDatabase) -> None:
    with pytest.raises(sa.exc.ProgrammingError):
        await database.write(lambda tx: tx.rows(sa.text("SELECT * FROM no_such_table")), WritePriority.BATCHES)


@pytest.mark.parametrize("lane", ["bulk", "core"])
async def test_a_connection_that_breaks_inside_a_unit_fails_it_and_the_next_one_works(
    postgresql: Server, database: PostgresDatabase, lane: str
) -> None:
    async def work(tx: Transaction) -> None:
        await tx.change(things, [thing(KEYS[0], 9)])
        assert await kill_connections(postgresql, database) > 0
        if lane == "bulk":
            await tx.fetch(things, "id", KEYS)
        else:
            await tx.rows(sa.select(things))

    with pytest.raises(DatabaseUnavailable):
        await database.write(work, WritePriority.BATCHES)
    assert (await counts(database))[KEYS[0]] == 0


async def test_connections_that_broke_while_unused_fail_no_unit(postgresql: Server, database: PostgresDatabase) -> None:
    await asyncio.gather(*[counts(database) for _ in range(4)])
    assert await kill_connections(postgresql, database) > 1
    await asyncio.sleep(0.05)
    for _ in range(4):
        assert len(await counts(database)) == len(KEYS)


async def test_a_commit_without_an_answer_is_distinguished_from_one_that_failed(
    postgresql: Server, database: PostgresDatabase
) -> None:
    async def work(tx: Transaction) -> None:
        await tx.change(things, [thing(KEYS[0], 9)])
        await kill_connections(postgresql, database)

    with pytest.raises(CommitUnknown):
        await database.write(work, WritePriority.BATCHES)


async def test_a_lock_that_does_not_come_is_a_passing_fault(postgresql: Server, database: PostgresDatabase) -> None:
    async def impatient(tx: Transaction) -> None:
        await tx.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        await tx.change(things, [thing(KEYS[0], 1)])

    held, done = asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await tx.fetch(things, "id", [KEYS[0]], lock="update")
        held.set()
        await done.wait()

    holder = asyncio.ensure_future(database.write(hold, WritePriority.BATCHES))
    await held.wait()
    with pytest.raises(DatabaseUnavailable):
        await database.write(impatient, WritePriority.BATCHES)
    done.set()
    await holder


async def test_a_statement_that_takes_too_long_is_a_passing_fault(database: PostgresDatabase) -> None:
    async def slow(tx: Transaction) -> None:
        await tx.execute(sa.text("SET LOCAL statement_timeout = '50ms'"))
        await tx.execute(sa.text("SELECT pg_sleep(5)"))

    with pytest.raises(DatabaseUnavailable):
        await database.write(slow, WritePriority.BATCHES)
    limits = await database.read(lambda tx: tx.rows(sa.text("SELECT current_setting('statement_timeout') AS limit")))
    assert limits[0]["limit"] == "10s"


async def test_a_cancelled_unit_is_rolled_back_and_its_connection_is_clean(database: PostgresDatabase) -> None:
    begun = asyncio.Event()

    async def work(tx: Transaction) -> None:
        await tx.change(things, [thing(KEYS[0], 9)])
        begun.set()
        await tx.execute(sa.text("SELECT pg_sleep(5)"))

    task = asyncio.ensure_future(database.write(work, WritePriority.BATCHES))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.gather(*[database.write(lambda tx: tx.upsert(things, [thing(KEYS[1], 1)], add=("count",)),
                                          WritePriority.BATCHES) for _ in range(5)])  # fmt: skip
    found = await counts(database)
    assert (found[KEYS[0]], found[KEYS[1]]) == (0, 5)


async def test_a_column_added_meanwhile_does_not_fail_a_unit(database: PostgresDatabase) -> None:
    async def look(tx: Transaction) -> int:
        await tx.fetch(things, "id", KEYS)
        return len(await tx.rows(sa.text("SELECT * FROM things")))

    await asyncio.gather(*[database.write(look, WritePriority.BATCHES) for _ in range(4)])
    await database.write(
        lambda tx: tx.execute(sa.text("ALTER TABLE things ADD COLUMN extra text")), WritePriority.BATCHES
    )
    for _ in range(4):
        assert await database.write(look, WritePriority.BATCHES) == len(KEYS)


async def test_a_server_that_crashes_loses_nothing_that_was_answered(mortal: Server) -> None:
    await provision(mortal.address, "crash")
    url = sa.make_url(mortal.address).set(username="followup_crash").render_as_string()
    database = PostgresDatabase(url, "crash")
    await create(database, metadata)
    await database.write(lambda tx: tx.insert(things, [thing(KEYS[0], 7)]), WritePriority.BATCHES)
    mortal.stop(signal.SIGQUIT)
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda tx: tx.insert(things, [thing(KEYS[1])]), WritePriority.BATCHES)
    mortal.start()
    await database.start()
    assert await counts(database) == {KEYS[0]: 7}
    await database.stop()


async def test_a_service_cannot_read_another_ones_tables(postgresql: Server) -> None:
    async with schema(postgresql) as (url, name), schema(postgresql) as (other_url, other):
        mine, others = PostgresDatabase(url, name), PostgresDatabase(other_url, other)
        try:
            await create(mine, metadata)
            await create(others, metadata)
            await mine.write(lambda tx: tx.insert(things, [thing(KEYS[0])]), WritePriority.BATCHES)
            assert await counts(others) == {}
            for statement in (f'TABLE "{name}".things', f'CREATE TABLE "{name}".mine (a int)',
                              "CREATE TABLE public.mine (a int)", f'SET ROLE "followup_{name}"'):  # fmt: skip
                with pytest.raises(sa.exc.ProgrammingError, match=r"permission denied"):
                    await others.write(lambda tx, s=statement: tx.execute(sa.text(s)), WritePriority.BATCHES)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        finally:
            await mine.stop()
            await others.stop()


async def test_a_second_provisioning_changes_nothing(postgresql: Server) -> None:
    async with schema(postgresql) as (url, name):
        database = PostgresDatabase(url, name)
        await create(database, metadata)
        await provision(postgresql.address, name, None)
        await database.start()
        assert await counts(database) == {}
        await database.stop()


@pytest.mark.parametrize(
    ("url", "name"),
    [("{url}", "no_such_schema"), ("{url}_gone", "x"), ("mysql://a@b/c", "x"), ("not a url", "x")],
)
async def test_what_an_operator_must_fix_is_a_configuration_fault(postgresql: Server, url: str, name: str) -> None:
    with pytest.raises(ConfigurationFault):
        await PostgresDatabase(url.format(url=postgresql.address), name).start()


async def test_a_server_that_is_not_there_is_a_passing_fault() -> None:
    with pytest.raises(DatabaseUnavailable):
        await PostgresDatabase("postgresql://a@127.0.0.1:1/b", "x").start()


async def test_migrations_run_once_however_many_processes_ask(postgresql: Server) -> None:
    own = Schema("log", local.metadata, Path(local.__file__).parent / "migrations" / "versions")
    async with schema(postgresql) as (url, name):
        databases = [PostgresDatabase(url, name) for _ in range(3)]
        await asyncio.gather(*[database.upgrade([own]) for database in databases])
        found = await databases[0].read(lambda tx: tx.rows(sa.select(local.event_log)))
        versions = await databases[0].read(lambda tx: tx.rows(sa.text("SELECT version_num FROM log_alembic_version")))
        assert (found, len(versions)) == ([], 1)
        for database in databases:
            await database.stop()


async def test_one_session_at_a_time_holds_a_lock_and_a_ring_wakes_the_listener(database: PostgresDatabase) -> None:
    first = await database.session()
    assert await first.try_lock("relay")
    heard = asyncio.Event()
    await first.listen("outbox", heard.set)
    second = await database.session()
    assert not await second.try_lock("relay")
    await second.ring("outbox")
    await asyncio.wait_for(heard.wait(), 60)
    await first.close()
    await until(lambda: second.try_lock("relay"))
    await second.close()
