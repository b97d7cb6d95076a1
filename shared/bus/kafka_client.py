"""What the bus uses of aiokafka, with types: the only module that imports the library, which has none.

The library's objects come back as the protocols below, its errors as `LogUnavailable` inside `reported`.
"""
# ruff: noqa: D102 - the methods of the protocols do what the library documents

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, OffsetAndMetadata
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.helpers import create_ssl_context
from aiokafka.protocol.group import LeaveGroupRequest

from shared.bus.errors import LogUnavailable
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.port import Partition
from shared.telemetry.logs import logger

if TYPE_CHECKING:

    class TopicPartition(NamedTuple):
        """One ordered part of a topic, under its name on the cluster."""

        topic: str
        partition: int
else:
    from aiokafka import TopicPartition

__all__ = [
    "FAILURES",
    "ClientProducer",
    "FetchedRecord",
    "IllegalStateError",
    "KafkaAdmin",
    "KafkaConsumer",
    "MessageSizeTooLargeError",
    "TopicPartition",
]

FAILURES: tuple[type[BaseException], ...] = (KafkaError, OSError)
"""What a cluster that is away, or that refuses, raises in any call."""
_ADMIN_MILLISECONDS = 15_000
_LEAVE_SECONDS = 1.0
"""How long leaving may take: a process that ends must not wait for a cluster that is away."""

log = logger(__name__)


class FetchedRecord(Protocol):
    """One record, as it was fetched."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class OffsetAndTime(Protocol):
    """The first offset at or after an instant."""

    offset: int


class KafkaConsumer(Protocol):
    """A connected consumer."""

    def assign(self, places: Sequence[TopicPartition]) -> None: ...
    def pause(self, *places: TopicPartition) -> None: ...
    def resume(self, *places: TopicPartition) -> None: ...
    def seek(self, place: TopicPartition, offset: int) -> None: ...
    def highwater(self, place: TopicPartition) -> int | None: ...
    def partitions_for_topic(self, topic: str) -> set[int] | None: ...
    async def seek_to_end(self, *places: TopicPartition) -> object: ...
    async def position(self, place: TopicPartition) -> int: ...
    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]: ...
    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]: ...
    async def offsets_for_times(
        self, times: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndTime | None]: ...
    async def getmany(
        self, *places: TopicPartition, timeout_ms: int, max_records: int | None = None
    ) -> dict[TopicPartition, list[FetchedRecord]]: ...
    async def stop(self) -> None: ...


class RecordPosition(Protocol):
    """Where the log put a record."""

    partition: int
    offset: int


class ClientProducer(Protocol):
    """A connected producer."""

    async def partitions_for(self, topic: str) -> set[int]: ...
    async def send(
        self, topic: str, *, value: bytes, key: bytes, partition: int, headers: Sequence[tuple[str, bytes]]
    ) -> "asyncio.Future[RecordPosition]": ...
    async def send_and_wait(self, topic: str, *, value: bytes, key: bytes, partition: int) -> RecordPosition: ...


@contextmanager
def reported(cluster: KafkaCluster | None = None) -> Iterator[None]:
    """Raise what the client library raises inside the block as the log's own fault, which names the cluster if given.

    Raises:
        LogUnavailable: the cluster is away, did not answer in time, or refuses.
    """
    try:
        yield
    except FAILURES as problem:
        raise unavailable(problem, cluster) from problem


def unavailable(problem: BaseException, cluster: KafkaCluster | None = None) -> LogUnavailable:
    """Return the fault for what the client library raised."""
    return LogUnavailable(f"Kafka{f' at {cluster.bootstrap}' if cluster else ''}: {type(problem).__name__}")


def is_retriable(problem: BaseException) -> bool:
    """Return whether the library's connection outlives this error; a socket's error always passes."""
    return not isinstance(problem, KafkaError) or bool(problem.retriable)


def tls(ca: Path | None, certificate: Path | None, key: Path | None) -> SSLContext:
    """Return a TLS context from PEM files, the system's authorities where no `ca` is given.

    Raises:
        OSError: a file cannot be read, or holds nothing usable (`ssl.SSLError`).
    """
    given = {"cafile": ca, "certfile": certificate, "keyfile": key}
    return cast("SSLContext", create_ssl_context(**{name: path and str(path) for name, path in given.items()}))


def places_of(cluster: KafkaCluster, topics: Iterable[str]) -> dict[TopicPartition, Partition]:
    """Return every partition of these topics, by its name on the cluster."""
    return {
        TopicPartition(cluster.topic(topic), number): Partition(topic, number)
        for topic in topics
        for number in range(cluster.partitions)
    }


async def lone_consumer(cluster: KafkaCluster, **options: Any) -> KafkaConsumer:
    """Return a connected consumer that is in no group, with nothing assigned.

    Args:
        cluster: where the log is.
        options: further ones of `AIOKafkaConsumer`.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.bootstrap, group_id=None, enable_auto_commit=False, **options, **cluster.access
    )
    return cast("KafkaConsumer", await _started(consumer))


