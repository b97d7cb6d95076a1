"""Marks: what each publisher says of how far its news has come.

What was answered 2xx lies in its publisher's outbox until the relay has taken it to the log. Whoever reads the log to
its end has therefore not read everything: a relay may be frozen, a whole service away, a backlog long. So each
publisher says about once a second: *everything I committed before T is in the log*. Whoever holds a mark T of every
publisher, then asks for the ends of its partitions and reads to them, has read everything committed before T.

A service that acts on what others publish also says: *everything that was committed before H I have read, and what
follows from it is in the log too*. So the last in a chain knows of the first.

A mark stays true for ever, whoever writes it and when: what a relay says that was frozen meanwhile is old, not wrong.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import orjson

from shared.unix_time import instant, microseconds

PUBLISHERS: Final = frozenset({"ingest", "compliance", "sender"})
"""Whose news may speak against a text: orders and opt-outs, the ledger, replies."""
MARK_SECONDS: Final = 5.0
"""Marketing waits while what a publisher committed may have been outside the log for longer (promise P6)."""
HEARD_SECONDS: Final = 10.0
"""Marketing also waits while the scheduler or the ledger may not have acted for longer on what they were told."""


@dataclass(frozen=True, slots=True)
class PublisherMark:
    """One publisher's word."""

    publisher: str
    at: datetime
    """By the clock of its database: everything it had committed before is in the log."""
    heard: datetime | None = None
    """Everything others had committed before it has read, and what follows from that is in the log."""
    lost: datetime | None = None
    """When it last noticed that the log had lost what it had acknowledged."""


class Marks(Protocol):
    """The newest word of every publisher, on this process's own monotonic clock: two clocks are compared once."""

    def in_log(self, publisher: str) -> float:
        """Return the instant before which everything a publisher committed is in the log; -inf: not known."""
        ...

    def heard(self, service: str) -> float:
        """Return the instant before which a service has heard everything and said what follows; -inf: not known."""
        ...


class NothingToRelay:
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
    """Return the instant before which all of these have heard everything."""
    return min((marks.heard(each) for each in services), default=math.inf)


def packed(mark: PublisherMark) -> bytes:
    """Return a mark as the log holds it."""
    heard = None if mark.heard is None else microseconds(mark.heard)
    lost = None if mark.lost is None else microseconds(mark.lost)
    return orjson.dumps({"publisher": mark.publisher, "at": microseconds(mark.at), "heard": heard, "lost": lost})


def unpacked(body: bytes | None) -> PublisherMark | None:
    """Return the mark that a record holds; None where it holds none: then it is not one of ours."""
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
