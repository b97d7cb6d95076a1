"""What only happens where units run side by side and a line can break: these tests have no SQLite twin."""

from collections.abc import Iterator

import pytest

from shared.testing.house import building_on
from shared.testing.schemas import Schemas
from tests.integration.side_by_side.line import Line, Place


@pytest.fixture(autouse=True)
def engine(schemas: Schemas) -> Iterator[str]:
    """PostgreSQL alone."""
    with building_on(schemas.database):
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
