"""A database, a log and a sealer in a temporary folder: the ground floor under a service in a test."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from shared.bus import local
from shared.bus.local import LocalLog
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Lane, Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.envelope import Event, decode
from shared.events.registry import registry
from shared.privacy import Keyring, Sealer
from shared.service import Runtime, Service
from shared.settings import ProcessSettings

EventT = TypeVar("EventT", bound=Event)


class House:
    """The ground floor of one test, and a service or several on it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def create(self, *metadata: sa.MetaData) -> None:
        """Create the tables of a service."""

        def statements() -> list[sa.schema.ExecutableDDLElement]:
            found: list[sa.schema.ExecutableDDLElement] = []
            for each in metadata:
                for table in each.sorted_tables:
                    found.append(sa.schema.CreateTable(table, if_not_exists=True))
                    found.extend(sa.schema.CreateIndex(index, if_not_exists=True) for index in table.indexes)
            return found

        async def work(transaction: Transaction) -> None:
            for statement in statements():
                await transaction.execute(statement)

        await self.runtime.database.write(work, Lane.BATCHES)

    async def publish(self, *events: Event) -> None:
        """Put events into the log, as another service would."""

        async def work(uow: UnitOfWork) -> None:
            for event in events:
                uow.publish(event)

        await self.runtime.units.run(work, Lane.BATCHES)

    async def settle(self, *services: Service) -> int:
        """Let the services read until nothing new comes; return how many events they took."""
        total = 0
        while True:
            taken = 0
            for service in services:
                if service.runner is not None and await self._has_news(service):
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
        """Return rows of a statement, for looking behind the doors."""
        return await self.runtime.database.read(lambda tx: tx.rows(statement))

    async def _has_news(self, service: Service) -> bool:
        """Return whether the log moved past what the service has read."""
        assert service.runner is not None  # noqa: S101 - the caller checked
        position = service.runner.position(local.LOCAL) or 0
        newest = await self.rows(sa.select(sa.func.max(local.event_log.c.id).label("newest")))
        return (newest[0]["newest"] or 0) >= max(position, 1)


@asynccontextmanager
async def house(folder: Path, clock: Clock, merchants: MerchantDirectory) -> AsyncIterator[House]:
    """Open a ground floor in `folder`, and close it afterwards."""
    database = SQLiteDatabase(folder / "followup.db")
    await database.start()
    try:
        runtime = Runtime(
            settings=ProcessSettings(data_dir=folder),
            clock=clock,
            database=database,
            log=LocalLog(database),
            sealer=Sealer(Keyring.new()),
            merchants=merchants,
        )
        built = House(runtime)
        await built.create(local.metadata)
        yield built
    finally:
        await database.stop()
