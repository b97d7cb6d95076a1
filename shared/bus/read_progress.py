"""How far a service has read the events that may forbid a text, and which recipients have unread ones.

A look reads, in this order: up to when everything committed is in the log (the publishers' marks), the ends of the
assigned partitions, and which recipients the events between the positions and those ends are about. A text may then go
if its recipient is not among them. Under steady traffic some event is always on its way, so a look of a moment ago
counts; the positions are read in the transaction that acts on the answer.
"""

import math
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import orjson

from shared.bus import instruments, positions
from shared.bus.errors import LogUnavailable
from shared.bus.marks import HEARD_SECONDS, MARK_SECONDS, Marks, all_heard, all_in_log
from shared.bus.partitioning import partition_of
from shared.bus.port import Assignment, Key, Partition, Source
from shared.bus.unread_recipients import MOST_KEYS, UnreadRecipients
from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.events.topics import Topic
from shared.ids import RecipientId
from shared.telemetry.logs import logger

_LOOKS_KEPT = 16
_LOOKS_PER_PATIENCE = 5
_SOON_SECONDS = 0.5
_LEAST_SECONDS = 0.001
_KEYS_AT_ONCE = 5_000
_ROUNDS_PER_LOOK = 8
"""What does not fit into so many rounds is read at the next look, so that the caller is not blocked for long."""

log = logger(__name__)


class UnreadReason(StrEnum):
    """Why a text waits for events."""

    UNREAD = "unread_news"
    """An event about its own recipient is in the log and unread."""
    SOURCE_LAG = "source_lag"
    """What a publisher has committed may not be in the log yet, or the log could not be read."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What the log held at an instant."""

    at: float
    complete_before: float
    """Everything that publishers committed before this is below the ends."""
    ends: Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class UnreadEvents:
    """What is known in one transaction: which recipients have unread events, and how complete that is."""

    keys: UnreadRecipients
    positions: Mapping[Partition, int]
    partitions: Mapping[int, Collection[Partition]]
    """What this process reads, by number."""
    blind_seconds: Mapping[int, float]
    """For how long it has been unknown whether a partition number's recipients have unread events; 0: it is known."""
    of: int

    def why_waits(self, recipient_id: RecipientId, *, at_most_seconds: float = math.inf) -> UnreadReason | None:
        """Return why a text to this recipient must wait, or None.

        Args:
            recipient_id: of the text.
            at_most_seconds: how long a text waits while it is unknown whether there are unread events.
        """
        number = partition_of(recipient_id, self.of)
        if any(
            self.keys.is_unread(partition, recipient_id, self.positions.get(partition, 0))
            for partition in self.partitions.get(number, ())
        ):
            return UnreadReason.UNREAD
        blind = self.blind_seconds.get(number, _LEAST_SECONDS)
        return UnreadReason.SOURCE_LAG if blind and blind <= at_most_seconds else None

    @property
    def is_complete(self) -> bool:
        """Whether it is known of every recipient here whether there are unread events."""
        return not any(self.blind_seconds.values())


