"""What a service may rely on when it reads the log; `local` and `kafka_source` implement it.

A log has partitions; within one, messages have rising offsets and are handed out in that order with no gap.
A message is handed out again after every restart until a position past it was committed: the position is a
row in the consumer's own database, moved in the same transaction as the work. So effects are exactly once
per offset, and handlers may still meet a *fact* twice (published twice under two offsets).

The faults are those of `shared.bus.errors`, and `ConfigurationFault`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from shared.events.envelope import Event, decode
from shared.ids import RecipientId

Kind: TypeAlias = type[Event]


class Partition(NamedTuple):
    """One ordered part of a topic."""

    topic: str
    number: int


@dataclass(slots=True)
class Message:
    """One event as the log holds it; the decoded event is remembered, nothing else changes."""

    partition: Partition
    offset: int
    type: str
    recipient_id: RecipientId
    body: bytes
    _event: Event | None = field(default=None, init=False, repr=False, compare=False)

    def meaning(self, event: Event | None) -> "Message":
        """Remember the decoded event, where one is given, and return this message."""
        if event is not None:
            self._event = event
        return self

    def event(self, kind: Kind) -> Event:
        """Return the event of this type that the body holds; decoded once for all who share this message.

        Raises:
            Undecodable: the body does not fit the model.
        """
        event = self._event
        if event is None:
            event = decode(kind, self.body)
            self.meaning(event)
        return event


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll returned, and the positions to commit once all of it is handled."""

    messages: Sequence[Message]
    next_offsets: Mapping[Partition, int]


class Key(NamedTuple):
    """Which recipient an event in the log is about."""

    partition: Partition
    offset: int
    recipient_id: RecipientId
    body: bytes = b""
    """The event itself; only of the last key of each partition in an answer."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The partitions assigned to this process, of how many there are."""

    numbers: frozenset[int]
    of: int

    @property
    def share(self) -> float:
        """The assigned part of all recipients, and so of every sender number's rate."""
        return len(self.numbers) / self.of


class Source(Protocol):
    """One consumer group's view of the log."""

    async def partitions(self) -> frozenset[Partition]:
        """Return the partitions this process reads now; empty during a rebalance.

        Raises:
            LogUnavailable: the log cannot be reached now.
        """
        ...

    async def poll(self, positions: Mapping[Partition, int], limit: int, linger_seconds: float) -> Poll:
        """Wait until there is something past `positions`, linger for more, and return up to `limit` messages.

        Returns an empty poll after about a second in which nothing came, so that the caller is never blocked for long.

        Raises:
            LogUnavailable: the log does not answer; nothing is lost.
            LogShortened: the log ends before a position.
            ConfigurationFault: a topic has another number of partitions than this process expects.
            ConsumerStalled: events wait, and none arrives.
            DatabaseUnavailable: the log is in the database, which is away.
        """
        ...

    def assignment(self) -> Assignment:
        """Return the partitions assigned to this process; none during a rebalance."""
        ...

    async def ends(self, topics: Sequence[str], since: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the offset after the newest event of these topics, for each partition that this process reads.

        Args:
            topics: of the events that count.
            since: up to where each partition is known; what lies before need not be read.

        Raises:
            LogUnavailable: the log does not answer.
            DatabaseUnavailable: the log is in the database, which is away.
        """
        ...

    async def keys(
        self, topics: Sequence[str], spans: Mapping[Partition, tuple[int, int]], limit: int
    ) -> tuple[list[Key], dict[Partition, int]]:
        """Return which recipients the events in these spans are about, and up to where each span was read.

        No event is handed out and no position moves. About `limit` events are read, in the order of their offsets; the
        caller asks again for the rest of a span.

        Raises:
            LogUnavailable: the log does not answer.
            DatabaseUnavailable: the log is in the database, which is away.
        """
        ...

    async def close(self) -> None:
        """Leave the group and stop reading."""
        ...
