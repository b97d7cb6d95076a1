"""What only the Kafka twin does: members share partitions, brokers fail, retention deletes."""

import asyncio
import math
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared.bus import kafka_instruments as instruments
from shared.bus.errors import ConsumerStalled, LogShortened
from shared.bus.kafka_source import KafkaSource
from shared.bus.kafka_topics import create_topics
from shared.bus.partitioning import partition_of
from shared.bus.port import Partition
from shared.bus.runner import Runner
from shared.db.transaction import WritePriority
from shared.events.topics import Topic
from shared.testing import connected
from shared.testing.connected import Server
from tests.contract.log_drivers import PARTITIONS, SERVICE, KafkaLogDriver, forget_topics, kafka_driver, system_tables
from tests.contract.test_runner import blocked, keys, person_id, revocation
from tests.contract.until import until

pytestmark = pytest.mark.connected
SOON_SECONDS = 25.0


@pytest.fixture
async def driver(postgresql: Server, kafka: Server) -> AsyncIterator[KafkaLogDriver]:
    async with kafka_driver(postgresql, kafka) as driver:
        yield driver


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A broker that a test may kill."""
    with connected.kafka() as server:
        yield server


@asynccontextmanager
async def reading(*runners: Runner) -> AsyncIterator[None]:
    """Let members read in the background."""
    tasks = [asyncio.ensure_future(runner.run_forever()) for runner in runners]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def source_of(runner: Runner) -> KafkaSource:
    assert isinstance(runner._source, KafkaSource)
    return runner._source


def consumer_of(source: KafkaSource) -> Any:
    """Return the library's own consumer."""
    return source._consumer


def has_unanswered(driver: KafkaLogDriver) -> bool:
    """Return whether the relay waits for an acknowledgement."""
    producer: Any = driver.relay.producer._producer
    return producer is not None and bool(producer._message_accumulator._batches)


async def die(runner: Runner) -> None:
    """End a reader without a word to its group, as a process ends that is killed."""
    source = source_of(runner)
    consumer = consumer_of(source)
    source._consumer = None
    source.revoked()
    await consumer.stop()  # the library says nothing for a member with a name


async def impatient(driver: KafkaLogDriver, stalled_seconds: float) -> Runner:
    """Return a reader that has read one event, and from then on waits so long for events that are there."""
    runner = driver.reader()
    await driver.publish(blocked(1, 1))
    await driver.settle(runner)
    source_of(runner)._stalled_seconds = stalled_seconds
    return runner


def has_joined(runner: Runner) -> bool:
    """Return whether a reader was given its partitions, or none, by its group."""
    consumer = consumer_of(source_of(runner))
    return consumer is not None and consumer._coordinator.generation > 0


def held(runner: Runner) -> frozenset[Partition]:
    return source_of(runner)._assigned


async def test_members_share_the_partitions_and_one_that_leaves_is_replaced(driver: KafkaLogDriver) -> None:
    first, second = driver.reader(), driver.reader()
    everything = frozenset(
        Partition(topic, n) for topic in (Topic.FOLLOW_UPS, Topic.CONSENTS) for n in range(PARTITIONS)
    )
    async with reading(first):
        await until(lambda: held(first) == everything)
        await driver.publish(*[blocked(n, n) for n in range(40)])
        async with reading(second):
            await until(lambda: bool(held(second)) and held(first) | held(second) == everything)
            for topic in (Topic.FOLLOW_UPS, Topic.CONSENTS):
                numbers = [{p.number for p in held(runner) if p.topic == topic} for runner in (first, second)]
                assert not numbers[0] & numbers[1]
            mine = {p.number for p in held(first) if p.topic == Topic.FOLLOW_UPS}
            assert mine == {p.number for p in held(first) if p.topic == Topic.CONSENTS}
            await driver.publish(*[blocked(n, n) for n in range(40, 80)])
            await until(partial(driver.has_done, 80))
        await driver.leave(second)
        await until(lambda: held(first) == everything)
        await driver.publish(*[blocked(n, n) for n in range(80, 120)])
        await until(partial(driver.has_done, 120))
    assert sorted(await driver.done()) == sorted(keys([blocked(n, n) for n in range(120)]))


