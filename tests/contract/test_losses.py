"""A broker whose power was cut comes back with less than it had acknowledged; the services notice and tell it again."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.bus import kafka_instruments as instruments
from shared.bus.errors import LogUnavailable
from shared.bus.marks import PublisherMark
from shared.bus.runner import Runner
from shared.events.topics import Topic
from shared.testing import connected
from shared.testing.connected import Server
from tests.contract.log_drivers import PARTITIONS, SERVICE, KafkaLogDriver, kafka_driver
from tests.contract.test_runner import blocked, keys
from tests.contract.until import until

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A broker whose power may be cut."""
    with connected.kafka() as server:
        if not server.command:
            pytest.skip("the broker runs without us, and its files are not ours")
        yield server


@pytest.fixture
async def driver(postgresql: Server, mortal: Server) -> AsyncIterator[KafkaLogDriver]:
    async with kafka_driver(postgresql, mortal) as driver:
        yield driver


def segments(server: Server, driver: KafkaLogDriver) -> list[Path]:
    """Return the active segment of each partition of the topic under test."""
    folder = server.log.parent / "log"
    name = driver.cluster.topic(Topic.FOLLOW_UPS)
    return [next((folder / f"{name}-{number}").glob("*.log")) for number in range(PARTITIONS)]


def cut_power(server: Server, sizes: dict[Path, int]) -> None:
    """End the broker, take back what its disk would not have had, and start it again."""
    server.stop(signal.SIGKILL)
    for segment, size in sizes.items():
        with segment.open("r+b") as file:
            file.truncate(size)
    server.start()


async def look(driver: KafkaLogDriver) -> None:
    """Let the watch look until the broker has answered it."""

    async def has_looked() -> bool:
        return await driver.log.losses.step() >= 1

    await until(has_looked)


async def flushed(driver: KafkaLogDriver) -> bool:
    """Relay; the broker refuses what a producer numbers on from before, once, and the relay connects anew."""
    try:
        await driver.flush()
    except LogUnavailable:
        return False
    return True


@asynccontextmanager
async def reading(runner: Runner) -> AsyncIterator[None]:
    task = asyncio.ensure_future(runner.run_forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_acknowledged_and_lost_is_read_and_relayed_again_without_anybody(
    driver: KafkaLogDriver, mortal: Server
) -> None:
    before = instruments.ACKNOWLEDGED_LOST.labels(SERVICE)._value.get()
    first = [blocked(n, n) for n in range(20)]
    await driver.publish(*first)
    await look(driver)
    sizes = {segment: segment.stat().st_size for segment in segments(mortal, driver)}
    lost = [blocked(n, n) for n in range(20, 60)]
    await driver.publish(*lost)
    await look(driver)
    assert await driver.waiting_rows() == [], "all of it was acknowledged, and nobody has read it"
    await driver.log.losses.close()
    await driver.relay.close()
    cut_power(mortal, sizes)
    await driver.relay.step()
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 20
    await look(driver)
    assert instruments.ACKNOWLEDGED_LOST.labels(SERVICE)._value.get() == before + 40
    await look(driver)
    assert instruments.ACKNOWLEDGED_LOST.labels(SERVICE)._value.get() == before + 40, "it is told once"
    runner = driver.reader()
    async with reading(runner):
        await until(lambda: driver.has_done(60))
    assert set(await driver.done()) == set(keys([*first, *lost]))
    await driver.log.losses.close()


async def test_a_reader_whose_place_lies_beyond_the_end_goes_on_by_itself(
    driver: KafkaLogDriver, mortal: Server
) -> None:
    events = [blocked(n, n) for n in range(40, 70)]
    await driver.publish(*events[:10])
    sizes = {segment: segment.stat().st_size for segment in segments(mortal, driver)}
    await driver.publish(*events[10:])
    reader = driver.reader()
    await driver.settle(reader)
    await driver.leave(reader)
    await look(driver)
    cut_power(mortal, sizes)
    runner = driver.reader()
    async with reading(runner):
        await look(driver)
        news = [blocked(n, n) for n in range(70, 80)]
        await driver.commit(*news)
        await until(partial(flushed, driver))

        async def has_news() -> bool:
            return set(keys(news)) <= set(await driver.done())

        await until(has_news)
    assert runner.halted is None
    assert set(Counter(await driver.done())) == set(keys([*events, *news]))
    await driver.log.losses.close()


async def test_who_hears_of_a_loss_that_others_have_filled_up_answers_it_once(driver: KafkaLogDriver) -> None:
    await driver.publish(*[blocked(n, n) for n in range(10)])
    await look(driver)
    losses = driver.log.losses
    losses.marks = driver.log.marks()
    at = datetime.now(UTC) + timedelta(seconds=1)
    losses.marks._newest["ingest"] = PublisherMark("ingest", at, None, at)
    await look(driver)
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 20, "everything was said once more"
    await look(driver)
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 20
    losses._known = None
    await look(driver)
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 20, "a restart does not forget what was answered"
    table = driver.log.metadata.tables[f"{SERVICE}_log_ends"]
    rows = await driver.database.read(lambda tx: tx.rows(sa.select(table)))
    assert {row["topic"] for row in rows} == {"", *Topic}
    await losses.close()
