"""The runner's law, on both logs: order, exactly-once effects, fencing, halving, parking, redrive, rollback."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from shared import ids
from shared.bus import parked
from shared.bus.local import LocalLog
from shared.bus.router import Router, rounds
from shared.bus.runner import ConsumerHalted
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import DatabaseUnavailable, Fenced
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpBlocked, Purpose
from shared.ids import EnrollmentId, EventId, FollowUpId, MerchantId, RecipientId
from shared.testing.clock import START
from tests.contract.desks import Desk, effects, ground, kafka_desk, local_desk
from tests.contract.until import until

LOGS = ["local", pytest.param("kafka", marks=pytest.mark.connected)]


@pytest.fixture(params=LOGS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    if request.param == "local":
        async with local_desk(tmp_path) as desk:
            yield desk
    else:
        parts = request.getfixturevalue("postgresql"), request.getfixturevalue("kafka")
        async with kafka_desk(*parts) as connected_desk:
            yield connected_desk


@pytest.fixture
async def local_only(tmp_path: Path) -> AsyncIterator[Desk]:
    async with local_desk(tmp_path) as desk:
        yield desk


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


async def test_every_event_takes_effect_once_and_in_order_for_each_person(desk: Desk) -> None:
    events = [blocked(n, person=n % 7) for n in range(100)]
    await desk.publish(*events[:60])
    await desk.publish(*events[60:])
    await desk.settle(desk.reader())
    done = await desk.done()
    assert sorted(done) == sorted(keys(events))
    for person in range(7):
        mine = keys([event for event in events if event.recipient_id == person_id(person)])
        assert [key for key in done if key in mine] == mine


async def test_a_restart_reads_on_without_gap_or_repeat(desk: Desk) -> None:
    first, second = [blocked(n, n) for n in range(5)], [blocked(n, n) for n in range(5, 9)]
    await desk.publish(*first)
    before = desk.reader()
    await desk.settle(before)
    await desk.leave(before)
    await desk.publish(*second)
    await desk.settle(desk.reader())
    assert sorted(await desk.done()) == sorted(keys([*first, *second]))


async def test_events_of_other_types_are_passed_over_for_good(desk: Desk) -> None:
    router = Router()

    @router.on(ConsentReported)
    async def handle(events: Sequence[ConsentReported], uow: UnitOfWork) -> None:
        await uow.db.insert(effects, [{"event_id": event.event_id} for event in events])

    reader = desk.reader(router)
    await desk.publish(*[blocked(n, n) for n in range(5)], revocation(9, 3))
    await desk.settle(reader)
    await desk.publish(blocked(6, 6))
    await desk.settle(reader)
    assert await desk.done() == keys([revocation(9, 3)])


async def test_a_zombie_is_fenced_and_its_work_is_rolled_back(desk: Desk) -> None:
    zombie, heir = desk.rival(), desk.reader()
    await desk.publish(blocked(1, 1))
    await desk.settle(zombie)
    await desk.publish(blocked(2, 1))
    await desk.settle(heir)
    with pytest.raises(Fenced):
        await desk.settle(zombie)
    assert await desk.done() == keys([blocked(1, 1), blocked(2, 1)])


async def test_a_failing_batch_is_halved_until_the_guilty_event_stands_alone(desk: Desk) -> None:
    events = [blocked(n, n) for n in range(8)]
    guilty = events[5].event_id
    desk.poison = {guilty}
    await desk.publish(*events)
    await desk.settle(desk.reader())
    assert sorted(await desk.done()) == sorted(set(keys(events)) - desk.poison)
    sizes = [len(batch) for batch in desk.batches if guilty in batch]
    alone = sizes.index(1)
    assert all(smaller <= -(-larger // 2) for larger, smaller in pairwise(sizes[: alone + 1]))
    assert sizes[alone:] == [1, 1, 1]
    assert [reason.partition(" at ")[0] for reason in await desk.parked()] == ["ValueError"]


async def test_later_events_of_a_parked_person_wait_behind_it_but_a_revocation_passes(desk: Desk) -> None:
    bad, later, other, stop = blocked(1, 7), blocked(2, 7), blocked(3, 8), revocation(4, 7)
    desk.poison = {bad.event_id}
    runner = desk.reader()
    await desk.publish(bad)
    await desk.settle(runner)
    await desk.publish(later, other, stop)
    await desk.settle(runner)
    assert sorted(await desk.done()) == sorted(keys([other, stop]))
    assert [reason.partition(" at ")[0] for reason in await desk.parked()] == ["ValueError", "behind a parked event"]


async def test_what_an_exception_says_is_kept_nowhere(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    events = [blocked(n, n, merchant=f"m{n}") for n in range(3)]
    desk.poison, desk.failure = set(keys(events)), ValueError("Key (phone)=(2125550123) already exists")
    await desk.publish(*events)
    runner = desk.reader()
    await runner.run_forever()
    said = [*await desk.parked(), str(runner.halted), *capsys.readouterr()]
    assert not any("2125550123" in each for each in said)
    assert len(said) > 3
    assert all(" at shared.bus.router:" in each for each in said[:-1])
    assert "consumer_halted" in said[-2]


async def test_redrive_hands_parked_events_over_in_order(desk: Desk) -> None:
    bad, later = blocked(1, 7), blocked(2, 7)
    desk.poison = {bad.event_id}
    await desk.publish(bad, later)
    await desk.settle(desk.reader())
    assert await parked.redrive(desk.units, ground, desk.router) == (0, 2)
    desk.poison = set()
    assert await parked.redrive(desk.units, ground, desk.router) == (2, 0)
    assert await desk.done() == keys([bad, later])
    assert await desk.parked() == []


async def test_an_undecodable_event_is_parked_at_once(desk: Desk) -> None:
    await desk.commit(blocked(1, 1), blocked(2, 2))
    await desk.spoil((await desk.waiting_rows())[0])
    await desk.flush()
    await desk.settle(desk.reader())
    assert await desk.done() == keys([blocked(2, 2)])
    assert [reason.split(":")[0] for reason in await desk.parked()] == ["follow-up.blocked"]


async def test_failures_across_merchants_stop_the_consumer_instead_of_draining_the_topic(desk: Desk) -> None:
    events = [blocked(n, n, merchant=f"m{n}") for n in range(6)]
    desk.poison = set(keys(events))
    await desk.publish(*events)
    runner = desk.reader()
    with pytest.raises(ConsumerHalted):
        await desk.settle(runner)
    assert len(await desk.parked()) < len(events)
    await runner.run_forever()
    assert runner.halted is not None
    assert "consumer_halted" in runner.halted


async def test_good_events_in_between_do_not_excuse_failures_of_every_merchant(desk: Desk) -> None:
    merchants = [f"m{n}" for n in range(20)]
    good = [blocked(n, n, merchant) for n, merchant in enumerate(merchants)]
    bad = [blocked(100 + n, n, merchant) for n, merchant in enumerate(merchants)]
    desk.poison = set(keys(bad))
    runner = desk.reader()

    async def all_of_them() -> None:
        for pair in zip(good, bad, strict=True):
            await desk.publish(*pair)
            await desk.settle(runner)

    with pytest.raises(ConsumerHalted, match="redrive"):
        await all_of_them()
    assert 0 < len(await desk.parked()) < len(bad)
    desk.poison = set()
    await desk.leave(runner)
    await desk.settle(desk.reader())
    gone, stay = await parked.redrive(desk.units, ground, desk.router)
    assert (gone > 0, stay) == (True, 0)


async def test_a_database_that_fails_parks_nothing_and_the_batch_comes_again(desk: Desk) -> None:
    event = blocked(1, 1)
    desk.poison, desk.failure = {event.event_id}, DatabaseUnavailable()
    await desk.publish(event)
    runner = desk.reader()
    with pytest.raises(DatabaseUnavailable):
        await desk.settle(runner)
    desk.poison = set()
    await desk.settle(runner)
    assert await desk.done() == [event.event_id]
    assert await desk.parked() == []


async def test_what_a_failed_unit_published_is_nowhere(desk: Desk) -> None:
    async def work(uow: UnitOfWork) -> None:
        uow.publish(blocked(1, 1))
        raise ValueError("after publishing")

    with pytest.raises(ValueError, match="after publishing"):
        await desk.units.run(work, WritePriority.BATCHES)
    assert await desk.waiting_rows() == []


async def test_an_event_set_aside_by_its_handler_is_parked_with_the_reason(desk: Desk) -> None:
    router = Router()

    @router.on(FollowUpBlocked)
    async def handle(events: Sequence[FollowUpBlocked], uow: UnitOfWork) -> None:
        for event in events:
            uow.set_aside(event, "merchant unknown")

    await desk.publish(blocked(1, 1))
    await desk.settle(desk.reader(router))
    assert await desk.parked() == ["merchant unknown"]


async def test_a_reader_that_waits_is_woken_by_a_commit_and_ends_when_told(desk: Desk) -> None:
    runner = desk.reader()
    await desk.publish(blocked(1, 1))
    await desk.settle(runner)
    reading = asyncio.ensure_future(runner.run_forever())
    await desk.publish(blocked(2, 2))
    await until(partial(desk.has_done, 2))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


def test_rounds_hold_nobody_twice_and_keep_everybodys_order() -> None:
    events = [blocked(n, person) for n, person in enumerate([1, 1, 2, 1, 2, 3])]
    split = rounds(events)
    assert [[int(event.recipient_id) - 1 for event in each] for each in split] == [[1, 2, 3], [1, 2], [1]]
    for person in (1, 2, 3):
        mine = [event for event in events if event.recipient_id == person_id(person)]
        assert [event for each in split for event in each if event.recipient_id == person_id(person)] == mine


async def test_the_local_log_is_pruned_only_of_what_is_old_and_read(local_only: Desk) -> None:
    await local_only.publish(blocked(1, 1), blocked(2, 2))
    assert isinstance(local_only.log, LocalLog)
    assert await local_only.log.prune(START + timedelta(days=6), read_up_to=3) == 0
    assert await local_only.log.prune(START + timedelta(days=8), read_up_to=2) == 1
