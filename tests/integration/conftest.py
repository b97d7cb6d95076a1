"""Every integration test runs on both databases."""

import asyncio
from collections.abc import Iterator

import pytest

from shared.testing.connected import Server
from shared.testing.harness import building_on
from shared.testing.schemas import Schemas


@pytest.fixture(scope="session")
def schemas(postgresql: Server) -> Iterator[Schemas]:
    """The schemas of the run's PostgreSQL server."""
    made = Schemas(postgresql)
    yield made
    asyncio.run(made.drop())


@pytest.fixture(autouse=True, params=["sqlite", pytest.param("postgresql", marks=pytest.mark.connected)])
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run each test on SQLite and on PostgreSQL; `engines.only_on_sqlite` says otherwise."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    with building_on(request.getfixturevalue("schemas").database):
        yield "postgresql"