async def group_member(
    cluster: KafkaCluster,
    topics: Sequence[str],
    assigned: Callable[[Iterable[TopicPartition]], None],
    revoked: Callable[[], None],
    **options: Any,
) -> KafkaConsumer:
    """Return a connected consumer that joins a group, which gives it the same partitions of every topic.

    Args:
        cluster: where the log is.
        topics: their names on the cluster.
        assigned: called with the whole new assignment.
        revoked: called before each new assignment; all partitions go.
        options: further ones of `AIOKafkaConsumer`.

    Raises:
        LogUnavailable: the cluster cannot be reached now.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.bootstrap,
        enable_auto_commit=False,
        partition_assignment_strategy=(RangePartitionAssignor,),
        **options,
        **cluster.access,
    )
    try:
        with reported(cluster):
            await consumer.start()
    except BaseException:
        await leave(consumer)
        raise
    consumer.subscribe(topics, listener=_Listener(assigned, revoked))
    return cast("KafkaConsumer", consumer)


async def refresh_topics(consumer: KafkaConsumer, seconds: float) -> None:
    """Ask the cluster anew which partitions the subscribed topics have, and wait no longer than this for the answer."""
    client: Any = cast("Any", consumer)._client  # noqa: SLF001 - there is no public way
    await asyncio.wait([client.force_metadata_update()], timeout=seconds)


async def commit(consumer: KafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit offsets to the group."""
    await cast("Any", consumer).commit({place: OffsetAndMetadata(offset, "") for place, offset in offsets.items()})


async def leave(consumer: KafkaConsumer, *, is_named: bool = False) -> None:
    """Leave the group and disconnect, or give up after a moment: the group notices by itself.

    With a cluster that is away the library's `stop` hangs, or ends in a cancellation that nothing asked for, and leaves
    its connections behind: so each part is a task of its own, and there is no public way to the second. Nor does it
    ever leave for a member with a name: its partitions would wait for the end of its session.
    """
    library: Any = consumer
    goodbye = (partial(_leave_group, library),) if is_named else ()
    for leaving in (*goodbye, library.stop, library._client.close):  # noqa: SLF001 - see above
        task = asyncio.ensure_future(leaving())
        done, _ = await asyncio.wait([task], timeout=_LEAVE_SECONDS)
        if not done:
            task.cancel()
            await asyncio.wait([task], timeout=_LEAVE_SECONDS)
        if task.done() and (task.cancelled() or task.exception() is not None):
            log.debug("not_left", error="CancelledError" if task.cancelled() else type(task.exception()).__name__)


async def stop_within(consumer: KafkaConsumer, seconds: float) -> None:
    """Disconnect a consumer that is in no group, and wait no longer than this for it."""
    await asyncio.wait([asyncio.ensure_future(consumer.stop())], timeout=seconds)


