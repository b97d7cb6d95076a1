"""What was relayed is kept some minutes, and brings back what a broker lost after it had acknowledged it."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from aiokafka.admin import AIOKafkaAdminClient

from shared.bus import relay_archive
from shared.bus.kafka_topics import Copies, _wanted, create_topics, describe_copies, single_copy_warning
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.relay_replay import offsets_since, republish, rewind_positions
from shared.db.postgres import PostgresDatabase
from shared.events.topics import Topic
from shared.testing.connected import Server
from tests.contract.log_drivers import SERVICE, KafkaLogDriver, kafka_driver
from tests.contract.test_runner import blocked, keys
from tests.contract.until import until

connected = pytest.mark.connected


@pytest.fixture
async def driver(postgresql: Server, kafka: Server) -> AsyncIterator[KafkaLogDriver]:
    async with kafka_driver(postgresql, kafka) as driver:
        yield driver


def database_of(driver: KafkaLogDriver) -> PostgresDatabase:
    assert isinstance(driver.database, PostgresDatabase)
    return driver.database


async def blocks_of(driver: KafkaLogDriver) -> list[int]:
    """Return how many events each kept block holds."""
    table = driver.log.metadata.tables[relay_archive.name_of(SERVICE)]
    rows = await driver.database.read(lambda tx: tx.rows(sa.select(table).order_by(table.c.id)))
    return [row["events"] for row in rows]


async def lose_everything(cluster: KafkaCluster) -> None:
    """Stands for a broker that had written nothing down when its power was cut: every log is empty again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    names = [cluster.topic(topic) for topic in Topic]
    await admin.delete_topics(names)
    await admin.close()

    async def are_there() -> bool:
        asking = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        await asking.start()
        try:
            return not set(names) & set(await asking.list_topics())
        finally:
            await asking.close()

    await until(are_there)
    await create_topics(cluster)


@connected
async def test_what_a_broker_lost_is_read_and_relayed_again_and_takes_effect_once_more_at_most(
    driver: KafkaLogDriver,
) -> None:
    events = [blocked(n, n) for n in range(30)]
    await driver.publish(*events)
    reader = driver.reader()
    await driver.settle(reader)
    await driver.leave(reader)
    unread = [blocked(n, n) for n in range(30, 60)]
    await driver.publish(*unread)
    assert await driver.waiting_rows() == []
    assert sum(await blocks_of(driver)) == 60
    await lose_everything(driver.cluster)
    assert await driver.records(Topic.FOLLOW_UPS) == []
    back_to = await offsets_since(driver.cluster, 10, 0)
    assert await rewind_positions(database_of(driver), SERVICE, back_to) > 0
    assert await republish(database_of(driver), driver.cluster, SERVICE, 10) == 60
    again = driver.reader()
    await driver.settle(again)
    done = Counter(await driver.done())
    assert set(done) == set(keys([*events, *unread])), "what nobody had read is not lost"
    assert all(done[key] == 1 for key in keys(unread))


@connected
async def test_what_is_kept_is_what_was_relayed_and_goes_after_its_time(driver: KafkaLogDriver) -> None:
    events = [blocked(n, n) for n in range(5)]
    await driver.publish(*events)
    before = await driver.records(Topic.FOLLOW_UPS)
    assert await republish(database_of(driver), driver.cluster, SERVICE, 10) == 5
    after = await driver.records(Topic.FOLLOW_UPS)
    assert Counter((r.key, r.value, r.partition, r.headers) for r in after) == Counter(
        {(r.key, r.value, r.partition, r.headers): 2 for r in before}
    )
    session = await database_of(driver).session()
    table = driver.log.metadata.tables[relay_archive.name_of(SERVICE)]
    assert await relay_archive.sweep(session, table, 10) == 0
    assert await relay_archive.sweep(session, table, 0) == len(await blocks_of(driver)) or not await blocks_of(driver)
    await session.close()
    assert await blocks_of(driver) == []


@connected
async def test_positions_go_back_to_the_first_event_of_the_time_and_no_further(driver: KafkaLogDriver) -> None:
    await driver.publish(*[blocked(n, n) for n in range(30)])
    reader = driver.reader()
    await driver.settle(reader)
    assert await rewind_positions(database_of(driver), SERVICE, await offsets_since(driver.cluster, 10, 10**13)) == 0
    back_to = await offsets_since(driver.cluster, 10, 0)
    assert set(back_to.values()) == {0}
    assert await rewind_positions(database_of(driver), SERVICE, back_to) > 0
    await driver.leave(reader)
    await driver.settle(driver.reader())
    assert set(Counter(await driver.done()).values()) == {2}, "without a natural key a repeat shows"


def test_one_copy_is_flushed_at_each_write_and_said_aloud() -> None:
    one, three = KafkaCluster("x:1", replication=1), KafkaCluster("x:1", replication=3)
    assert _wanted(one, Topic.TRIGGERS).configuration["flush.messages"] == "1"
    assert "flush.messages" not in _wanted(three, Topic.TRIGGERS).configuration
    said = single_copy_warning(one)
    assert said is not None
    assert "relay-again" in said
    assert single_copy_warning(three) is None


def test_the_copies_that_are_there_count_and_not_those_that_were_asked_for() -> None:
    asked = KafkaCluster("x:1", replication=3)
    is_fine, said = describe_copies(asked, {"a": Copies(3, is_flushed=False), "b": Copies(1, is_flushed=True)})
    assert is_fine
    assert "one copy" in said
    is_fine, said = describe_copies(asked, {"a": Copies(1, is_flushed=True), "b": Copies(1, is_flushed=False)})
    assert not is_fine
    assert "not flushed at each write: b; set flush.messages=1 on them" in said
    assert describe_copies(asked, {"a": Copies(2, is_flushed=False)}) == (True, "2 copies of each partition")
