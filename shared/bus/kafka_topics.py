"""The topics on a cluster: made once, never resized in passing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.bus.kafka_faults import LogUnavailable
from shared.bus.kafka_wire import MARKS_TOPIC, KafkaCluster
from shared.errors import ConfigurationFault
from shared.events.topics import RETENTION_DAYS, Topic

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""A webhook body may be 1 MiB and travels sealed and encoded."""
_REQUEST_MILLISECONDS = 15_000


async def create_topics(cluster: KafkaCluster) -> None:
    """Make the topics that are missing, and look that the others have the partitions everybody counts on.

    Raises:
        ConfigurationFault: a topic has another number of partitions, or the cluster refuses ours.
        LogUnavailable: the cluster cannot be reached now.
    """
    admin = _admin(cluster)
    try:
        await admin.start()
        response = await admin.create_topics([*(_wanted(cluster, topic) for topic in Topic), _marks(cluster)])
        for name, code, *said in response.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise ConfigurationFault(f"Kafka refuses to make the topic {name}: {for_code(code).__name__} {said}")
        for found in await admin.describe_topics([cluster.topic(topic) for topic in Topic]):
            if not found["error_code"]:
                cluster.check(found["topic"].removeprefix(cluster.prefix), found["partitions"])
    except (KafkaError, OSError) as problem:
        raise LogUnavailable(f"Kafka at {cluster.bootstrap}: {type(problem).__name__}") from problem
    finally:
        await admin.close()


async def topics_found(cluster: KafkaCluster) -> dict[str, int]:
    """Return how many partitions each of our topics has; 0 where it is missing. Nothing is changed.

    Raises:
        ConfigurationFault: a topic has another number of partitions.
        LogUnavailable: the cluster cannot be reached now.
    """
    admin = _admin(cluster)
    try:
        await admin.start()
        described = await admin.describe_topics([cluster.topic(topic) for topic in Topic])
        found = {each["topic"]: 0 if each["error_code"] else len(each["partitions"]) for each in described}
        for each in described:
            if not each["error_code"]:
                cluster.check(each["topic"].removeprefix(cluster.prefix), each["partitions"])
    except (KafkaError, OSError) as problem:
        raise LogUnavailable(f"Kafka at {cluster.bootstrap}: {type(problem).__name__}") from problem
    finally:
        await admin.close()
    return found


@dataclass(frozen=True, slots=True)
class Copies:
    """How safely one topic's events lie."""

    fewest: int
    """Copies of the partition that has the fewest."""
    is_flushed: bool
    """Whether each write is on the disk before it is acknowledged."""


async def copies_found(cluster: KafkaCluster) -> dict[str, Copies]:
    """Return how safely the events of each of our topics lie; one that is missing is left out.

    Raises:
        LogUnavailable: the cluster cannot be reached now.
    """
    admin = _admin(cluster)
    names = [cluster.topic(topic) for topic in Topic]
    try:
        await admin.start()
        described = [each for each in await admin.describe_topics(names) if not each["error_code"]]
        there = [ConfigResource(ConfigResourceType.TOPIC, each["topic"]) for each in described]
        told = await admin.describe_configs(there) if there else []
    except (KafkaError, OSError) as problem:
        raise LogUnavailable(f"Kafka at {cluster.bootstrap}: {type(problem).__name__}") from problem
    finally:
        await admin.close()
    flushed = {
        name
        for answer in told
        for _code, _said, _kind, name, settings in answer.resources
        if ("flush.messages", "1") in {(setting[0], setting[1]) for setting in settings}
    }
    return {
        each["topic"]: Copies(
            min((len(partition["replicas"]) for partition in each["partitions"]), default=0), each["topic"] in flushed
        )
        for each in described
    }


def copies_told(cluster: KafkaCluster, found: Mapping[str, Copies]) -> tuple[bool, str]:
    """Return whether the events lie safely enough, and what an operator should know of it."""
    fewest = min((each.fewest for each in found.values()), default=0)
    if fewest > 1:
        return True, f"{fewest} copies of each partition"
    warning = single_copy_warning(replace(cluster, replication=fewest)) or ""
    open_ = sorted(name for name, each in found.items() if each.fewest <= 1 and not each.is_flushed)
    if open_:
        return False, f"{warning}; not flushed at each write: {', '.join(open_)}; set flush.messages=1 on them"
    return True, warning


def _admin(cluster: KafkaCluster) -> AIOKafkaAdminClient:
    """Return a client that asks about topics."""
    return AIOKafkaAdminClient(
        bootstrap_servers=cluster.bootstrap,
        client_id="followup-topics",
        request_timeout_ms=_REQUEST_MILLISECONDS,
        retry_backoff_ms=100,
        metadata_max_age_ms=300_000,
        **cluster.access,
    )


def _wanted(cluster: KafkaCluster, topic: Topic) -> NewTopic:
    """Return a topic as it should be."""
    return NewTopic(
        name=cluster.topic(topic),
        num_partitions=cluster.partitions,
        replication_factor=cluster.replication,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": str(timedelta(days=RETENTION_DAYS) // timedelta(milliseconds=1)),
            "max.message.bytes": str(MAX_RECORD_BYTES),
            "min.insync.replicas": str(max(1, cluster.replication - 1)),
            **_durable(cluster),
        },
    )


def _durable(cluster: KafkaCluster) -> dict[str, str]:
    """Return what a topic with a single copy needs besides: its broker acknowledges nothing that is not on its disk."""
    return {"flush.messages": "1"} if cluster.replication == 1 else {}


def single_copy_warning(cluster: KafkaCluster) -> str | None:
    """Return what an operator of a log with a single copy must know; None where there are several."""
    if cluster.replication > 1:
        return None
    return (
        "topics have one copy (FOLLOWUP_KAFKA_REPLICATION=1): losing that broker's disk loses events that were "
        "answered 2xx; the last minutes are kept in PostgreSQL, and `followup relay-again` relays them once more"
    )


def _marks(cluster: KafkaCluster) -> NewTopic:
    """Return the topic of the marks: only the newest of each service matters, and an hour of them is kept at most."""
    return NewTopic(
        name=cluster.topic(MARKS_TOPIC),
        num_partitions=1,
        replication_factor=cluster.replication,
        topic_configs={
            "cleanup.policy": "compact,delete",
            "retention.ms": str(timedelta(hours=1) // timedelta(milliseconds=1)),
            "segment.ms": str(timedelta(minutes=10) // timedelta(milliseconds=1)),
            "min.insync.replicas": str(max(1, cluster.replication - 1)),
        },
    )
