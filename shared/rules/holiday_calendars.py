"""Holidays by rule: fixed dates, nth weekdays, days around Easter, election days, and their observed days."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias, assert_never

_MONDAY, _SATURDAY, _SUNDAY = 0, 5, 6
_DAY = timedelta(days=1)

LAST = -1
"""For an `Nth`: the last of its month."""


class Observed(StrEnum):
    """Which additional day is blocked when a fixed date falls on a weekend."""

    NONE = "none"
    SUN_MON = "sun_mon"
    SAT_FRI_SUN_MON = "sat_fri_sun_mon"


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same date every year; `next_monday` moves it to the following Monday (Colombia, Ley 51 de 1983)."""

    month: int
    day: int
    observed: Observed
    next_monday: bool


@dataclass(frozen=True, slots=True)
class Nth:
    """The nth weekday (Monday is 0) of a month, 1 to 5, or `LAST`; a month without a fifth has no such day."""

    month: int
    weekday: int
    n: int


@dataclass(frozen=True, slots=True)
class Easter:
    """A number of days after Western Easter Sunday; negative is before."""

    offset: int


@dataclass(frozen=True, slots=True)
class ElectionDay:
    """The Tuesday after the first Monday of November (2 U.S.C. 7)."""

    even_years_only: bool


HolidayRule: TypeAlias = Fixed | Nth | Easter | ElectionDay


@dataclass(frozen=True, slots=True, eq=False)
class HolidayCalendar:
    """The holidays of one jurisdiction; compared by identity, so that it is a cheap key of a cache."""

    id: str
    rules: tuple[HolidayRule, ...]


@lru_cache(maxsize=512)
def holidays_in(calendar: HolidayCalendar, year: int) -> frozenset[date]:
    """Return every blocked date of a year, observed days in addition to the days themselves.

    An observed day may belong to the holiday of a neighbouring year (1 January on a Saturday: 31 December).
    """
    days = (day for around in (year - 1, year, year + 1) for rule in calendar.rules for day in _days(rule, around))
    return frozenset(day for day in days if day.year == year)


def is_holiday(calendar: HolidayCalendar, day: date) -> bool:
    """Return whether a local date is blocked by this calendar."""
    return day in holidays_in(calendar, day.year)


def easter(year: int) -> date:
    """Return Western Easter Sunday (Gregorian computus, Meeus/Jones/Butcher)."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap, century_rest = century // 4, century % 4
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap - correction + 15) % 30
    weekday = (32 + 2 * century_rest + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _days(rule: HolidayRule, year: int) -> tuple[date, ...]:
    match rule:
        case Fixed():
            return _fixed(rule, date(year, rule.month, rule.day))
        case Nth():
            day = _nth(year, rule.month, rule.weekday, rule.n)
            return (day,) if day.month == rule.month else ()
        case Easter():
            return (easter(year) + rule.offset * _DAY,)
        case ElectionDay():
            if rule.even_years_only and year % 2:
                return ()
            return (_nth(year, 11, _MONDAY, 1) + _DAY,)
        case _:
            assert_never(rule)


def _fixed(rule: Fixed, day: date) -> tuple[date, ...]:
    weekday = day.weekday()
    if rule.next_monday:
        return (day + (-weekday % 7) * _DAY,)
    if rule.observed is not Observed.NONE and weekday == _SUNDAY:
        return (day, day + _DAY)
    if rule.observed is Observed.SAT_FRI_SUN_MON and weekday == _SATURDAY:
        return (day - _DAY, day)
    return (day,)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    if n == LAST:
        fifth = _nth(year, month, weekday, 5)
        return fifth if fifth.month == month else fifth - 7 * _DAY
    first = date(year, month, 1)
    return first + ((weekday - first.weekday()) % 7 + 7 * (n - 1)) * _DAY
