"""The topics on a cluster: created once, and never resized."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.bus.kafka_client import KafkaAdmin, TopicWanted
from shared.bus.kafka_wire import MARKS_TOPIC, KafkaCluster
from shared.errors import ConfigurationFault
from shared.events.topics import RETENTION_DAYS, Topic

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""A webhook body may be 1 MiB, and is sealed and encoded in an event."""


async def create_topics(cluster: KafkaCluster) -> None:
    """Create the topics that are missing, and check that the others have the expected partitions.

    Raises:
        ConfigurationFault: a topic has another number of partitions, or the cluster refuses to create one.
        LogUnavailable: the cluster cannot be reached now.
    """
    async with KafkaAdmin(cluster) as admin:
        refused = await admin.create([*(_wanted(cluster, topic) for topic in Topic), _marks(cluster)])
        if refused:
            name, error, said = refused[0]
            raise ConfigurationFault(f"Kafka refuses to create the topic {name}: {error} {said}")
        _checked(cluster, await admin.copies([cluster.topic(topic) for topic in Topic]))


async def topics_found(cluster: KafkaCluster) -> dict[str, int]:
    """Return how many partitions each topic of ours has; 0 if it is missing. Nothing is changed.

    Raises:
        ConfigurationFault: a topic has another number of partitions.
        LogUnavailable: the cluster cannot be reached now.
    """
    names = [cluster.topic(topic) for topic in Topic]
    async with KafkaAdmin(cluster) as admin:
        found = _checked(cluster, await admin.copies(names))
    return {name: len(found.get(name, ())) for name in names}


def _checked(cluster: KafkaCluster, found: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
    """Return the copies of each topic's partitions, having seen that there are as many partitions as expected."""
    for name, copies in found.items():
        cluster.check(name.removeprefix(cluster.prefix), len(copies))
    return found


@dataclass(frozen=True, slots=True)
class Copies:
    """How safely one topic's events are stored."""

    fewest: int
    """Copies of the partition that has the fewest."""
    is_flushed: bool
    """Whether each write is on the disk before it is acknowledged."""


async def copies_found(cluster: KafkaCluster) -> dict[str, Copies]:
    """Return how safely each topic's events are stored; a missing topic is left out.

    Raises:
        LogUnavailable: the cluster cannot be reached now.
    """
    async with KafkaAdmin(cluster) as admin:
        copies = await admin.copies([cluster.topic(topic) for topic in Topic])
        settings = await admin.settings([*copies])
    return {
        name: Copies(min(counts, default=0), settings.get(name, {}).get("flush.messages") == "1")
        for name, counts in copies.items()
    }


def describe_copies(cluster: KafkaCluster, found: Mapping[str, Copies]) -> tuple[bool, str]:
    """Return whether the events are stored safely enough, and what an operator should know about it."""
    fewest = min((each.fewest for each in found.values()), default=0)
    if fewest > 1:
        return True, f"{fewest} copies of each partition"
    warning = single_copy_warning(replace(cluster, replication=fewest)) or ""
    open_ = sorted(name for name, each in found.items() if each.fewest <= 1 and not each.is_flushed)
    if open_:
        return False, f"{warning}; not flushed at each write: {', '.join(open_)}; set flush.messages=1 on them"
    return True, warning


def _wanted(cluster: KafkaCluster, topic: Topic) -> TopicWanted:
    """Return a topic as it should be."""
    return TopicWanted(
        cluster.topic(topic),
        cluster.partitions,
        {
            "cleanup.policy": "delete",
            "retention.ms": str(timedelta(days=RETENTION_DAYS) // timedelta(milliseconds=1)),
            "max.message.bytes": str(MAX_RECORD_BYTES),
            "min.insync.replicas": str(max(1, cluster.replication - 1)),
            # A single copy reaches the disk before a write is acknowledged.
            **({"flush.messages": "1"} if cluster.replication == 1 else {}),
        },
    )


def single_copy_warning(cluster: KafkaCluster) -> str | None:
    """Return the warning for a log with a single copy; None if there are several."""
    if cluster.replication > 1:
        return None
    return (
        "topics have one copy (FOLLOWUP_KAFKA_REPLICATION=1): losing that broker's disk loses events that were "
        "answered 2xx; the last minutes are stored in PostgreSQL, and `followup relay-again` relays them once more"
    )


def _marks(cluster: KafkaCluster) -> TopicWanted:
    """Return the topic of the marks: only the newest of each service matters, and at most an hour of them is stored."""
    return TopicWanted(
        cluster.topic(MARKS_TOPIC),
        1,
        {
            "cleanup.policy": "compact,delete",
            "retention.ms": str(timedelta(hours=1) // timedelta(milliseconds=1)),
            "segment.ms": str(timedelta(minutes=10) // timedelta(milliseconds=1)),
            "min.insync.replicas": str(max(1, cluster.replication - 1)),
        },
    )
