"""Real parts for the whole run: brought up when the first test asks, gone at the end."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import NoReturn

import pytest
from playwright.async_api import Browser, async_playwright, expect

from shared.testing import connected
from shared.testing.connected import REQUIRED_VARIABLE, PartMissing, Server

_BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PATIENCE_MS = 30_000
"""How long a browser waits for what it expects to see: a loaded machine is slow, not wrong."""


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
    async with chromium() as launched:
        yield launched


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser: a module of many tests starts one for all of them, each with a context of its own."""
    found = shutil.which("chromium")
    if found is None:
        missing("Chromium is not installed (Debian: apt-get install chromium)")
    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=found, args=_BROWSER_FLAGS)
        yield launched
        await launched.close()


def absent() -> dict[str, str]:
    """Return which tests cannot run on this machine, and what to install or set for them."""
    found = {
        "tests on PostgreSQL": (
            "DATABASE_URL" in os.environ or any(connected.POSTGRESQL_FOLDER.glob("*/bin/postgres")),
            "apt-get install postgresql, or set DATABASE_URL",
        ),
        "tests on Kafka": (
            "KAFKA_BOOTSTRAP" in os.environ or all(map(shutil.which, ("java", "mvn"))),
            "apt-get install default-jre-headless maven, or set KAFKA_BOOTSTRAP",
        ),
        "tests in a browser": (shutil.which("chromium") is not None, "apt-get install chromium"),
        "tests of dashboards and alerts on Prometheus": (
            shutil.which("promtool") is not None,
            "apt-get install prometheus",
        ),
        "tests of the reverse proxy": (shutil.which("nginx") is not None, "apt-get install nginx-light"),
    }
    return {tests: how for tests, (is_here, how) in found.items() if not is_here}


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
