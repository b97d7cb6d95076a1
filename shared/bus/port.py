"""The law of the log, whoever keeps it.

A log has partitions; within one, messages have rising offsets and are handed out in that order with no gap.
A message is handed out again after every restart until a position past it was committed: the position is a
row in the consumer's own database, moved in the same transaction as the work. So effects are exactly once
per offset, and handlers may still meet a *fact* twice (published twice under two offsets).
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
    """One event as the log holds it; it changes by nothing but remembering what it holds."""

    partition: Partition
    offset: int
    type: str
    recipient_id: RecipientId
    body: bytes
    _event: Event | None = field(default=None, init=False, repr=False, compare=False)

    def meaning(self, event: Event | None) -> "Message":
        """Return this message, which now knows the event it holds where one is given."""
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
    """What one look at the log brought, and the positions that stand for having done all of it."""

    messages: Sequence[Message]
    next_offsets: Mapping[Partition, int]


class Key(NamedTuple):
    """Whom an event in the log is about."""

    partition: Partition
    offset: int
    recipient_id: RecipientId
    body: bytes = b""
    """The event itself; only of the last key of each partition in an answer."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which people this process looks after now: those of these partitions, of so many."""

    numbers: frozenset[int]
    of: int

    @property
    def share(self) -> float:
        """The part of everybody that is, and so of every sender number's rate."""
        return len(self.numbers) / self.of


class Source(Protocol):
    """One consumer group's view of the log."""

    async def partitions(self) -> frozenset[Partition]:
        """Return the partitions this process reads now."""
        ...

    async def poll(self, positions: Mapping[Partition, int], limit: int, linger_seconds: float) -> Poll:
        """Wait until there is something past `positions`, linger for company, and return up to `limit` messages.

        Returns an empty poll after about a second of silence, so that the caller can look around.
        """
        ...

    def holding(self) -> Assignment:
        """Return whom this process looks after now: nobody while the group settles."""
        ...

    async def ends(self, topics: Sequence[str], since: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the offset after the newest event of these topics, for each partition that this process reads.

        Args:
            topics: whose events count.
            since: up to where each partition is known; what stands before need not be looked at.
        """
        ...

    async def keys(
        self, topics: Sequence[str], spans: Mapping[Partition, tuple[int, int]], limit: int
    ) -> tuple[list[Key], dict[Partition, int]]:
        """Return whom the events in these spans of the log are about, and up to where each span was looked at.

        Nothing is handed out by it, and no position moves. About `limit` events are looked at, in the order of their
        offsets; the rest of a span is asked for again.

        Raises:
            LogUnavailable: the log does not answer.
        """
        ...

    async def close(self) -> None:
        """Leave the group and stop reading."""
        ...
