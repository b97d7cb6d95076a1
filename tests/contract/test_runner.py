"""The runner's law, on the local log: order, exactly-once effects, fencing, halving, parking, redrive, rollback."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from shared import ids
from shared.bus import local, parked
from shared.bus.local import LocalLog
from shared.bus.router import Router, rounds
from shared.bus.runner import ConsumerHalted, Runner
from shared.db.ground import metadata_of
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Lane, Transaction
from shared.db.types import Id
from shared.db.unit_of_work import UnitOfWork, Units
from shared.errors import DatabaseUnavailable, Fenced
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpBlocked, FollowUpCancelled, Purpose
from shared.ids import EnrollmentId, EventId, FollowUpId, MerchantId, RecipientId
from shared.testing.clock import START, FakeClock

metadata, ground = metadata_of("tester")
effects = sa.Table(
    "tester_effects", metadata, sa.Column("n", sa.Integer, primary_key=True), sa.Column("event_id", Id, nullable=False)
)


class Desk:
    """A service whose handler writes one row an event, and fails where it is told to."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self.database = database
        self.log = LocalLog(database)
        self.units = Units(database, self.log, FakeClock())
        self.poison: set[UUID] = set()
        self.failure: Exception = ValueError("poison")
        self.batches: list[int] = []
        self.router = Router()
        self.router.on(FollowUpBlocked, FollowUpCancelled, ConsentReported)(self.handle)

    async def handle(self, events: Sequence[Event], uow: UnitOfWork) -> None:
        self.batches.append(len(events))
        for event in events:
            await uow.db.insert(effects, [{"event_id": event.event_id}])
            if event.event_id in self.poison:
                raise self.failure

    def runner(self) -> Runner:
        return Runner(self.units, ground, self.log.source(sorted(self.router.kinds)), self.router)

    async def publish(self, *events: Event) -> None:
        async def work(uow: UnitOfWork) -> None:
            for event in events:
                uow.publish(event)

        await self.units.run(work, Lane.BATCHES)

    async def done(self) -> list[UUID]:
        rows = await self.database.read(lambda tx: tx.rows(sa.select(effects).order_by(effects.c.n)))
        return [row["event_id"] for row in rows]

    async def parked(self) -> list[str]:
        rows = await self.database.read(lambda tx: tx.rows(sa.select(ground.parked).order_by(ground.parked.c.id)))
        return [row["reason"] for row in rows]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    database = SQLiteDatabase(tmp_path / "log.db")
    await database.start()

    async def create(tx: Transaction) -> None:
        for table in (*metadata.sorted_tables, *local.metadata.sorted_tables):
            await tx.execute(sa.schema.CreateTable(table))

    await database.write(create, Lane.BATCHES)
    yield Desk(database)
    await database.stop()


def blocked(number: int, person: int = 0, merchant: str = "acme") -> FollowUpBlocked:
    at = START + timedelta(seconds=number)
    return FollowUpBlocked(
        event_id=EventId(ids.derived("test", number, at=at)),
        merchant_id=MerchantId(merchant),
        recipient_id=RecipientId(UUID(int=person)),
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
        recipient_id=RecipientId(UUID(int=person)),
        occurred_at=START,
        correlation_id="c",
        scope=ConsentScope.ALL,
        act=ConsentAct.REVOKED,
        method="keyword",
        source="test",
    )


def keys(events: Sequence[Event]) -> list[UUID]:
    return [event.event_id for event in events]


async def drain(runner: Runner) -> None:
    while await runner.step(linger_seconds=0):
        pass


async def test_every_event_takes_effect_once_and_in_order_for_each_person(desk: Desk) -> None:
    events = [blocked(n, person=n % 3) for n in range(30)]
    await desk.publish(*events)
    await desk.runner().step(linger_seconds=0)
    done = await desk.done()
    assert sorted(done) == sorted(keys(events))
    for person in range(3):
        mine = keys([event for event in events if event.recipient_id == UUID(int=person)])
        assert [key for key in done if key in mine] == mine


async def test_a_restart_reads_on_without_gap_or_repeat(desk: Desk) -> None:
    await desk.publish(*[blocked(n, n) for n in range(5)])
    await desk.runner().step(linger_seconds=0)
    await desk.publish(*[blocked(n, n) for n in range(5, 9)])
    await desk.runner().step(linger_seconds=0)
    assert len(await desk.done()) == 9


async def test_a_zombie_is_fenced_and_its_work_is_rolled_back(desk: Desk) -> None:
    zombie, heir = desk.runner(), desk.runner()
    await desk.publish(blocked(1, 1))
    await zombie.step(linger_seconds=0)
    await desk.publish(blocked(2, 2))
    await heir.step(linger_seconds=0)
    with pytest.raises(Fenced):
        await zombie.step(linger_seconds=0)
    assert len(await desk.done()) == 2


async def test_a_failing_batch_is_halved_until_the_guilty_event_stands_alone(desk: Desk) -> None:
    events = [blocked(n, n) for n in range(8)]
    desk.poison = {events[5].event_id}
    await desk.publish(*events)
    await desk.runner().step(linger_seconds=0)
    assert sorted(await desk.done()) == sorted(set(keys(events)) - desk.poison)
    assert desk.batches[:3] == [8, 4, 4]
    assert await desk.parked() == ["ValueError: poison"]


