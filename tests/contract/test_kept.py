"""What was relayed is kept some minutes, and brings back what a broker lost after it had acknowledged it."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from aiokafka.admin import AIOKafkaAdminClient

from shared.bus import kept
from shared.bus.kafka_topics import Copies, _wanted, copies_told, create_topics, single_copy_warning
from shared.bus.kafka_wire import Cluster
from shared.bus.relay_again import read_again, say_again, starts
from shared.db.postgres import PostgresDatabase
from shared.events.topics import Topic
from shared.testing.connected import Server
from tests.contract.desks import SERVICE, KafkaDesk, kafka_desk
from tests.contract.test_runner import blocked, keys
from tests.contract.until import until

connected = pytest.mark.connected


@pytest.fixture
async def desk(postgresql: Server, kafka: Server) -> AsyncIterator[KafkaDesk]:
    async with kafka_desk(postgresql, kafka) as desk:
        yield desk


def database_of(desk: KafkaDesk) -> PostgresDatabase:
    assert isinstance(desk.database, PostgresDatabase)
    return desk.database


async def blocks_of(desk: KafkaDesk) -> list[int]:
    """Return how many events each kept block holds."""
    table = desk.log.metadata.tables[kept.name_of(SERVICE)]
    rows = await desk.database.read(lambda tx: tx.rows(sa.select(table).order_by(table.c.id)))
    return [row["events"] for row in rows]


async def lose_everything(cluster: Cluster) -> None:
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
    desk: KafkaDesk,
) -> None:
    events = [blocked(n, n) for n in range(30)]
    await desk.publish(*events)
    reader = desk.reader()
    await desk.settle(reader)
    await desk.leave(reader)
    unread = [blocked(n, n) for n in range(30, 60)]
    await desk.publish(*unread)
    assert await desk.waiting_rows() == []
    assert sum(await blocks_of(desk)) == 60
    await lose_everything(desk.cluster)
    assert await desk.records(Topic.FOLLOW_UPS) == []
    back_to = await starts(desk.cluster, 10, 0)
    assert await read_again(database_of(desk), SERVICE, back_to) > 0
    assert await say_again(database_of(desk), desk.cluster, SERVICE, 10) == 60
    again = desk.reader()
    await desk.settle(again)
    done = Counter(await desk.done())
    assert set(done) == set(keys([*events, *unread])), "what nobody had read is not lost"
    assert all(done[key] == 1 for key in keys(unread))


@connected
async def test_what_is_kept_is_what_was_relayed_and_goes_after_its_time(desk: KafkaDesk) -> None:
    events = [blocked(n, n) for n in range(5)]
    await desk.publish(*events)
    before = await desk.records(Topic.FOLLOW_UPS)
    assert await say_again(database_of(desk), desk.cluster, SERVICE, 10) == 5
    after = await desk.records(Topic.FOLLOW_UPS)
    assert Counter((r.key, r.value, r.partition, r.headers) for r in after) == Counter(
        {(r.key, r.value, r.partition, r.headers): 2 for r in before}
    )
    session = await database_of(desk).session()
    table = desk.log.metadata.tables[kept.name_of(SERVICE)]
    assert await kept.sweep(session, table, 10) == 0
    assert await kept.sweep(session, table, 0) == len(await blocks_of(desk)) or not await blocks_of(desk)
    await session.close()
    assert await blocks_of(desk) == []


@connected
async def test_positions_go_back_to_the_first_event_of_the_time_and_no_further(desk: KafkaDesk) -> None:
    await desk.publish(*[blocked(n, n) for n in range(30)])
    reader = desk.reader()
    await desk.settle(reader)
    assert await read_again(database_of(desk), SERVICE, await starts(desk.cluster, 10, 10**13)) == 0
    back_to = await starts(desk.cluster, 10, 0)
    assert set(back_to.values()) == {0}
    assert await read_again(database_of(desk), SERVICE, back_to) > 0
    await desk.leave(reader)
    await desk.settle(desk.reader())
    assert set(Counter(await desk.done()).values()) == {2}, "without a natural key a repeat shows"


def test_one_copy_is_flushed_at_each_write_and_said_aloud() -> None:
    one, three = Cluster("x:1", replication=1), Cluster("x:1", replication=3)
    assert _wanted(one, Topic.TRIGGERS).topic_configs["flush.messages"] == "1"
    assert "flush.messages" not in _wanted(three, Topic.TRIGGERS).topic_configs
    said = single_copy_warning(one)
    assert said is not None
    assert "relay-again" in said
    assert single_copy_warning(three) is None


def test_the_copies_that_are_there_count_and_not_those_that_were_asked_for() -> None:
    asked = Cluster("x:1", replication=3)
    is_fine, said = copies_told(asked, {"a": Copies(3, is_flushed=False), "b": Copies(1, is_flushed=True)})
    assert is_fine
    assert "one copy" in said
    is_fine, said = copies_told(asked, {"a": Copies(1, is_flushed=True), "b": Copies(1, is_flushed=False)})
    assert not is_fine
    assert "not flushed at each write: b; set flush.messages=1 on them" in said
    assert copies_told(asked, {"a": Copies(2, is_flushed=False)}) == (True, "2 copies of each partition")
