"""The runner's law, on both logs: order, exactly-once effects, fencing, halving, parking, redrive, rollback."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared import ids
from shared.bus import parked
from shared.bus.errors import ConsumerHalted
from shared.bus.local import LocalLog
from shared.bus.router import Router, rounds
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import DatabaseUnavailable, Fenced
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpBlocked, Purpose
from shared.ids import EnrollmentId, EventId, FollowUpId, MerchantId, RecipientId
from shared.testing.clock import START
from tests.contract.log_drivers import LogDriver, effects, kafka_driver, local_driver, system_tables
from tests.contract.until import until

LOGS = ["local", pytest.param("kafka", marks=pytest.mark.connected)]


@pytest.fixture(params=LOGS)
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LogDriver]:
    if request.param == "local":
        async with local_driver(tmp_path) as driver:
            yield driver
    else:
        parts = request.getfixturevalue("postgresql"), request.getfixturevalue("kafka")
        async with kafka_driver(*parts) as connected_driver:
            yield connected_driver


@pytest.fixture
async def local_only(tmp_path: Path) -> AsyncIterator[LogDriver]:
    async with local_driver(tmp_path) as driver:
        yield driver


def person_id(person: int) -> RecipientId:
    return RecipientId(UUID(int=person + 1))


def blocked(number: int, person: int = 0, merchant: str = "acme") -> FollowUpBlocked:
    at = START + timedelta(seconds=number)
    return FollowUpBlocked(
        event_id=EventId(ids.derived("test", number, at=at)),
        merchant_id=MerchantId(merchant),
        recipient_id=person_id(person),
        occurred_at=at,
        correlation_id="c",
        follow_up_id=FollowUpId(UUID(int=number)),
        enrollment_id=EnrollmentId(UUID(int=number)),
        flow="f",
        flow_version="v",
        step="s",
        purpose=Purpose.MARKETING,
        reason="no_consent",
    )


def revocation(number: int, person: int = 0) -> ConsentReported:
    return ConsentReported(
        event_id=EventId(ids.derived("revocation", number, at=START)),
        merchant_id=MerchantId("acme"),
        recipient_id=person_id(person),
        occurred_at=START,
        correlation_id="c",
        scope=ConsentScope.ALL,
        act=ConsentAct.REVOKED,
        method="keyword",
        source="test",
    )


def keys(events: Sequence[Event]) -> list[UUID]:
    return [event.event_id for event in events]


async def test_every_event_takes_effect_once_and_in_order_for_each_person(driver: LogDriver) -> None:
    events = [blocked(n, person=n % 7) for n in range(100)]
    await driver.publish(*events[:60])
    await driver.publish(*events[60:])
    await driver.settle(driver.reader())
    done = await driver.done()
    assert sorted(done) == sorted(keys(events))
    for person in range(7):
        mine = keys([event for event in events if event.recipient_id == person_id(person)])
        assert [key for key in done if key in mine] == mine


async def test_a_restart_reads_on_without_gap_or_repeat(driver: LogDriver) -> None:
    first, second = [blocked(n, n) for n in range(5)], [blocked(n, n) for n in range(5, 9)]
    await driver.publish(*first)
    before = driver.reader()
    await driver.settle(before)
    await driver.leave(before)
    await driver.publish(*second)
    await driver.settle(driver.reader())
    assert sorted(await driver.done()) == sorted(keys([*first, *second]))


async def test_events_of_other_types_are_passed_over_for_good(driver: LogDriver) -> None:
    router = Router()

    @router.on(ConsentReported)
    async def handle(events: Sequence[ConsentReported], uow: UnitOfWork) -> None:
        await uow.db.insert(effects, [{"event_id": event.event_id} for event in events])

    reader = driver.reader(router)
    await driver.publish(*[blocked(n, n) for n in range(5)], revocation(9, 3))
    await driver.settle(reader)
    await driver.publish(blocked(6, 6))
    await driver.settle(reader)
    assert await driver.done() == keys([revocation(9, 3)])


async def test_a_zombie_is_fenced_and_its_work_is_rolled_back(driver: LogDriver) -> None:
    zombie, heir = driver.rival(), driver.reader()
    await driver.publish(blocked(1, 1))
    await driver.settle(zombie)
    await driver.publish(blocked(2, 1))
    await driver.settle(heir)
    with pytest.raises(Fenced):
        await driver.settle(zombie)
    assert await driver.done() == keys([blocked(1, 1), blocked(2, 1)])


async def test_a_failing_batch_is_halved_until_the_guilty_event_stands_alone(driver: LogDriver) -> None:
    events = [blocked(n, n) for n in range(8)]
    guilty = events[5].event_id
    driver.poison = {guilty}
    await driver.publish(*events)
    await driver.settle(driver.reader())
    assert sorted(await driver.done()) == sorted(set(keys(events)) - driver.poison)
    sizes = [len(batch) for batch in driver.batches if guilty in batch]
    alone = sizes.index(1)
    assert all(smaller <= -(-larger // 2) for larger, smaller in pairwise(sizes[: alone + 1]))
    assert sizes[alone:] == [1, 1, 1]
    assert [reason.partition(" at ")[0] for reason in await driver.parked()] == ["ValueError"]


async def test_later_events_of_a_parked_person_wait_behind_it_but_a_revocation_passes(driver: LogDriver) -> None:
    bad, later, other, stop = blocked(1, 7), blocked(2, 7), blocked(3, 8), revocation(4, 7)
    driver.poison = {bad.event_id}
    runner = driver.reader()
    await driver.publish(bad)
    await driver.settle(runner)
    await driver.publish(later, other, stop)
    await driver.settle(runner)
    assert sorted(await driver.done()) == sorted(keys([other, stop]))
    assert [reason.partition(" at ")[0] for reason in await driver.parked()] == ["ValueError", "behind a parked event"]


async def test_what_an_exception_says_is_kept_nowhere(driver: LogDriver, capsys: pytest.CaptureFixture[str]) -> None:
    events = [blocked(n, n, merchant=f"m{n}") for n in range(3)]
    driver.poison, driver.failure = set(keys(events)), ValueError("Key (phone)=(2125550123) already exists")
    await driver.publish(*events)
    runner = driver.reader()
    await runner.run_forever()
    said = [*await driver.parked(), str(runner.halted), *capsys.readouterr()]
    assert not any("2125550123" in each for each in said)
    assert len(said) > 3
    assert all(" at shared.bus.router:" in each for each in said[:-1])
    assert "consumer_halted" in said[-2]


async def test_redrive_hands_parked_events_over_in_order(driver: LogDriver) -> None:
    bad, later = blocked(1, 7), blocked(2, 7)
    driver.poison = {bad.event_id}
    await driver.publish(bad, later)
    await driver.settle(driver.reader())
    assert await parked.redrive(driver.units, system_tables, driver.router) == (0, 2)
    driver.poison = set()
    assert await parked.redrive(driver.units, system_tables, driver.router) == (2, 0)
    assert await driver.done() == keys([bad, later])
    assert await driver.parked() == []


async def test_an_event_is_never_handled_before_an_earlier_one_of_its_person(driver: LogDriver) -> None:
    bad, later, other = blocked(1, 7), blocked(2, 7), blocked(3, 8)
    driver.poison = {bad.event_id, other.event_id}
    await driver.publish(bad, later, other)
    await driver.settle(driver.reader())
    driver.poison = {bad.event_id}

    async def again(key: int) -> parked.HandOver:
        return (await parked.hand_over(driver.units, system_tables, driver.router, key)).outcome

    rows = await driver.units.read(lambda db: parked.page(db, system_tables, "acme", 0, 10))
    first, second = (row["id"] for row in rows if row["recipient_id"] == bad.recipient_id)
    third = next(row["id"] for row in rows if row["recipient_id"] == other.recipient_id)
    outcomes = [await again(key) for key in (second, third, first, first)]
    assert outcomes == [
        parked.HandOver.BEHIND,
        parked.HandOver.PROCESSED,  # poison of another person keeps nobody
        parked.HandOver.FAILED,
        parked.HandOver.FAILED,
    ]
    assert await driver.done() == keys([other])
    rows = await driver.units.read(lambda db: parked.page(db, system_tables, "acme", 0, 10))
    assert [(row["attempts"], row["tried_at"] is not None) for row in rows] == [(2, True), (0, False)]
    driver.poison = set()
    assert [await again(key) for key in (first, second, second)] == [
        parked.HandOver.PROCESSED,
        parked.HandOver.PROCESSED,
        parked.HandOver.GONE,
    ]
    assert await driver.done() == keys([other, bad, later])


async def test_a_redrive_while_the_service_runs_keeps_the_order_of_what_comes_meanwhile(driver: LogDriver) -> None:
    bad, later = blocked(1, 7), blocked(2, 7)
    driver.poison = {bad.event_id}
    runner = driver.reader()
    await driver.publish(bad)
    await driver.settle(runner)
    driver.poison = set()
    await driver.publish(later)
    await asyncio.gather(parked.redrive(driver.units, system_tables, driver.router), driver.settle(runner))
    await parked.redrive(driver.units, system_tables, driver.router)  # what came while the first one was parked
    assert await driver.done() == keys([bad, later])


async def test_a_database_that_fails_during_a_redrive_counts_as_no_attempt(driver: LogDriver) -> None:
    bad = blocked(1, 7)
    driver.poison = {bad.event_id}
    await driver.publish(bad)
    await driver.settle(driver.reader())
    driver.failure = DatabaseUnavailable()
    with pytest.raises(DatabaseUnavailable):
        await parked.redrive(driver.units, system_tables, driver.router)
    [row] = await driver.units.read(lambda db: parked.page(db, system_tables, "acme", 0, 10))
    assert row["attempts"] == 0


async def test_an_undecodable_event_is_parked_at_once(driver: LogDriver) -> None:
    await driver.commit(blocked(1, 1), blocked(2, 2))
    await driver.spoil((await driver.waiting_rows())[0])
    await driver.flush()
    await driver.settle(driver.reader())
    assert await driver.done() == keys([blocked(2, 2)])
    assert [reason.split(":")[0] for reason in await driver.parked()] == ["follow-up.blocked"]


async def test_failures_across_merchants_stop_the_consumer_instead_of_draining_the_topic(driver: LogDriver) -> None:
    events = [blocked(n, n, merchant=f"m{n}") for n in range(6)]
    driver.poison = set(keys(events))
    await driver.publish(*events)
    runner = driver.reader()
    with pytest.raises(ConsumerHalted):
        await driver.settle(runner)
    assert len(await driver.parked()) < len(events)
    await runner.run_forever()
    assert runner.halted is not None
    assert "consumer_halted" in runner.halted


async def test_good_events_in_between_do_not_excuse_failures_of_every_merchant(driver: LogDriver) -> None:
    merchants = [f"m{n}" for n in range(20)]
    good = [blocked(n, n, merchant) for n, merchant in enumerate(merchants)]
    bad = [blocked(100 + n, n, merchant) for n, merchant in enumerate(merchants)]
    driver.poison = set(keys(bad))
    runner = driver.reader()

    async def all_of_them() -> None:
        for pair in zip(good, bad, strict=True):
            await driver.publish(*pair)
            await driver.settle(runner)

    with pytest.raises(ConsumerHalted, match="redrive"):
        await all_of_them()
    assert 0 < len(await driver.parked()) < len(bad)
    driver.poison = set()
    await driver.leave(runner)
    await driver.settle(driver.reader())
    gone, stay = await parked.redrive(driver.units, system_tables, driver.router)
    assert (gone > 0, stay) == (True, 0)


async def test_a_database_that_fails_parks_nothing_and_the_batch_comes_again(driver: LogDriver) -> None:
    event = blocked(1, 1)
    driver.poison, driver.failure = {event.event_id}, DatabaseUnavailable()
    await driver.publish(event)
    runner = driver.reader()
    with pytest.raises(DatabaseUnavailable):
        await driver.settle(runner)
    driver.poison = set()
    await driver.settle(runner)
    assert await driver.done() == [event.event_id]
    assert await driver.parked() == []


async def test_what_a_failed_unit_published_is_nowhere(driver: LogDriver) -> None:
    async def work(uow: UnitOfWork) -> None:
        uow.publish(blocked(1, 1))
        raise ValueError("after publishing")

    with pytest.raises(ValueError, match="after publishing"):
        await driver.units.run(work, WritePriority.BATCHES)
    assert await driver.waiting_rows() == []


async def test_what_waits_for_a_commit_can_read_it_and_is_not_done_without_one(driver: LogDriver) -> None:
    woken: list[str] = []

    async def stored(uow: UnitOfWork) -> None:
        for _ in range(2):
            uow.after_commit(wake)
        await uow.db.insert(effects, [{"event_id": blocked(1, 1).event_id}])
        assert woken == [], "not before the commit"

    async def lost(uow: UnitOfWork) -> None:
        uow.after_commit(wake)
        raise ValueError("after asking")

    def wake() -> None:
        woken.append("once")

    with pytest.raises(ValueError, match="after asking"):
        await driver.units.run(lost, WritePriority.BATCHES)
    assert woken == []
    await driver.units.run(stored, WritePriority.BATCHES)
    assert woken == ["once"]
    assert await driver.done() == keys([blocked(1, 1)])


async def test_an_event_set_aside_by_its_handler_is_parked_with_the_reason(driver: LogDriver) -> None:
    router = Router()

    @router.on(FollowUpBlocked)
    async def handle(events: Sequence[FollowUpBlocked], uow: UnitOfWork) -> None:
        for event in events:
            uow.set_aside(event, "merchant unknown")

    await driver.publish(blocked(1, 1))
    await driver.settle(driver.reader(router))
    assert await driver.parked() == ["merchant unknown"]


async def test_a_reader_stopped_while_its_unit_commits_goes_on_behind_it(
    driver: LogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = driver.reader()
    await driver.publish(blocked(1, 1))
    await driver.settle(runner)
    commits = driver.units.run

    async def stopped_after_the_commit(work: Any, priority: WritePriority) -> None:
        await commits(work, priority)
        raise asyncio.CancelledError

    await driver.publish(blocked(2, 2))
    with monkeypatch.context() as patch:
        patch.setattr(driver.units, "run", stopped_after_the_commit)
        with pytest.raises(asyncio.CancelledError):
            await driver.settle(runner)
    await driver.publish(blocked(3, 3))
    await driver.settle(runner)
    assert await driver.done() == keys([blocked(1, 1), blocked(2, 2), blocked(3, 3)])


async def test_a_reader_that_waits_is_woken_by_a_commit_and_ends_when_stopped(driver: LogDriver) -> None:
    runner = driver.reader()
    await driver.publish(blocked(1, 1))
    await driver.settle(runner)
    reading = asyncio.ensure_future(runner.run_forever())
    await driver.publish(blocked(2, 2))
    await until(partial(driver.has_done, 2))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


def test_rounds_hold_no_person_twice_and_keep_each_ones_order() -> None:
    events = [blocked(n, person) for n, person in enumerate([1, 1, 2, 1, 2, 3])]
    split = rounds(events)
    assert [[int(event.recipient_id) - 1 for event in each] for each in split] == [[1, 2, 3], [1, 2], [1]]
    for person in (1, 2, 3):
        mine = [event for event in events if event.recipient_id == person_id(person)]
        assert [event for each in split for event in each if event.recipient_id == person_id(person)] == mine


async def test_the_local_log_is_pruned_only_of_what_is_old_and_read(local_only: LogDriver) -> None:
    await local_only.publish(blocked(1, 1), blocked(2, 2))
    assert isinstance(local_only.log, LocalLog)
    assert await local_only.log.prune(START + timedelta(days=6), read_up_to=3) == 0
    assert await local_only.log.prune(START + timedelta(days=8), read_up_to=2) == 1
