"""Which recipients wait for unread events, on both logs: those with events, and all while that is unknown."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from shared.bus.errors import LogUnavailable
from shared.bus.marks import MARK_SECONDS, AlwaysInLog
from shared.bus.partitioning import WHOLE_MERCHANT
from shared.bus.read_progress import ReadProgress, UnreadEvents, UnreadReason
from shared.bus.runner import Runner
from shared.events.topics import Topic
from shared.testing.clock import FakeClock
from tests.contract.log_drivers import LogDriver, kafka_driver, local_driver, system_tables
from tests.contract.test_runner import blocked, person_id, revocation

LOGS = ["local", pytest.param("kafka", marks=pytest.mark.connected)]


class Said:
    """Marks as a test sets them: instants of the fake clock."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.acted = 1000.0

    def in_log(self, _publisher: str) -> float:
        return self.at

    def heard(self, _service: str) -> float:
        return self.acted


@pytest.fixture(params=LOGS)
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LogDriver]:
    if request.param == "local":
        async with local_driver(tmp_path) as driver:
            yield driver
    else:
        parts = request.getfixturevalue("postgresql"), request.getfixturevalue("kafka")
        async with kafka_driver(*parts) as connected_driver:
            yield connected_driver


def clock_of(driver: LogDriver) -> FakeClock:
    assert isinstance(driver.units.clock, FakeClock)
    return driver.units.clock


def reading_of(driver: LogDriver, runner: Runner, marks: Any = None, **more: Any) -> ReadProgress:
    return ReadProgress(runner._source, marks or AlwaysInLog(), driver.units, system_tables, [Topic.FOLLOW_UPS], **more)


async def seen(driver: LogDriver, reading: ReadProgress) -> UnreadEvents:
    """Look anew, and return what is known."""
    clock_of(driver).advance(seconds=1)
    await reading.look()
    return await driver.units.read(reading.unread)


async def started(driver: LogDriver) -> Runner:
    """Return a reader that has its partitions and has read one event of a stranger."""
    runner = driver.reader()
    await driver.publish(blocked(999, 999))
    await driver.settle(runner)
    return runner


def waits(unread: UnreadEvents, *people: int) -> list[UnreadReason | None]:
    return [unread.why_waits(person_id(person)) for person in people]


async def test_only_people_with_unread_events_wait(driver: LogDriver) -> None:
    runner = await started(driver)
    reading = reading_of(driver, runner)
    await driver.publish(*[blocked(n, n) for n in range(20)])
    unread = await seen(driver, reading)
    assert waits(unread, *range(20)) == [UnreadReason.UNREAD] * 20
    assert waits(unread, *range(20, 40)) == [None] * 20
    await driver.publish(blocked(20, 21))
    assert waits(await seen(driver, reading), 5, 20, 21) == [UnreadReason.UNREAD, None, UnreadReason.UNREAD]
    await driver.settle(runner)
    assert waits(await seen(driver, reading), *range(40)) == [None] * 40


async def test_what_a_unit_is_about_to_read_is_not_unread_in_it(driver: LogDriver) -> None:
    runner = await started(driver)
    reading = reading_of(driver, runner)
    await driver.publish(blocked(1, 1))
    await seen(driver, reading)
    ends = await runner._source.ends([Topic.FOLLOW_UPS], {})
    unread = await driver.units.read(lambda db: reading.unread(db, ends))
    assert waits(unread, 1) == [None]


async def test_what_is_of_another_topic_holds_no_text(driver: LogDriver) -> None:
    runner = await started(driver)
    reading = reading_of(driver, runner)
    await driver.publish(revocation(1))
    assert waits(await seen(driver, reading), *range(4)) == [None] * 4


async def test_news_about_a_whole_shop_holds_everybody_until_it_was_read(driver: LogDriver) -> None:
    runner = await started(driver)
    reading = ReadProgress(runner._source, AlwaysInLog(), driver.units, system_tables, [Topic.CONSENTS])
    await driver.publish(revocation(1).model_copy(update={"recipient_id": WHOLE_MERCHANT}))
    assert waits(await seen(driver, reading), *range(9)) == [UnreadReason.UNREAD] * 9
    await driver.settle(runner)
    assert waits(await seen(driver, reading), *range(9)) == [None] * 9


async def test_marketing_waits_while_a_mark_is_old_and_others_no_longer_than_given(driver: LogDriver) -> None:
    runner, said = await started(driver), Said()
    reading = reading_of(driver, runner, said)
    said.at = clock_of(driver).monotonic()
    assert waits(await seen(driver, reading), 1) == [None]
    assert (await driver.units.read(reading.unread)).is_complete
    clock_of(driver).advance(seconds=MARK_SECONDS)
    unread = await seen(driver, reading)
    assert waits(unread, 1) == [UnreadReason.SOURCE_LAG]
    assert not unread.is_complete
    assert unread.why_waits(person_id(1), at_most_seconds=60) is UnreadReason.SOURCE_LAG
    clock_of(driver).advance(seconds=60)
    late = await seen(driver, reading)
    assert late.why_waits(person_id(1), at_most_seconds=60) is None
    assert waits(late, 1) == [UnreadReason.SOURCE_LAG]
    said.at = clock_of(driver).monotonic()
    assert waits(await seen(driver, reading), 1) == [None]


async def test_marketing_waits_while_those_in_between_have_not_acted(driver: LogDriver) -> None:
    runner, said = await started(driver), Said()
    said.at = float("inf")
    reading = reading_of(driver, runner, said, listeners=("scheduler",))
    assert waits(await seen(driver, reading), 1) == [None]
    clock_of(driver).advance(seconds=30)
    assert waits(await seen(driver, reading), 1) == [UnreadReason.SOURCE_LAG]


async def test_a_log_that_is_silent_lets_what_is_known_grow_old(
    driver: LogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await started(driver)
    reading = reading_of(driver, runner)
    assert waits(await seen(driver, reading), 1) == [None]

    async def silent(*_: Any) -> Any:
        raise LogUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(type(runner._source), "ends", silent)
        with pytest.raises(LogUnavailable):
            await seen(driver, reading)
        clock_of(driver).advance(seconds=MARK_SECONDS)
        assert waits(await driver.units.read(reading.unread), 1) == [UnreadReason.SOURCE_LAG]
    clock_of(driver).advance(seconds=MARK_SECONDS)
    assert waits(await seen(driver, reading), 1) == [None]


async def test_a_partition_with_too_many_unread_people_waits_and_names_the_merchant(driver: LogDriver) -> None:
    runner = await started(driver)
    reading = reading_of(driver, runner, most_keys=3)
    await driver.publish(*[blocked(n, n, "flooder") for n in range(60)])
    with structlog.testing.capture_logs() as lines:
        unread = await seen(driver, reading)
    assert None not in waits(unread, *range(60))
    said = [line for line in lines if line["event"] == "too_much_unread"]
    assert {line["merchant"] for line in said} <= {"flooder"}
    await driver.settle(runner)
    assert waits(await seen(driver, reading), *range(60)) == [None] * 60


async def test_before_anybody_looked_nothing_is_known(driver: LogDriver) -> None:
    runner = await started(driver)
    assert waits(await driver.units.read(reading_of(driver, runner).unread), 1) == [UnreadReason.SOURCE_LAG]