@pytest.mark.torture
async def test_members_that_come_and_go_under_load_lose_nothing_and_do_nothing_twice(driver: KafkaLogDriver) -> None:
    events = [blocked(n, n % 23) for n in range(600)]

    async def keep_publishing() -> None:
        for start in range(0, len(events), 20):
            await driver.publish(*events[start : start + 20])
            await asyncio.sleep(0.05)

    stayer = driver.reader()
    async with reading(stayer):
        await until(lambda: bool(held(stayer)))
        publishing = asyncio.ensure_future(keep_publishing())
        for _ in range(2):
            visitor = driver.reader()
            async with reading(visitor):
                await until(partial(lambda member: bool(held(member)), visitor))
                await asyncio.sleep(0.2)
            await driver.leave(visitor)
        await publishing
        await until(partial(driver.has_done, len(events)))
    done = await driver.done()
    assert Counter(done) == Counter(keys(events))
    for person in range(23):
        mine = keys([event for event in events if event.recipient_id == person_id(person)])
        assert [key for key in done if key in set(mine)] == mine


async def test_a_member_without_a_partition_waits_and_takes_over(driver: KafkaLogDriver) -> None:
    readers = [driver.reader() for _ in range(PARTITIONS + 1)]
    tasks = {runner: asyncio.ensure_future(runner.run_forever()) for runner in readers}
    try:
        await until(lambda: all(map(has_joined, readers)) and sum(map(bool, map(held, readers))) == PARTITIONS)
        leaving = next(runner for runner in readers if held(runner))
        tasks[leaving].cancel()
        await asyncio.gather(tasks[leaving], return_exceptions=True)
        await driver.leave(leaving)
        await until(lambda: all(held(runner) for runner in readers if runner is not leaving))
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def test_a_reader_that_begins_before_its_topics_reads_them_once_they_are_there(driver: KafkaLogDriver) -> None:
    unmade = replace(driver.cluster, prefix=f"later-{driver.cluster.prefix}")
    source = KafkaSource(unmade, SERVICE, sorted(driver.router.kinds))
    driver.sources.append(source)
    runner = driver.on(source, driver.router)
    async with reading(runner):
        await until(lambda: source._asked_at > -math.inf)
        await create_topics(unmade)
        try:
            await until(lambda: len(held(runner)) == 2 * PARTITIONS)
        finally:
            await forget_topics(unmade)


async def test_a_member_with_a_name_returns_to_its_partitions_without_disturbing_the_others(
    driver: KafkaLogDriver,
) -> None:
    def named(name: str) -> Runner:
        source = KafkaSource(driver.cluster, SERVICE, sorted(driver.router.kinds), instance=name)
        driver.sources.append(source)
        return driver.on(source, driver.router)

    one, two = named("tester-0"), named("tester-1")
    async with reading(one):
        await until(lambda: len(held(one)) == 2 * PARTITIONS)
        async with reading(two):
            await until(lambda: bool(held(one)) and bool(held(two)))
            before, theirs = held(one), held(two)
        await die(two)
        again = named("tester-1")
        async with reading(again):
            await until(lambda: held(again) == theirs)
            assert held(one) == before


async def test_a_named_member_that_shuts_down_hands_its_partitions_over_at_once(
    driver: KafkaLogDriver,
) -> None:
    def named(name: str) -> Runner:
        source = KafkaSource(driver.cluster, SERVICE, sorted(driver.router.kinds), instance=name, session_seconds=100)
        driver.sources.append(source)
        return driver.on(source, driver.router)

    one, two = named("tester-0"), named("tester-1")
    async with reading(one):
        await until(lambda: len(held(one)) == 2 * PARTITIONS)
        async with reading(two):
            await until(lambda: bool(held(one)) and bool(held(two)))
        await driver.leave(two)
        await until(lambda: len(held(one)) == 2 * PARTITIONS, 60)


