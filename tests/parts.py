"""Real parts for the whole run: brought up when the first test asks, gone at the end."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from shared.testing import connected
from shared.testing.connected import REQUIRED_VARIABLE, PartMissing, Server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server."""
    yield from part(connected.postgresql())


@pytest.fixture(scope="session")
def kafka() -> Iterator[Server]:
    """A Kafka broker."""
    yield from part(connected.kafka())


def part(wanted: AbstractContextManager[Server]) -> Iterator[Server]:
    """Run a part; where it cannot be had, skip aloud, or fail where it is required."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(wanted)
        except PartMissing as missing:
            if os.environ.get(REQUIRED_VARIABLE):
                pytest.fail(f"{REQUIRED_VARIABLE} is set, but {missing}")
            pytest.skip(str(missing))
        yield server
