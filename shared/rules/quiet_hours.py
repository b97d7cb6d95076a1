"""When every rule is open in every zone: open intervals, the next opening, and the end of the current one.

All arithmetic is on whole microseconds since 1970 in UTC; local time is used only to convert the edges of a day's
hours. Intervals are half open: 08:00:00 is inside, 21:00:00 is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from shared.rules.holiday_calendars import is_holiday
from shared.rules.table import MinuteSpan, Rule
from shared.unix_time import instant, microseconds

Interval: TypeAlias = tuple[int, int]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_MINUTES_A_DAY = 1_440
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_ALL_DAY: tuple[MinuteSpan, ...] = ((0, _MINUTES_A_DAY),)


class Aspect(StrEnum):
    """Which part of the rules to apply."""

    BOTH = "both"
    HOURS = "hours"
    """Ignore holidays."""
    HOLIDAYS = "holidays"
    """Ignore hours."""


@dataclass(frozen=True, slots=True)
class SendingWindow:
    """Rules that must all be open in all of the zones; rules without a zone are never open."""

    rules: tuple[Rule, ...]
    zones: tuple[ZoneInfo, ...]
    guard_seconds: int = 0
    """How long before the end of the legal hours sending stops, because a text can wait at the provider."""

    def is_open(self, at: datetime, aspect: Aspect = Aspect.BOTH) -> bool:
        """Return whether every rule is open in every zone."""
        return self._interval_at(at, aspect) is not None

    def closing(self, at: datetime) -> datetime | None:
        """Return when the current opening ends, less the guard; None if closed at `at`, or if there are no rules."""
        interval = self._interval_at(at, Aspect.BOTH)
        return None if interval is None or not self.rules else instant(interval[1])

    def next_opening(self, at: datetime, limit: datetime, aspect: Aspect = Aspect.BOTH) -> datetime | None:
        """Return the first instant (UTC) not before `at` and not after `limit` that lies inside the window.

        `at` itself when already open; None when nothing opens up to `limit`.
        """
        moment, last = microseconds(at), microseconds(limit)
        for day in range(moment // _DAY, last // _DAY + 1):
            for start, end in openings(self.rules, self.zones, day, self.guard_seconds, aspect):
                if end > moment:
                    opening = max(start, moment)
                    return instant(opening) if opening <= last else None
        return None

    def _interval_at(self, at: datetime, aspect: Aspect) -> Interval | None:
        moment = microseconds(at)
        for start, end in openings(self.rules, self.zones, moment // _DAY, self.guard_seconds, aspect):
            if start <= moment < end:
                return start, end
        return None


@lru_cache(maxsize=8192)
def openings(
    rules: tuple[Rule, ...], zones: tuple[ZoneInfo, ...], utc_day: int, guard_seconds: int, aspect: Aspect
) -> tuple[Interval, ...]:
    """Return the intervals of one UTC day (days since 1970) in which every rule is open in every zone, in order.

    An interval begins within the day, or at its start, and may end after midnight; one that lasts longer is cut at the
    end of the second day after.
    """
    first, last = utc_day * _DAY, (utc_day + 3) * _DAY
    common: tuple[Interval, ...] = ((first, last),) if zones or not rules else ()
    for rule in rules:
        for zone in zones:
            common = _intersection(common, _rule_intervals(rule, zone, utc_day, aspect))
    guard = 0 if aspect is Aspect.HOLIDAYS else guard_seconds * _SECOND
    guarded = ((start, end if end == last else end - guard) for start, end in common)
    return tuple((start, end) for start, end in guarded if start < end and start < first + _DAY)


@lru_cache(maxsize=16384)
def _rule_intervals(rule: Rule, zone: ZoneInfo, utc_day: int, aspect: Aspect) -> tuple[Interval, ...]:
    """Return one rule's open intervals in one zone around a UTC day; adjacent ones are joined."""
    joined: list[Interval] = []
    for day in range(utc_day - 1, utc_day + 4):  # local dates run up to 14 hours before and 12 after UTC's
        for start, end in _local_day(rule, zone, day, aspect):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
    return tuple(joined)


@lru_cache(maxsize=32768)
def _local_day(rule: Rule, zone: ZoneInfo, day: int, aspect: Aspect) -> tuple[Interval, ...]:
    """Return one local date's hours as UTC intervals; none for a holiday.

    Hours within the hour that the clocks skip end before they begin, so that they contain no instant.
    """
    local = date.fromordinal(_EPOCH_ORDINAL + day)
    if aspect is not Aspect.HOURS and rule.calendar is not None and is_holiday(rule.calendar, local):
        return ()
    spans = _ALL_DAY if aspect is Aspect.HOLIDAYS else rule.hours[local.weekday()]
    return tuple((_edge(local, a, zone, opens=True), _edge(local, b, zone, opens=False)) for a, b in spans)


def _edge(day: date, minutes: int, zone: ZoneInfo, *, opens: bool) -> int:
    """Return the UTC instant of a local wall-clock minute.

    A minute that the clocks skip or repeat has two readings: an opening takes the later, a closing the earlier, so
    that neither reading is outside the hours. Midnight is the start of the date for both, so that days are adjacent.
    """
    wall = datetime.combine(day, time(), tzinfo=zone) + timedelta(minutes=minutes)
    first = microseconds(wall)
    if minutes in {0, _MINUTES_A_DAY}:
        return first
    second = microseconds(wall.replace(fold=1))
    return max(first, second) if opens else min(first, second)


def _intersection(ours: Iterable[Interval], theirs: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return what two ordered lists of intervals have in common."""
    both = ((max(a, c), min(b, d)) for a, b in ours for c, d in theirs)
    return tuple((start, end) for start, end in both if start < end)
