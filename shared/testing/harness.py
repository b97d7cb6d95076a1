"""A database, a log and a sealer in a temporary folder: the ground floor under a service in a test."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from shared.bus import local
from shared.bus.local import LocalLog, RecentWrites
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import Database, UnitOfWork
from shared.events.envelope import Event, decode
from shared.events.registry import registry
from shared.privacy import Keyring, Sealer
from shared.service import Runtime, Service
from shared.settings import ProcessSettings
from shared.testing.schemas import OrderedLog

EventT = TypeVar("EventT", bound=Event)
Site: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Database]]
"""Opens a started, empty database for an application in a folder."""

_TABLES_THERE = sa.text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")


class ProvenWritten(RecentWrites):
    """Checks that the bytes of every event decode to what was written, so that readers need not decode them again."""

    def encoded(self, event: Event) -> bytes:
        """Return the body of an event after reading it back."""
        body = super().encoded(event)
        again = decode(type(event), body)
        if again != event:
            raise AssertionError(f"{event!r} reads back as {again!r}")
        return body


class ServiceHarness:
    """The ground floor of one test, and a service or several on it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def create(self, *metadata: sa.MetaData) -> None:
        """Create the tables of a service, except those that an earlier application left there."""

        async def work(transaction: Transaction) -> None:
            there = set()
            if transaction.dialect == "postgresql":
                there = {row["tablename"] for row in await transaction.rows(_TABLES_THERE)}
            for table in (table for each in metadata for table in each.sorted_tables if table.name not in there):
                await transaction.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    await transaction.execute(sa.schema.CreateIndex(index, if_not_exists=True))

        await self.runtime.database.write(work, WritePriority.BATCHES)

    async def publish(self, *events: Event) -> None:
        """Put events into the log, as another service would."""

        async def work(uow: UnitOfWork) -> None:
            for event in events:
                uow.publish(event)

        await self.runtime.units.run(work, WritePriority.BATCHES)

    async def settle(self, *services: Service) -> int:
        """Let the services read until nothing new comes; return how many events they took."""
        total = 0
        while True:
            taken = 0
            for service in services:
                if service.runner is not None and await self._has_news(service):
                    for loop in service.loops:
                        if loop.name == "hear":  # tracks which recipients have unread events
                            await loop._step()  # noqa: SLF001 - a test's own step
                    taken += await service.runner.step(linger_seconds=0)
            total += taken
            if not taken:
                return total

    async def published(self, kind: type[EventT]) -> list[EventT]:
        """Return every event of a type in the log, oldest first."""
        return [event for event in await self.log_events() if isinstance(event, kind)]

    async def log_events(self) -> list[Event]:
        """Return everything in the log, oldest first."""
        rows = await self.rows(sa.select(local.event_log).order_by(local.event_log.c.id))
        kinds = registry()
        return [decode(kinds[row["type"]], bytes(row["body"])) for row in rows]

    async def rows(self, statement: sa.Executable) -> Sequence[Row]:
        """Return rows of a statement, to check the database directly."""
        return await self.runtime.database.read(lambda tx: tx.rows(statement))

    async def stored(self) -> bytes:
        """Return everything the database holds, for looking whether something can be read there."""
        database = self.runtime.database
        if isinstance(database, SQLiteDatabase):
            return b"".join(file.read_bytes() for file in sorted(database.path.parent.glob(f"{database.path.name}*")))
        names = [row["tablename"] for row in await self.rows(_TABLES_THERE)]
        found = [await self.rows(sa.text(f'SELECT * FROM "{name}"')) for name in names]  # noqa: S608 - our own names
        return repr([dict(row) for rows in found for row in rows]).encode()

    async def plan(self, statement: sa.ClauseElement, **values: Any) -> str:
        """Return how the engine would find what a statement asks for, where a table is too large to be read through."""

        async def work(transaction: Transaction) -> str:
            if transaction.dialect == "postgresql":
                for habit in ("enable_seqscan", "enable_bitmapscan"):
                    await transaction.execute(sa.text(f"SET LOCAL {habit} = off"))
            return str(await transaction.rows(_Explained(statement), values))

        return await self.runtime.database.read(work)

    async def _has_news(self, service: Service) -> bool:
        """Return whether the log moved past what the service has read."""
        assert service.runner is not None  # noqa: S101 - the caller checked
        position = service.runner.position(local.LOCAL) or 0
        newest = await self.rows(sa.select(sa.func.max(local.event_log.c.id).label("newest")))
        return (newest[0]["newest"] or 0) >= max(position, 1)


class _Explained(sa.Executable, sa.ClauseElement):
    """The question how a statement would be run."""

    inherit_cache = False

    def __init__(self, statement: sa.ClauseElement) -> None:
        self.statement = statement


@compiles(_Explained)
def _explained(element: _Explained, compiler: Any, **options: Any) -> str:
    verb = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN"
    asked = f"{verb} {compiler.process(element.statement, **options)}"
    compiler._result_columns = []  # noqa: SLF001 - the answer's are the plan's own
    return asked


@asynccontextmanager
async def in_a_file(folder: Path) -> AsyncIterator[Database]:
    """Open a SQLite file of the folder's own."""
    database = SQLiteDatabase(folder / "followup.db")
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


_sites: list[Site] = [in_a_file]


@contextmanager
def building_on(site: Site) -> Iterator[None]:
    """Open every application inside the block on this database."""
    _sites.append(site)
    try:
        yield
    finally:
        _sites.pop()


@asynccontextmanager
async def harness(folder: Path, clock: Clock, merchants: MerchantDirectory) -> AsyncIterator[ServiceHarness]:
    """Open a harness for `folder`, on a file there unless inside `building_on`; close it in the end."""
    async with _sites[-1](folder) as database:
        runtime = Runtime(
            settings=ProcessSettings(data_dir=folder),
            clock=clock,
            database=database,
            log=LocalLog(database, ProvenWritten()) if database.dialect == "sqlite" else OrderedLog(database),
            sealer=Sealer(Keyring.new()),
            merchants=merchants,
        )
        built = ServiceHarness(runtime)
        await built.create(local.metadata)
        yield built
