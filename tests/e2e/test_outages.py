"""Distributed mode without its log or its database for a while: it waits, it says so, and it goes on."""

import asyncio
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from shared.testing import connected
from shared.testing.connected import Server
from shared.testing.waiting import until
from tests.e2e.orders import HEADERS, order
from tests.e2e.trial import PATIENCE_SECONDS, Trial, trial
from tests.parts import part

pytestmark = [pytest.mark.connected, pytest.mark.timeout(480)]
EVENTS_PER_ORDER = 2
_ROOM = 2
"""An outbox holds so many times what comes while the broker is away: then it is filled on purpose."""
EVERY_SECONDS = 0.5
"""Between two posts of a shop."""
END_SECONDS = 8
PAUSES_SECONDS = 2 * END_SECONDS
"""What two services take to end and to start again meanwhile."""


@pytest.fixture
def mortal_kafka() -> Iterator[Server]:
    """A broker of one's own."""
    yield from part(connected.kafka())


@pytest.fixture
def mortal_postgresql() -> Iterator[Server]:
    """A database of one's own that writes through to the disk."""
    yield from part(connected.postgresql(fsync=True))


async def without_broker(folder: Path, postgresql: Server, kafka: Server, *, size: int, seconds: float) -> None:
    rows = int(_ROOM * EVENTS_PER_ORDER * size * (seconds + PAUSES_SECONDS) / EVERY_SECONDS)
    async with trial(folder, postgresql, kafka, FOLLOWUP_KAFKA_OUTBOX_ROWS=str(rows)) as run:
        await run.application.start_all()
        async with run.traffic(size=size, every_seconds=EVERY_SECONDS):
            await until(partial(run.has_posted, 10 * size), PATIENCE_SECONDS)
            kafka.stop(signal.SIGKILL)
            await asyncio.to_thread(kafka.start)
            await until(partial(run.has_posted, run.orders + 10 * size), PATIENCE_SECONDS)
        assert not run.refusals, "a broker that restarts must not be seen at the door"
        await run.all_arrived()
        kafka.stop(signal.SIGKILL)
        begun = time.monotonic()
        for service in ("compliance", "metrics"):
            await ends_soon(run, service)
            await run.application.start(service)
        while time.monotonic() - begun < seconds:
            await run.post(size)
            await asyncio.sleep(EVERY_SECONDS)
        assert not run.refusals, "a broker that is away must not be seen at the door"
        await is_full(run)
        await asyncio.to_thread(kafka.start)
        await run.post(size)
        await run.end()


async def ends_soon(run: Trial, service: str) -> None:
    """Check that a process ends on a signal, although the log is away."""
    process = run.application.replicas[service, 0]
    process.send(signal.SIGTERM)
    assert await process.ended(END_SECONDS) == 0, f"{service} did not end within {END_SECONDS} s"


async def is_full(run: Trial) -> None:
    """Post until the outbox takes no more, and see what is said then."""

    async def refused() -> bool:
        at = run.application.clock.now().isoformat()
        numbers = range(run.orders, run.orders + 10)
        answer = await run.client.post("/v1/events", json=[order(n, at) for n in numbers], headers=HEADERS)
        if answer.is_success:
            run.orders += 10
            return False
        assert (answer.status_code, answer.json()["code"]) == (503, "outbox_full")
        assert int(answer.headers["Retry-After"]) > 0
        return True

    await until(refused, PATIENCE_SECONDS)


async def test_a_broker_that_dies_or_stays_away_costs_time_and_nothing_else(
    tmp_path: Path, postgresql: Server, mortal_kafka: Server
) -> None:
    await without_broker(tmp_path, postgresql, mortal_kafka, size=3, seconds=12)


async def without_database(folder: Path, postgresql: Server, kafka: Server, *, size: int, crashes: int) -> None:
    async with trial(folder, postgresql, kafka) as run:
        await run.application.start_all()
        async with run.traffic(size=size, every_seconds=EVERY_SECONDS):
            for _ in range(crashes):
                await until(partial(run.has_posted, run.orders + 10 * size), PATIENCE_SECONDS)
                postgresql.stop(signal.SIGQUIT)
                await asyncio.sleep(2)
                await asyncio.to_thread(postgresql.start)
            await until(partial(run.has_posted, run.orders + 10 * size), PATIENCE_SECONDS)
        await run.end()


async def test_a_database_that_crashes_with_work_in_flight_loses_nothing_that_was_acknowledged(
    tmp_path: Path, mortal_postgresql: Server, kafka: Server
) -> None:
    await without_database(tmp_path, mortal_postgresql, kafka, size=3, crashes=2)


@pytest.mark.torture
@pytest.mark.timeout(1800)
async def test_a_broker_that_is_away_for_a_minute_in_the_middle_of_hundreds(
    tmp_path: Path, postgresql: Server, mortal_kafka: Server
) -> None:
    await without_broker(tmp_path, postgresql, mortal_kafka, size=10, seconds=60)


@pytest.mark.torture
@pytest.mark.timeout(1800)
async def test_five_crashes_of_the_database_in_the_middle_of_hundreds(
    tmp_path: Path, mortal_postgresql: Server, kafka: Server
) -> None:
    await without_database(tmp_path, mortal_postgresql, kafka, size=10, crashes=5)
