"""What only happens where units run side by side and a line can break: these tests have no SQLite twin."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.db.postgres import WRITERS, PostgresDatabase
from shared.db.transaction import WritePriority
from shared.testing.harness import building_on
from shared.testing.schemas import Schemas
from tests.integration.across_services.concurrency.line import Line, Place


@pytest.fixture(autouse=True)
def engine(schemas: Schemas) -> Iterator[str]:
    """PostgreSQL alone, every connection open: units that wait for one would not run side by side."""

    @asynccontextmanager
    async def awake(folder: Path) -> AsyncIterator[PostgresDatabase]:
        async with schemas.database(folder) as database:
            moment = sa.text("SELECT pg_sleep(0.03)")
            await asyncio.gather(
                *(database.write(lambda tx: tx.execute(moment), WritePriority.BATCHES) for _ in range(WRITERS))
            )
            yield database

    with building_on(awake):
        yield "postgresql"


@pytest.fixture
def line(schemas: Schemas, engine: str) -> Iterator[Line]:
    """The line to it."""
    line = Line(schemas)
    with building_on(line.database):
        yield line
    assert line.cuts == 1


@pytest.fixture(params=list(Place))
def place(request: pytest.FixtureRequest) -> Place:
    """Where the line breaks."""
    chosen: Place = request.param
    return chosen
