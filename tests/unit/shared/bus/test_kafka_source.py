"""What a member of the group does while it has nothing to read."""

import asyncio
from typing import Any, cast

from shared.bus.kafka_client import KafkaConsumer, TopicPartition
from shared.bus.kafka_source import KafkaSource
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.port import Partition, Poll
from shared.events.topics import Topic


class ConsumerOfOneTopic:
    """Knows the follow-ups' topic, and pauses nothing."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def pause(self, *places: TopicPartition) -> None: ...


async def test_a_member_without_partitions_does_not_hold_the_event_loop_and_awaits_the_groups_next_decision() -> None:
    source = KafkaSource(KafkaCluster("127.0.0.1:1", 1), "tester", ["follow-up.blocked"])
    source._consumer = cast("KafkaConsumer", cast("Any", ConsumerOfOneTopic()))
    source.assigned([])
    poll = asyncio.ensure_future(source.poll({}, 10, 0))
    await asyncio.sleep(0)
    assert not poll.done(), "a reader that polls without a pause would freeze the process"
    source.assigned([TopicPartition(Topic.FOLLOW_UPS, 0)])
    assert await poll == Poll((), {})
    assert await source.partitions() == {Partition(Topic.FOLLOW_UPS, 0)}
