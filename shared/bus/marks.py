"""Marks: up to when each publisher's events are in the log.

What was answered 2xx is in its publisher's outbox until the relay has taken it to the log. A consumer that has read the
log to its end has therefore not read everything: a relay may be frozen, a whole service away, a backlog long. So each
publisher states about once a second: *everything I committed before T is in the log*. A consumer that has a mark T of
every publisher, then asks for the ends of its partitions and reads to them, has read everything committed before T.

A service that acts on what others publish also states: *I have read everything that was committed before H, and what
follows from it is in the log too*. So the last in a chain knows how far the first has come.

A mark stays true for ever, whichever process writes it and when: the mark of a relay that was frozen is old, not wrong.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import orjson

from shared.unix_time import instant, microseconds

PUBLISHERS: Final = frozenset({"ingest", "compliance", "sender"})
"""Whose events may forbid a text: orders and opt-outs, the ledger, replies."""
MARK_SECONDS: Final = 5.0
"""Marketing waits while what a publisher committed may have been outside the log for longer (promise P6)."""
HEARD_SECONDS: Final = 10.0
"""Marketing also waits while the scheduler or the ledger may not have acted on events for longer than this."""


@dataclass(frozen=True, slots=True)
class PublisherMark:
    """One publisher's statement."""

    publisher: str
    at: datetime
    """By its database's clock: everything it had committed before is in the log."""
    heard: datetime | None = None
    """It has read everything that others had committed before, and what follows from that is in the log."""
    lost: datetime | None = None
    """When it last noticed that the log had lost acknowledged events."""


class Marks(Protocol):
    """The newest mark of every publisher, on this process's own monotonic clock."""

    def in_log(self, publisher: str) -> float:
        """Return the instant before which everything a publisher committed is in the log; -inf if unknown."""
        ...

    def heard(self, service: str) -> float:
        """Return the instant before which a service has read everything and published what follows; -inf if unknown."""
        ...


class AlwaysInLog:
    """The marks of a log that publishers append to in their own transactions: it is never behind them."""

    def in_log(self, publisher: str) -> float:  # noqa: ARG002 - the same for all
        """Return the end of time."""
        return math.inf

    def heard(self, service: str) -> float:  # noqa: ARG002 - the same for all
        """Return the end of time."""
        return math.inf


def all_in_log(marks: Marks, publishers: Collection[str] = PUBLISHERS) -> float:
    """Return the instant before which everything that these committed is in the log."""
    return min((marks.in_log(each) for each in publishers), default=math.inf)


def all_heard(marks: Marks, services: Collection[str]) -> float:
    """Return the instant before which all of these have read everything."""
    return min((marks.heard(each) for each in services), default=math.inf)


def packed(mark: PublisherMark) -> bytes:
    """Return a mark as the log holds it."""
    heard = None if mark.heard is None else microseconds(mark.heard)
    lost = None if mark.lost is None else microseconds(mark.lost)
    return orjson.dumps({"publisher": mark.publisher, "at": microseconds(mark.at), "heard": heard, "lost": lost})


def unpacked(body: bytes | None) -> PublisherMark | None:
    """Return the mark that a record holds; None if it holds none, and so is not ours."""
    try:
        found = orjson.loads(body or b"")
        publisher, at, heard, lost = found["publisher"], found["at"], found.get("heard"), found.get("lost")
        if not isinstance(publisher, str):
            return None
        return PublisherMark(
            publisher,
            instant(at),
            None if heard is None else instant(heard),
            None if lost is None else instant(lost),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