async def test_later_events_of_a_parked_person_wait_behind_it_but_a_revocation_passes(desk: Desk) -> None:
    bad, later, other, stop = blocked(1, 7), blocked(2, 7), blocked(3, 8), revocation(4, 7)
    desk.poison = {bad.event_id}
    await desk.publish(bad)
    runner = desk.runner()
    await runner.step(linger_seconds=0)
    await desk.publish(later, other, stop)
    await runner.step(linger_seconds=0)
    assert sorted(await desk.done()) == sorted(keys([other, stop]))
    assert await desk.parked() == ["ValueError: poison", "behind a parked event"]


async def test_redrive_hands_parked_events_over_in_order(desk: Desk) -> None:
    bad, later = blocked(1, 7), blocked(2, 7)
    desk.poison = {bad.event_id}
    await desk.publish(bad, later)
    await desk.runner().step(linger_seconds=0)
    assert await parked.redrive(desk.units, ground, desk.router) == (0, 2)
    desk.poison = set()
    assert await parked.redrive(desk.units, ground, desk.router) == (2, 0)
    assert await desk.done() == keys([bad, later])
    assert await desk.parked() == []


async def test_an_undecodable_event_is_parked_at_once(desk: Desk) -> None:
    await desk.publish(blocked(1, 1), blocked(2, 2))

    async def spoil(tx: Transaction) -> None:
        await tx.execute(sa.update(local.event_log).where(local.event_log.c.id == 1).values(body=b'{"flow": 3}'))

    await desk.database.write(spoil, Lane.BATCHES)
    await desk.runner().step(linger_seconds=0)
    assert len(await desk.done()) == 1
    assert [reason.split(":")[0] for reason in await desk.parked()] == ["follow-up.blocked"]


async def test_failures_across_merchants_stop_the_consumer_instead_of_draining_the_topic(desk: Desk) -> None:
    events = [blocked(n, n, merchant=f"m{n}") for n in range(6)]
    desk.poison = set(keys(events))
    await desk.publish(*events)
    runner = desk.runner()
    with pytest.raises(ConsumerHalted):
        await runner.step(linger_seconds=0)
    assert len(await desk.parked()) < len(events)
    await runner.run_forever()
    assert runner.halted is not None
    assert "consumer_halted" in runner.halted


async def test_a_bug_in_the_log_itself_halts_the_consumer_loudly_instead_of_ending_it_in_silence(desk: Desk) -> None:
    runner = desk.runner()

    async def broken(*_: object) -> None:
        raise TypeError("poll is broken")

    vars(runner)["_source"].poll = broken
    await runner.run_forever()
    assert runner.halted == "bug: TypeError: poll is broken"


async def test_a_database_that_fails_parks_nothing_and_the_batch_comes_again(desk: Desk) -> None:
    event = blocked(1, 1)
    desk.poison, desk.failure = {event.event_id}, DatabaseUnavailable()
    await desk.publish(event)
    runner = desk.runner()
    with pytest.raises(DatabaseUnavailable):
        await runner.step(linger_seconds=0)
    desk.poison = set()
    await runner.step(linger_seconds=0)
    assert await desk.done() == [event.event_id]
    assert await desk.parked() == []


async def test_what_a_failed_unit_published_is_not_in_the_log(desk: Desk) -> None:
    async def work(uow: UnitOfWork) -> None:
        uow.publish(blocked(1, 1))
        raise ValueError("after publishing")

    with pytest.raises(ValueError, match="after publishing"):
        await desk.units.run(work, Lane.BATCHES)
    rows = await desk.database.read(lambda tx: tx.rows(sa.select(local.event_log)))
    assert rows == []


async def test_an_event_set_aside_by_its_handler_is_parked_with_the_reason(desk: Desk) -> None:
    router = Router()

    @router.on(FollowUpBlocked)
    async def handle(events: Sequence[FollowUpBlocked], uow: UnitOfWork) -> None:
        for event in events:
            uow.set_aside(event, "merchant unknown")

    runner = Runner(desk.units, ground, desk.log.source(["follow-up.blocked"]), router)
    await desk.publish(blocked(1, 1))
    await runner.step(linger_seconds=0)
    assert await desk.parked() == ["merchant unknown"]


def test_rounds_hold_nobody_twice_and_keep_everybodys_order() -> None:
    events = [blocked(n, person) for n, person in enumerate([1, 1, 2, 1, 2, 3])]
    split = rounds(events)
    assert [[int(event.recipient_id) for event in each] for each in split] == [[1, 2, 3], [1, 2], [1]]
    for person in (1, 2, 3):
        mine = [event for event in events if event.recipient_id == UUID(int=person)]
        assert [event for each in split for event in each if event.recipient_id == UUID(int=person)] == mine


async def test_the_log_is_pruned_only_of_what_is_old_and_read(desk: Desk) -> None:
    await desk.publish(blocked(1, 1), blocked(2, 2))
    assert await desk.log.prune(START + timedelta(days=6), read_up_to=3) == 0
    assert await desk.log.prune(START + timedelta(days=8), read_up_to=2) == 1
