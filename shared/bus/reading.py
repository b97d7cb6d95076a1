"""How far a service has read a topic: what must be known before acting on what is not in the log any more.

Under steady traffic some event is always on its way to us, so "read to the end" alone would never hold. So the log's
ends are noted from time to time: a partition counts as read once its position, as committed in the database, has
passed an end that is not older than our patience.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.bus import positions
from shared.bus.kafka_faults import LogUnavailable
from shared.bus.port import Holding, Partition, Source
from shared.db.ground import Ground
from shared.db.transaction import Transaction
from shared.db.unit_of_work import Units
from shared.events.topics import Topic

_LOOKS_KEPT = 8
_LOOKS_PER_PATIENCE = 5
_SOON_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Look:
    """Where the log ended at an instant."""

    at: datetime
    ends: Mapping[Partition, int]


class Reading:
    """How far this process has read one topic, for the people it looks after.

    Args:
        source: what the service reads from.
        units: of the service.
        ground: of the service; holds its positions.
        topic: whose events matter.
        patience: how long an event may have been in the log unread.
    """

    def __init__(self, source: Source, units: Units, ground: Ground, topic: Topic, patience: timedelta) -> None:
        self._source = source
        self._units = units
        self._ground = ground
        self._topic = topic
        self._patience = patience
        self._looks: deque[_Look] = deque(maxlen=_LOOKS_KEPT)
        self._unanswered_at: datetime | None = None
        """When the log last did not answer."""

    def holding(self) -> Holding:
        """Return whom this process looks after now."""
        return self._source.holding()

    async def look(self) -> float:
        """Note where the topic ends, unless that was noted a moment ago; return the seconds until the next look.

        Raises:
            LogUnavailable: the log does not answer; what was noted grows old meanwhile.
        """
        now = self._units.clock.now()
        pause = self._patience / _LOOKS_PER_PATIENCE
        if not (self._looks and self._looks[-1].ends and _is_within(pause, self._looks[-1].at, now)):
            if self._unanswered_at is not None and _is_within(pause, self._unanswered_at, now):
                raise LogUnavailable  # asking takes a while then, and whoever asks has other things to do
            since = await self._units.read(lambda db: positions.read(db, self._ground))
            try:
                self._looks.append(_Look(now, await self._source.ends(self._topic, since)))
            except LogUnavailable:
                self._unanswered_at = self._units.clock.now()
                raise
        return pause.total_seconds() if self._looks[-1].ends else _SOON_SECONDS

    async def read_to_the_end(self, db: Transaction, now: datetime) -> frozenset[int]:
        """Return the partitions that were read; asks for the positions in the transaction that acts on the answer."""
        read = await positions.read(db, self._ground)
        return frozenset(
            partition.number
            for look in self._looks
            if _is_within(self._patience, look.at, now)
            for partition, end in look.ends.items()
            if read.get(partition, 0) >= end
        )

    async def is_behind(self, db: Transaction, now: datetime) -> bool:
        """Return whether anything of ours has been unread for too long; before the first look nothing is known."""
        return bool(self._looks) and not self.holding().numbers <= await self.read_to_the_end(db, now)


def _is_within(patience: timedelta, at: datetime, now: datetime) -> bool:
    """Return whether an instant is no longer ago than that; of a clock that went back, nothing is known."""
    return timedelta() <= now - at <= patience
