"""Between commit and log: the outbox, its relay, and how an event travels."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from uuid import UUID

import pytest
import sqlalchemy as sa

from shared.bus import kafka_instruments as instruments
from shared.bus import kafka_log, outbox
from shared.bus.errors import LogUnavailable, OutboxFull
from shared.bus.kafka_log import KafkaLog
from shared.bus.kafka_producer import KafkaProducer
from shared.bus.kafka_source import KafkaSource
from shared.bus.kafka_topics import MAX_RECORD_BYTES, create_topics
from shared.bus.kafka_wire import KafkaCluster, KafkaRecord
from shared.bus.outbox import ROUND_ROWS, SWEEP_SECONDS
from shared.bus.partitioning import WHOLE_MERCHANT, partition_of
from shared.db.postgres import PostgresDatabase
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import ConfigurationFault, DatabaseUnavailable
from shared.events.follow_up import FollowUpBlocked
from shared.events.topics import Topic
from shared.ids import EventId, RecipientId
from shared.testing.clock import START
from shared.testing.connected import Server
from tests.contract.log_drivers import PARTITIONS, SERVICE, KafkaLogDriver, LogDriver, kafka_driver
from tests.contract.test_runner import blocked, revocation
from tests.contract.until import until

pytestmark = pytest.mark.connected


@pytest.fixture
async def driver(postgresql: Server, kafka: Server) -> AsyncIterator[KafkaLogDriver]:
    async with kafka_driver(postgresql, kafka) as driver:
        yield driver


async def test_an_event_travels_under_its_persons_key_to_its_persons_partition(driver: KafkaLogDriver) -> None:
    events = [blocked(n, n) for n in range(12)]
    await driver.publish(*events)
    found = {record.key: record for record in await driver.records(Topic.FOLLOW_UPS)}
    assert len(found) == 12
    for event in events:
        record = found[event.recipient_id.bytes]
        assert record.partition == partition_of(event.recipient_id, PARTITIONS)
        assert record.value == event.model_dump_json().encode()
        attributes = dict(record.headers)
        assert attributes["ce_id"] == str(event.event_id).encode()
        assert attributes["ce_type"] == b"follow-up.blocked"
        assert attributes["ce_source"] == b"/followup/tester"


async def test_news_about_a_whole_merchant_reaches_every_partition(driver: KafkaLogDriver) -> None:
    await driver.publish(revocation(1).model_copy(update={"recipient_id": WHOLE_MERCHANT}))
    found = await driver.records(Topic.CONSENTS)
    assert sorted(record.partition for record in found) == [*range(PARTITIONS)]


async def test_topics_are_made_once_and_never_resized_in_passing(driver: KafkaLogDriver) -> None:
    await create_topics(driver.cluster)
    other = KafkaCluster(driver.cluster.bootstrap, PARTITIONS + 1, prefix=driver.cluster.prefix)
    with pytest.raises(ConfigurationFault, match="has 3 partitions and this process expects 4"):
        await create_topics(other)


async def test_a_cluster_that_is_not_there_is_a_passing_fault() -> None:
    nowhere = KafkaCluster("127.0.0.1:1")
    record = KafkaRecord(1, Topic.FOLLOW_UPS, "x", EventId(UUID(int=1)), RecipientId(UUID(int=1)), START, b"")
    for attempt in (
        KafkaSource(nowhere, SERVICE, ["follow-up.due"]).partitions(),
        KafkaProducer(nowhere, SERVICE).produce([record]),
        create_topics(nowhere),
    ):
        with pytest.raises(LogUnavailable):
            await attempt


async def test_an_event_whose_commit_came_late_is_published_although_later_ones_went_before(
    driver: KafkaLogDriver,
) -> None:
    written, finish = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await driver.log.write(tx, [blocked(1, 1)], START)
        written.set()
        await finish.wait()

    unit = asyncio.ensure_future(driver.database.write(slow, WritePriority.BATCHES))
    await written.wait()
    await driver.publish(blocked(2, 2))
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 1
    finish.set()
    await unit
    await driver.flush()
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 2


async def test_a_relay_that_dies_before_it_deletes_publishes_twice_and_loses_nothing(
    driver: KafkaLogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.commit(blocked(1, 1), blocked(2, 2))
    await driver.relay._session_with_lock()
    session = driver.relay._session
    assert session is not None
    delete = session.delete

    async def die(table: sa.Table, by: str, values: Sequence[object]) -> int:
        session._raw.terminate()
        return await delete(table, by, values)

    monkeypatch.setattr(session, "delete", die)
    with pytest.raises(DatabaseUnavailable):
        await driver.relay.step()
    await driver.flush()
    found = Counter(dict(record.headers)["ce_id"] for record in await driver.records(Topic.FOLLOW_UPS))
    assert sorted(found.values()) == [2, 2]


async def test_one_relay_is_active_and_the_one_standing_by_rings_it_and_takes_over(driver: KafkaLogDriver) -> None:
    assert isinstance(driver.database, PostgresDatabase)
    other = KafkaLogDriver(driver.database, KafkaLog(driver.cluster, SERVICE, driver.database), driver.cluster)
    async with driver.log.running():
        await until(lambda: driver.relay.is_active)
        async with other.log.running():
            started = asyncio.get_running_loop().time()
            for n in range(4):
                await other.commit(blocked(n, n))
                await until(partial(is_empty, driver))
            assert not other.relay.is_active
            assert asyncio.get_running_loop().time() - started < 2 * SWEEP_SECONDS
            await driver.relay.close()
            await other.commit(blocked(5, 5))
            await until(partial(is_empty, driver))
            await until(lambda: driver.relay.is_active != other.relay.is_active)
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 5


def is_marked(driver: KafkaLogDriver) -> bool:
    return driver.relay.marking._true is not None


async def is_empty(driver: LogDriver) -> bool:
    return not await driver.waiting_rows()


async def test_a_relay_whose_session_breaks_takes_the_lock_again(driver: KafkaLogDriver) -> None:
    async with driver.log.running():
        await until(lambda: driver.relay.is_active)
        assert driver.relay._session is not None
        driver.relay._session._raw.terminate()
        await driver.commit(blocked(1, 1))
        await until(partial(is_empty, driver))
        assert driver.relay.is_active


async def test_a_relay_whose_process_is_frozen_loses_its_place_to_the_one_standing_by(
    driver: KafkaLogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(driver.database, PostgresDatabase)
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 1)
    monkeypatch.setattr(outbox, "_RENEW_SECONDS", 0.2)
    other = KafkaLogDriver(driver.database, KafkaLog(driver.cluster, SERVICE, driver.database), driver.cluster)
    await driver.relay.step()  # and nothing after it, as if the process had been stopped
    assert driver.relay.is_active
    async with other.log.running():
        await other.commit(blocked(1, 1))
        await until(partial(is_empty, other))
        assert other.relay.is_active
        await driver.relay.step()
        assert not driver.relay.is_active


async def test_an_outbox_takes_what_fits_and_nothing_more_until_the_log_is_back(driver: KafkaLogDriver) -> None:
    assert isinstance(driver.database, PostgresDatabase)
    log = KafkaLog(driver.cluster, SERVICE, driver.database, outbox_rows=3)
    full = KafkaLogDriver(driver.database, log, driver.cluster)
    await full.commit(blocked(1, 1), blocked(2, 2))
    log.require_room()
    await full.commit(blocked(3, 3))
    with pytest.raises(OutboxFull):
        log.require_room()
    await log.capacity.look()
    assert instruments.ROWS.labels(SERVICE)._value.get() == 3
    with pytest.raises(OutboxFull):
        log.require_room()
    await full.flush()
    await log.capacity.look()
    log.require_room()
    await log.relay.close()


async def test_a_process_that_only_looks_on_knows_that_the_outbox_is_full(driver: KafkaLogDriver) -> None:
    assert isinstance(driver.database, PostgresDatabase)
    onlooker = KafkaLog(driver.cluster, SERVICE, driver.database, outbox_rows=2)
    await driver.commit(blocked(1, 1), blocked(2, 2), blocked(3, 3))
    onlooker.require_room()
    await onlooker.capacity.look()
    with pytest.raises(OutboxFull):
        onlooker.require_room()
    assert instruments.ROWS.labels(SERVICE)._value.get() == 2, "nobody counts further than the limit"


async def test_an_outbox_that_stands_still_is_reported_and_then_the_service_is_not_ready(
    driver: KafkaLogDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.log.capacity.look()
    assert driver.log.capacity.waiting_seconds() == 0
    await driver.commit(blocked(1, 1))
    for _ in range(2):
        await driver.log.capacity.look()
    assert driver.log.capacity.waiting_seconds() > 0
    assert "oldest event" not in (await driver.log.concerns() or "")
    monkeypatch.setattr(kafka_log, "WAITS_SECONDS", 0)
    assert "the oldest event in the outbox has waited" in (await driver.log.concerns() or "")
    assert await driver.log.readiness() is None
    monkeypatch.setattr(kafka_log, "STUCK_SECONDS", 0)
    assert "has not left" in (await driver.log.readiness() or "")
    driver.relay.loop.pulse._code = "log_unavailable"
    assert await driver.log.readiness() is None, "events are kept while the log is away"
    await driver.flush()
    await driver.log.capacity.look()
    assert driver.log.capacity.waiting_seconds() == 0


async def test_an_event_too_large_for_the_log_stays_and_holds_no_other_up(driver: KafkaLogDriver) -> None:
    await driver.commit(blocked(1, 1), blocked(2, 2), blocked(3, 3))
    large = sa.update(driver.outbox).where(driver.outbox.c.id == 2).values(body=bytes(MAX_RECORD_BYTES))
    await driver.database.write(lambda tx: tx.execute(large), WritePriority.BATCHES)
    await driver.relay.step()
    assert await driver.waiting_rows() == [2]
    with pytest.raises(LogUnavailable):
        await driver.relay.step()
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 2


async def test_what_a_unit_published_is_in_the_outbox_with_everything_a_reader_needs(driver: KafkaLogDriver) -> None:
    async def work(uow: UnitOfWork) -> None:
        uow.publish(blocked(1, 1))

    await driver.units.run(work, WritePriority.BATCHES)
    rows = await driver.database.read(lambda tx: tx.rows(sa.select(driver.outbox)))
    event = blocked(1, 1)
    assert [dict(row) for row in rows] == [
        {
            "id": 1,
            "topic": "follow-ups.v1",
            "type": "follow-up.blocked",
            "event_id": event.event_id,
            "recipient_id": event.recipient_id,
            "occurred_at": event.occurred_at,
            "published_at": driver.units.clock.now(),
            "body": event.model_dump_json().encode(),
            "merchant_id": "acme",
        }
    ]


async def test_a_flood_in_the_outbox_does_not_stand_before_another_merchants_event(driver: KafkaLogDriver) -> None:
    flood = [blocked(number, number % 7) for number in range(2 * ROUND_ROWS)]
    other = [blocked(9_000 + number, 100 + number, "bolt") for number in range(3)]
    await driver.commit(*flood, *other)
    await driver.relay.step()
    waiting = await driver.waiting_rows()
    assert len(waiting) == len(flood) + len(other) - ROUND_ROWS
    assert not {*waiting} & {*range(len(flood) + 1, len(flood) + 4)}
    assert not is_marked(driver), "what was committed before is not all in the log"
    await driver.flush()
    assert is_marked(driver)
    of_person: dict[bytes, list[int]] = {}
    for record in await driver.records(Topic.FOLLOW_UPS):
        of_person.setdefault(record.key, []).append(int(FollowUpBlocked.model_validate_json(record.value).follow_up_id))
    assert len(of_person) == 10
    assert all(numbers == sorted(numbers) for numbers in of_person.values())


async def test_an_outbox_of_an_earlier_version_learns_whose_its_rows_are(driver: KafkaLogDriver) -> None:
    async def as_before(tx: Transaction) -> None:
        await tx.execute(sa.text(f"DROP INDEX ix_{driver.outbox.name}_turns"))
        await tx.execute(sa.text(f"ALTER TABLE {driver.outbox.name} DROP COLUMN merchant_id"))

    await driver.database.write(as_before, WritePriority.BATCHES)
    for _ in range(2):
        await driver.log.prepare()
    await driver.publish(blocked(1, 1))
    assert len(await driver.records(Topic.FOLLOW_UPS)) == 1
