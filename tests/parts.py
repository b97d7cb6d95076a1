"""Real parts for the whole run: brought up when the first test asks, gone at the end."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import NoReturn

import pytest
from playwright.async_api import Browser, async_playwright

from shared.testing import connected
from shared.testing.connected import REQUIRED_VARIABLE, PartMissing, Server

_BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server."""
    yield from part(connected.postgresql())


@pytest.fixture(scope="session")
def kafka() -> Iterator[Server]:
    """A Kafka broker."""
    yield from part(connected.kafka())


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real browser, without a window."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("Chromium is not installed (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=_BROWSER_FLAGS)
        yield launched
        await launched.close()


def missing(what: str) -> NoReturn:
    """Skip aloud, or fail where real parts are required."""
    if os.environ.get(REQUIRED_VARIABLE):
        pytest.fail(f"{REQUIRED_VARIABLE} is set, but {what}")
    pytest.skip(what)


def part(wanted: AbstractContextManager[Server]) -> Iterator[Server]:
    """Run a part; where it cannot be had, skip aloud, or fail where it is required."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(wanted)
        except PartMissing as problem:
            missing(str(problem))
        yield server