async def idempotent_producer(cluster: KafkaCluster, **options: Any) -> ClientProducer:
    """Return a connected producer whose records every replica in sync acknowledges, in order and once.

    Without Kafka transactions: the library speaks only their first version, which does not fence.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap,
        acks="all",
        enable_idempotence=True,
        transactional_id=None,
        **options,
        **cluster.access,
    )
    return cast("ClientProducer", await _started(producer))


async def abandon(producer: ClientProducer) -> None:
    """Disconnect a producer and give up what it has not delivered: stopping must not wait for a cluster that is away.

    There is no public way: `stop` flushes first, and for an idempotent producer a flush has no limit.
    """
    library: Any = producer
    sender = library._sender  # noqa: SLF001 - see above
    if sender is not None and (task := sender.sender_task) is not None:
        task.cancel()
        await asyncio.wait([task])
        library._message_accumulator.fail_all(KafkaTimeoutError())  # noqa: SLF001 - see above
    await library.stop()


class TopicWanted(NamedTuple):
    """A topic as it should be."""

    name: str
    partitions: int
    configuration: Mapping[str, str]


class TopicRefused(NamedTuple):
    """Why the cluster did not create a topic."""

    name: str
    error: str
    said: Sequence[object]


class KafkaAdmin:
    """Asks a cluster about topics and creates them; a context manager that connects.

    Every call raises `LogUnavailable` while the cluster cannot be reached.
    """

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster
        self._client: Any = AIOKafkaAdminClient(
            bootstrap_servers=cluster.bootstrap,
            client_id="followup-topics",
            request_timeout_ms=_ADMIN_MILLISECONDS,
            retry_backoff_ms=100,
            metadata_max_age_ms=300_000,
            **cluster.access,
        )

    async def __aenter__(self) -> Self:
        try:
            with reported(self._cluster):
                await self._client.start()
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def create(self, topics: Iterable[TopicWanted]) -> list[TopicRefused]:
        """Create the topics that are missing; return those the cluster refused."""
        wanted = [
            NewTopic(
                name=topic.name,
                num_partitions=topic.partitions,
                replication_factor=self._cluster.replication,
                topic_configs=dict(topic.configuration),
            )
            for topic in topics
        ]
        with reported(self._cluster):
            response = await self._client.create_topics(wanted)
        return [
            TopicRefused(name, for_code(code).__name__, said)
            for name, code, *said in response.topic_errors
            if code and for_code(code) is not TopicAlreadyExistsError
        ]

    async def copies(self, topics: Sequence[str]) -> dict[str, list[int]]:
        """Return how many copies each partition of each topic has; a topic that is missing is left out."""
        with reported(self._cluster):
            described = await self._client.describe_topics(topics)
        return {
            each["topic"]: [len(partition["replicas"]) for partition in each["partitions"]]
            for each in described
            if not each["error_code"]
        }

    async def settings(self, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the configuration of each topic."""
        if not topics:
            return {}
        with reported(self._cluster):
            answers = await self._client.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
            )
        return {
            name: {setting[0]: setting[1] for setting in settings}
            for answer in answers
            for _code, _said, _kind, name, settings in answer.resources
        }


async def _started(client: Any) -> Any:
    """Return a client, connected; it is stopped again where that fails."""
    try:
        await client.start()
    except BaseException:
        await client.stop()
        raise
    return client


async def _leave_group(consumer: Any) -> None:
    """Announce that a member with a name does not come back: the group knows it by its member id too."""
    coordinator = consumer._coordinator  # noqa: SLF001 - there is no public way
    if coordinator is not None and coordinator.generation > 0:
        await coordinator._send_req(LeaveGroupRequest(coordinator.group_id, coordinator.member_id))  # noqa: SLF001 - no public way to leave


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # the library is untyped
    """Passes the group's decisions on, in our event loop."""

    def __init__(self, assigned: Callable[[Iterable[TopicPartition]], None], revoked: Callable[[], None]) -> None:
        self._assigned = assigned
        self._revoked = revoked

    def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002 - the whole assignment goes each time
        self._revoked()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._assigned(assigned)
