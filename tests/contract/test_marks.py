"""Marks: what a relay says of how complete the log is, true whatever its transactions do."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import cast

import pytest
import sqlalchemy as sa

from shared.bus.kafka_log import KafkaLog
from shared.bus.kafka_marks import KafkaMarks, ReadWatermark
from shared.bus.kafka_topics import MAX_RECORD_BYTES
from shared.bus.marks import MARK_SECONDS, AlwaysInLog, PublisherMark, all_heard, all_in_log, packed, unpacked
from shared.db.transaction import Transaction, WritePriority
from shared.events.topics import Topic
from shared.testing.clock import START
from shared.testing.connected import Server
from tests.contract.log_drivers import SERVICE, KafkaLogDriver, kafka_driver
from tests.contract.test_runner import blocked
from tests.contract.until import until

connected = pytest.mark.connected


@pytest.fixture
async def driver(postgresql: Server, kafka: Server) -> AsyncIterator[KafkaLogDriver]:
    async with kafka_driver(postgresql, kafka) as driver:
        yield driver


async def now_of(driver: KafkaLogDriver) -> datetime:
    found = await driver.database.read(lambda tx: tx.rows(sa.select(sa.func.clock_timestamp().label("at"))))
    at: datetime = found[0]["at"]
    return at


def true_mark(driver: KafkaLogDriver) -> datetime | None:
    """Return up to when the relay may say that the log is complete."""
    mark = driver.relay.marking._true
    return None if mark is None else mark.at


async def is_marked(driver: KafkaLogDriver, since: datetime) -> bool:
    """Let the relay look once more, and return whether its mark is later than this."""
    driver.relay.marking._begun_at = float("-inf")
    await driver.relay.step()
    at = true_mark(driver)
    return at is not None and at > since


@connected
async def test_an_idle_relay_says_that_everything_is_in_the_log(driver: KafkaLogDriver) -> None:
    assert await is_marked(driver, await now_of(driver))


@connected
async def test_a_mark_waits_for_the_acknowledgement_of_what_was_committed_before_it(
    driver: KafkaLogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.commit(blocked(1, 1))
    committed = await now_of(driver)

    async def none(*_: object) -> list[int]:
        return []

    with monkeypatch.context() as patched:
        patched.setattr(driver.relay.producer, "produce", none)
        assert not await is_marked(driver, committed)
    assert await is_marked(driver, committed)
    assert await driver.waiting_rows() == []


@connected
async def test_what_an_open_transaction_writes_is_covered_by_the_mark_after_its_commit_and_by_none_before(
    driver: KafkaLogDriver,
) -> None:
    written, finish = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await driver.log.write(tx, [blocked(1, 1)], START)
        written.set()
        await finish.wait()

    unit = asyncio.ensure_future(driver.database.write(slow, WritePriority.BATCHES))
    await written.wait()
    await driver.commit(blocked(2, 2))
    assert await is_marked(driver, await now_of(driver)), "a transaction that nobody was answered for holds no mark"
    finish.set()
    await unit
    committed = await now_of(driver)
    assert await driver.waiting_rows() == [1], "its row has a lower id than one that was relayed before"
    earlier = true_mark(driver)
    assert earlier is not None
    assert earlier < committed
    assert await is_marked(driver, committed)
    assert await driver.waiting_rows() == []


@connected
async def test_a_backlog_of_many_rounds_is_marked_when_its_last_row_arrived(
    driver: KafkaLogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.outbox.ROUND_ROWS", 4)
    driver.relay._oldest = sa.select(driver.outbox).order_by(driver.outbox.c.id).limit(4)
    await driver.commit(*[blocked(n, n) for n in range(10)])
    committed = await now_of(driver)
    begun = driver.relay.marking
    assert not await is_marked(driver, committed)
    begun._begun_at = float("inf")  # no other mark is begun: this one has to come true
    await driver.relay.step()
    assert true_mark(driver) is None
    await driver.relay.step()
    at = true_mark(driver)
    assert at is not None
    assert at > committed


@connected
async def test_an_event_that_the_log_never_takes_holds_no_mark(driver: KafkaLogDriver) -> None:
    await driver.commit(blocked(1, 1), blocked(2, 2))
    large = sa.update(driver.outbox).where(driver.outbox.c.id == 1).values(body=bytes(MAX_RECORD_BYTES))
    await driver.database.write(lambda tx: tx.execute(large), WritePriority.BATCHES)
    assert await is_marked(driver, await now_of(driver))


@connected
async def test_marks_travel_and_are_read_on_the_readers_own_clock(driver: KafkaLogDriver) -> None:
    clock = asyncio.get_running_loop().time
    marks = driver.log.marks()
    begun = clock()
    assert marks.in_log(SERVICE) < begun
    async with driver.log.running():
        await until(lambda: marks.in_log(SERVICE) > begun)
        assert marks.in_log(SERVICE) <= clock()
        assert marks.in_log("nobody") < begun


@connected
async def test_a_service_has_heard_when_its_positions_passed_the_ends(driver: KafkaLogDriver) -> None:
    marks = KafkaMarks(driver.cluster, SERVICE, driver.database)  # type: ignore[arg-type] # it is PostgreSQL
    marks.watch_ends([Topic.FOLLOW_UPS])
    hearing = ReadWatermark(marks, [Topic.FOLLOW_UPS], SERVICE)
    await driver.publish(*[blocked(n, n) for n in range(30)])
    await hearing.look()
    assert hearing.heard({}) is None, "of publishers that never said anything nothing is known"
    marks._newest = {name: PublisherMark(name, START) for name in ("ingest", "compliance", "sender")}
    await hearing.look()
    ends = await marks.ends([Topic.FOLLOW_UPS])
    await marks.close()
    assert sum(ends.values()) == 30
    assert hearing.heard(ends) == START
    last = next(partition for partition, end in ends.items() if end)
    assert hearing.heard({**ends, last: ends[last] - 1}) is None


def test_a_mark_survives_its_packing_and_what_is_none_is_none() -> None:
    for mark in (PublisherMark("ingest", START), PublisherMark("compliance", START, START)):
        assert unpacked(packed(mark)) == mark
    for body in (None, b"", b"{", b"[]", b'{"publisher": 3, "at": 1}', b'{"publisher": "x", "at": "late"}', b"null"):
        assert unpacked(body) is None
    assert unpacked(b'{"publisher": "x", "at": 1e300}') is None


def test_a_log_that_publishers_append_to_themselves_is_always_complete() -> None:
    marks = AlwaysInLog()
    assert all_in_log(marks) == all_heard(marks, ("scheduler",)) == float("inf")


@pytest.mark.parametrize(
    ("said", "heard", "behind"),
    [(0.5, 8.5, 8.0), (0.5, 0.6, 0.1), (MARK_SECONDS + 1, 60.0, 0.0), (math.inf, math.inf, 0.0)],
    ids=["behind", "not behind", "away", "unknown"],
)
async def test_a_scheduler_is_behind_only_while_it_and_the_log_are_there(
    said: float, heard: float, behind: float
) -> None:
    now = time.monotonic()

    class Said:
        """What the scheduler said so many seconds ago."""

        def in_log(self, _publisher: str) -> float:
            return now - said

        def heard(self, _service: str) -> float:
            return now - heard

    class Log:
        def marks(self) -> Said:
            return Said()

    found = await KafkaLog.unread_seconds(cast("KafkaLog", Log()), START)
    assert found == pytest.approx(behind)