async def test_a_broker_that_dies_costs_time_and_no_event(postgresql: Server, mortal: Server) -> None:
    async with kafka_driver(postgresql, mortal) as driver:
        runner = driver.reader()
        async with driver.log.running(), reading(runner):
            await driver.commit(*[blocked(n, n) for n in range(20)])
            await until(partial(driver.has_done, 20))
            mortal.stop(signal.SIGKILL)
            for n in range(20, 40):
                await driver.commit(blocked(n, n))
            assert await driver.waiting_rows() != []
            await asyncio.to_thread(mortal.start)
            await until(partial(driver.has_done, 40))
            assert runner.halted is None
        done = await driver.done()
    assert set(done) == set(keys([blocked(n, n) for n in range(40)]))


async def test_the_partitions_of_a_member_that_died_go_to_another_when_its_session_ends(driver: KafkaLogDriver) -> None:
    def mortal(name: str) -> Runner:
        source = KafkaSource(driver.cluster, SERVICE, sorted(driver.router.kinds), instance=name, session_seconds=2)
        driver.sources.append(source)
        return driver.on(source, driver.router)

    one, two = mortal("tester-0"), mortal("tester-1")
    async with reading(one):
        async with reading(two):
            await until(lambda: bool(held(one)) and bool(held(two)))
        await driver.publish(*[blocked(n, n) for n in range(20)])
        await die(two)
        await until(partial(driver.has_done, 20))
    assert sorted(await driver.done()) == sorted(keys([blocked(n, n) for n in range(20)]))


async def test_a_reader_that_receives_nothing_although_events_wait_halts(driver: KafkaLogDriver) -> None:
    runner = await impatient(driver, stalled_seconds=0.5)
    consumer = consumer_of(source_of(runner))
    consumer.pause(*consumer.assignment())  # stands for a fetcher that died
    await driver.publish(blocked(2, 2))
    with pytest.raises(ConsumerStalled):
        await driver.settle(runner)


async def test_an_event_that_comes_after_a_long_silence_does_not_halt_the_reader(
    driver: KafkaLogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await impatient(driver, stalled_seconds=0.2)
    source = source_of(runner)
    ends = consumer_of(source).end_offsets

    async def just_after_an_event(places: Any) -> Any:
        monkeypatch.undo()
        source._stalled_seconds = 60
        await driver.publish(blocked(2, 2))
        return await ends(places)

    monkeypatch.setattr(source._consumer, "end_offsets", just_after_an_event)
    while len(await driver.done()) < 2:
        await runner.step(linger_seconds=0)
    assert consumer_of(source).end_offsets == ends, "nobody looked"


async def test_what_belongs_to_the_log_ends_soon_although_the_log_is_gone(postgresql: Server, mortal: Server) -> None:
    async with kafka_driver(postgresql, mortal) as driver:
        runner = driver.reader()
        async with driver.log.running(), reading(runner):
            await driver.commit(blocked(1, 1))
            await until(partial(driver.has_done, 1))
            mortal.stop(signal.SIGKILL)
            await driver.commit(blocked(2, 2))
            await until(lambda: has_unanswered(driver))
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < SOON_SECONDS
        await asyncio.to_thread(mortal.start)


async def test_a_reader_that_receives_nothing_because_there_is_nothing_goes_on(driver: KafkaLogDriver) -> None:
    runner = await impatient(driver, stalled_seconds=0.1)
    assert await runner.step(linger_seconds=0) == 0
    assert await runner.step(linger_seconds=0) == 0


async def test_a_log_shorter_than_what_was_read_makes_the_reader_wait_and_go_on_once_its_place_was_moved_back(
    driver: KafkaLogDriver,
) -> None:
    await driver.publish(blocked(1, 1))
    before = driver.reader()
    await driver.settle(before)
    await driver.leave(before)
    ahead = sa.update(system_tables.positions).values(next_offset=system_tables.positions.c.next_offset + 5)
    await driver.database.write(lambda tx: tx.execute(ahead), WritePriority.BATCHES)
    after = driver.reader()
    with pytest.raises(LogShortened):
        await driver.settle(after)
    async with reading(after):
        await until(lambda: after.pulse.failures > 0)
        assert after.halted is None
        back = sa.update(system_tables.positions).values(next_offset=0)
        await driver.database.write(lambda tx: tx.execute(back), WritePriority.BATCHES)
        await until(lambda: driver.has_done(2))


async def test_events_that_retention_removed_are_counted_and_reading_goes_on(driver: KafkaLogDriver) -> None:
    same = [blocked(n, 1) for n in range(9)]
    place = TopicPartition(driver.cluster.topic(Topic.FOLLOW_UPS), partition_of(person_id(1), PARTITIONS))
    await driver.publish(*same[:3])
    before = driver.reader()
    await driver.settle(before)
    await driver.leave(before)
    await driver.publish(*same[3:])
    admin = AIOKafkaAdminClient(bootstrap_servers=driver.cluster.bootstrap)
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=7)})
    await admin.close()
    counted = instruments.LOST.labels(SERVICE)
    lost = counted._value.get()
    await driver.settle(driver.reader())
    assert await driver.done() == keys([*same[:3], *same[7:]])
    assert counted._value.get() - lost == 4