class ReadProgress:
    """How far this process has read some topics, for the recipients of its partitions.

    Args:
        source: what the service reads from.
        marks: up to when each publisher's events are in the log.
        units: of the service.
        system_tables: of the service; holds its positions.
        topics: of the events that matter.
        patience_seconds: how old a look may be.
        listeners: services that must have acted on their events before marketing may go.
        most_keys: how many recipients one partition may have unread.
    """

    def __init__(
        self,
        source: Source,
        marks: Marks,
        units: UnitOfWorkRunner,
        system_tables: SystemTables,
        topics: Collection[Topic],
        *,
        patience_seconds: float = MARK_SECONDS,
        listeners: Collection[str] = (),
        most_keys: int = MOST_KEYS,
    ) -> None:
        self._source = source
        self._marks = marks
        self._units = units
        self._system_tables = system_tables
        self._topics = tuple(topics)
        self._patience = patience_seconds
        self._listeners = tuple(listeners)
        self._keys = UnreadRecipients(most_keys)
        self._looks: deque[_Look] = deque(maxlen=_LOOKS_KEPT)
        self._unanswered_at = -math.inf
        """When the log last did not answer."""
        self._complete_at: dict[int, float] = {}
        """When it was last known of each partition number, or since when this process has looked."""

    def assignment(self) -> Assignment:
        """Return the partitions assigned to this process."""
        return self._source.assignment()

    async def look(self) -> float:
        """Look at the log, unless that was done a moment ago; return the seconds until the next look.

        Raises:
            LogUnavailable: the log does not answer; the last look grows old.
        """
        now = self._units.clock.monotonic()
        pause = min(1.0, self._patience / _LOOKS_PER_PATIENCE)
        if self._looks and self._looks[-1].ends and now - self._looks[-1].at < pause:
            return pause
        if now - self._unanswered_at < pause:
            raise LogUnavailable  # asking again takes long then
        try:
            await self._look(now)
        except LogUnavailable:
            self._unanswered_at = self._units.clock.monotonic()
            raise
        finally:
            self._measure()
        return pause if self._looks[-1].ends else _SOON_SECONDS

    async def unread(self, db: Transaction, read: Mapping[Partition, int] | None = None) -> UnreadEvents:
        """Return what is known now.

        Args:
            db: the transaction that acts on the answer.
            read: the positions that this transaction commits, if known; else they are read.
        """
        found = await positions.read(db, self._system_tables)
        if read is not None:
            found = {**found, **read}
        held = self._partitions()
        return UnreadEvents(self._keys, found, held, self._blind_seconds(found, held), self._source.assignment().of)

    def _blind_seconds(self, read: Mapping[Partition, int], held: Collection[int]) -> dict[int, float]:
        """Return for each partition number how long it has been unknown whether there are unread events."""
        now = self._units.clock.monotonic()
        is_heard = now - all_heard(self._marks, self._listeners) <= HEARD_SECONDS
        complete = self._complete(read, now) if is_heard else frozenset()
        self._complete_at = {
            number: now if number in complete else self._complete_at.get(number, now) for number in held
        }
        return {
            number: 0.0 if number in complete else max(_LEAST_SECONDS, now - since)
            for number, since in self._complete_at.items()
        }

    async def _look(self, now: float) -> None:
        """Read marks, then ends, then keys: never in another order."""
        complete_before = all_in_log(self._marks)
        read = await self._units.read(lambda db: positions.read(db, self._system_tables))
        self._keys.read(read)
        since = {partition: max(at, self._keys.looked_to(partition)) for partition, at in read.items()}
        ends = await self._source.ends(self._topics, since)
        self._keys.hold(ends)
        self._keys.read(read)
        self._looks.append(_Look(now, complete_before, ends))
        for _ in range(_ROUNDS_PER_LOOK):
            spans = {
                partition: (self._keys.looked_to(partition), end)
                for partition, end in ends.items()
                if self._keys.looked_to(partition) < end and not self._keys.is_full(partition)
            }
            if not spans:
                break
            keys, reached = await self._source.keys(self._topics, spans, _KEYS_AT_ONCE)
            self._note(keys)
            for partition, offset in reached.items():
                self._keys.looked(partition, offset)

    def _note(self, keys: Collection[Key]) -> None:
        """Record keys; log the merchant of the last one if a partition has too many."""
        for key in keys:
            self._keys.note(key.partition, key.offset, key.recipient_id)
        for key in keys:
            if key.body and self._keys.is_full(key.partition):
                log.error(
                    "too_much_unread",
                    service=self._system_tables.service,
                    partition=key.partition.number,
                    merchant=_merchant_of(key.body),
                    effect="no text to recipients of this partition goes before its events are read",
                )

    def _complete(self, read: Mapping[Partition, int], now: float) -> frozenset[int]:
        """Return the partition numbers of which everything that may count was read or looked at, a moment ago."""
        found: set[int] = set()
        for look in self._looks:
            if now - look.at > self._patience or now - look.complete_before > MARK_SECONDS:
                continue
            behind = {
                partition.number
                for partition, end in look.ends.items()
                if max(read.get(partition, 0), self._keys.looked_to(partition)) < end
            }
            found |= {partition.number for partition in look.ends} - behind
        return frozenset(found)

    def _partitions(self) -> dict[int, list[Partition]]:
        """Return the partitions looked at, by number, without those assigned to another process now."""
        numbers = self._source.assignment().numbers
        found: dict[int, list[Partition]] = {number: [] for number in numbers}
        for partition in self._looks[-1].ends if self._looks else ():
            if partition.number in found:
                found[partition.number].append(partition)
        return found

    def _measure(self) -> None:
        """Set the metrics."""
        instruments.UNREAD.labels(self._system_tables.service).set(self._keys.count())
        late = self._units.clock.monotonic() - min(all_in_log(self._marks), self._units.clock.monotonic())
        instruments.SOURCE_LAG.labels(self._system_tables.service).set(min(late, instruments.LONGEST_LAG_SECONDS))


def _merchant_of(body: bytes) -> str:
    """Return the merchant of an event, as far as can be read."""
    try:
        return str(orjson.loads(body)["merchant_id"])
    except (ValueError, TypeError, KeyError):
        return "unreadable"
