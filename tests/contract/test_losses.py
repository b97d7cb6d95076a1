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
from shared.bus.kafka_faults import LogUnavailable
from shared.bus.marks import PublisherMark
from shared.bus.runner import Runner
from shared.events.topics import Topic
from shared.testing import connected
from shared.testing.connected import Server
from tests.contract.desks import PARTITIONS, SERVICE, KafkaDesk, kafka_desk
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
async def desk(postgresql: Server, mortal: Server) -> AsyncIterator[KafkaDesk]:
    async with kafka_desk(postgresql, mortal) as desk:
        yield desk


def segments(server: Server, desk: KafkaDesk) -> list[Path]:
    """Return the active segment of each partition of the topic under test."""
    folder = server.log.parent / "log"
    name = desk.cluster.topic(Topic.FOLLOW_UPS)
    return [next((folder / f"{name}-{number}").glob("*.log")) for number in range(PARTITIONS)]


def cut_power(server: Server, sizes: dict[Path, int]) -> None:
    """End the broker, take back what its disk would not have had, and start it again."""
    server.stop(signal.SIGKILL)
    for segment, size in sizes.items():
        with segment.open("r+b") as file:
            file.truncate(size)
    server.start()


async def look(desk: KafkaDesk) -> None:
    """Let the watch look until the broker has answered it."""

    async def has_looked() -> bool:
        return await desk.log.losses.step() >= 1

    await until(has_looked)


async def flushed(desk: KafkaDesk) -> bool:
    """Relay; the broker refuses what a producer numbers on from before, once, and the relay connects anew."""
    try:
        await desk.flush()
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
    desk: KafkaDesk, mortal: Server
) -> None:
    before = instruments.ACKNOWLEDGED_LOST.labels(SERVICE)._value.get()
    first = [blocked(n, n) for n in range(20)]
    await desk.publish(*first)
    await look(desk)
    sizes = {segment: segment.stat().st_size for segment in segments(mortal, desk)}
    lost = [blocked(n, n) for n in range(20, 60)]
    await desk.publish(*lost)
    await look(desk)
    assert await desk.waiting_rows() == [], "all of it was acknowledged, and nobody has read it"
    await desk.log.losses.close()
    await desk.relay.close()
    cut_power(mortal, sizes)
    await desk.relay.step()
    assert len(await desk.records(Topic.FOLLOW_UPS)) == 20
    await look(desk)
    assert instruments.ACKNOWLEDGED_LOST.labels(SERVICE)._value.get() == before + 40
    await look(desk)
    assert instruments.ACKNOWLEDGED_LOST.labels(SERVICE)._value.get() == before + 40, "it is told once"
    runner = desk.reader()
    async with reading(runner):
        await until(lambda: desk.has_done(60))
    assert set(await desk.done()) == set(keys([*first, *lost]))
    await desk.log.losses.close()


async def test_a_reader_whose_place_lies_beyond_the_end_goes_on_by_itself(desk: KafkaDesk, mortal: Server) -> None:
    events = [blocked(n, n) for n in range(40, 70)]
    await desk.publish(*events[:10])
    sizes = {segment: segment.stat().st_size for segment in segments(mortal, desk)}
    await desk.publish(*events[10:])
    reader = desk.reader()
    await desk.settle(reader)
    await desk.leave(reader)
    await look(desk)
    cut_power(mortal, sizes)
    runner = desk.reader()
    async with reading(runner):
        await look(desk)
        news = [blocked(n, n) for n in range(70, 80)]
        await desk.commit(*news)
        await until(partial(flushed, desk))

        async def has_news() -> bool:
            return set(keys(news)) <= set(await desk.done())

        await until(has_news)
    assert runner.halted is None
    assert set(Counter(await desk.done())) == set(keys([*events, *news]))
    await desk.log.losses.close()


async def test_who_hears_of_a_loss_that_others_have_filled_up_answers_it_once(desk: KafkaDesk) -> None:
    await desk.publish(*[blocked(n, n) for n in range(10)])
    await look(desk)
    losses = desk.log.losses
    losses.marks = desk.log.marks()
    at = datetime.now(UTC) + timedelta(seconds=1)
    losses.marks._newest["ingest"] = PublisherMark("ingest", at, None, at)
    await look(desk)
    assert len(await desk.records(Topic.FOLLOW_UPS)) == 20, "everything was said once more"
    await look(desk)
    assert len(await desk.records(Topic.FOLLOW_UPS)) == 20
    losses._known = None
    await look(desk)
    assert len(await desk.records(Topic.FOLLOW_UPS)) == 20, "a restart does not forget what was answered"
    table = desk.log.metadata.tables[f"{SERVICE}_log_ends"]
    rows = await desk.database.read(lambda tx: tx.rows(sa.select(table)))
    assert {row["topic"] for row in rows} == {"", *Topic}
    await losses.close()