async def test_a_group_that_starts_late_begins_where_the_log_does(driver: KafkaLogDriver) -> None:
    place = TopicPartition(driver.cluster.topic(Topic.FOLLOW_UPS), partition_of(person_id(1), PARTITIONS))
    await driver.publish(*[blocked(n, 1) for n in range(5)])
    admin = AIOKafkaAdminClient(bootstrap_servers=driver.cluster.bootstrap)
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=3)})
    await admin.close()
    runner = driver.reader()
    await driver.settle(runner)
    await driver.publish(blocked(7, 1))
    await driver.settle(runner)
    assert await driver.done() == keys([blocked(3, 1), blocked(4, 1), blocked(7, 1)])


async def test_a_record_that_is_no_event_is_counted_and_passed_over(driver: KafkaLogDriver) -> None:
    stranger = AIOKafkaProducer(bootstrap_servers=driver.cluster.bootstrap)
    await stranger.start()
    for key, value, attributes in (
        (b"customer-7", b"{}", [("ce_type", b"follow-up.blocked")]),
        (person_id(1).bytes, b"{}", []),
        (person_id(1).bytes, None, [("ce_type", b"follow-up.blocked")]),
    ):
        await stranger.send_and_wait(
            driver.cluster.topic(Topic.FOLLOW_UPS), value, key=key, partition=0, headers=attributes
        )
    await stranger.stop()
    counted = instruments.FOREIGN.labels(SERVICE)
    foreign = counted._value.get()
    await driver.publish(*[blocked(n, n) for n in range(9)])
    await driver.settle(driver.reader())
    assert len(await driver.done()) == 9
    assert await driver.parked() == []
    assert counted._value.get() - foreign == 3


async def test_the_end_of_a_topic_is_known_before_its_events_are_read(driver: KafkaLogDriver) -> None:
    runner = driver.reader()
    await driver.settle(runner)
    await driver.publish(blocked(1, 1), revocation(2, 1))
    ends = await source_of(runner).ends([Topic.CONSENTS], {})
    mine = Partition(Topic.CONSENTS, partition_of(person_id(1), PARTITIONS))
    assert {place for place, end in ends.items() if end} == {mine}
    assert (runner.position(mine) or 0) < ends[mine]
    await driver.settle(runner)
    assert runner.position(mine) == ends[mine]
