"""Whether the triggers that could cancel what is due now have been read (promise P6).

Under steady traffic some trigger is always on its way to us, so "read to the end" alone would never release anything.
So the log's ends are noted from time to time: a partition counts as read once its position, as committed in the
database, has passed an end that is at most a second old. A trigger acknowledged five seconds before a text is due is
in the log by then and so has been read, or nothing of its partition is released.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.scheduler.schema import ground
from services.scheduler.settings import SchedulerSettings
from shared.bus import positions
from shared.bus.port import Holding, Partition, Source
from shared.clock import Clock
from shared.db.transaction import Transaction
from shared.db.unit_of_work import Units
from shared.events.topics import Topic

_LOOKS_KEPT = 8
_LOOKS_PER_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class _Look:
    """Where the log ended at an instant."""

    at: datetime
    ends: Mapping[Partition, int]


class Reading:
    """How far this process has read the triggers of the people it looks after."""

    def __init__(self, source: Source, units: Units, settings: SchedulerSettings) -> None:
        self._source = source
        self._units = units
        self._clock: Clock = units.clock
        self._patience = timedelta(seconds=settings.unread_trigger_seconds)
        self._looks: deque[_Look] = deque(maxlen=_LOOKS_KEPT)

    def holding(self) -> Holding:
        """Return whom this process looks after now."""
        return self._source.holding()

    async def look(self) -> None:
        """Note where the triggers end, unless that was noted a moment ago.

        Raises:
            LogUnavailable: the log does not answer; nothing is released while it is silent.
        """
        now = self._clock.now()
        if self._looks and _is_within(self._patience / _LOOKS_PER_PATIENCE, self._looks[-1].at, now):
            return
        since = await self._units.read(lambda db: positions.read(db, ground))
        self._looks.append(_Look(now, await self._source.ends(Topic.TRIGGERS, since)))

    async def read_to_the_end(self, db: Transaction, now: datetime) -> frozenset[int]:
        """Return the partitions whose texts may be released now; reads the positions in the releasing transaction."""
        read = await positions.read(db, ground)
        return frozenset(
            partition.number
            for look in self._looks
            if _is_within(self._patience, look.at, now)
            for partition, end in look.ends.items()
            if read.get(partition, 0) >= end
        )


def _is_within(patience: timedelta, at: datetime, now: datetime) -> bool:
    """Return whether an instant is no longer ago than that; of a clock that went back, nothing is known."""
    return timedelta() <= now - at <= patience
