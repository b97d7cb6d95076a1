"""The rule files, and whether one instant is open: read off each local clock at that instant.

Whatever the engine computes with intervals is found here by walking in quarter hours, since every offset and every
edge of the table is a multiple of that. Standard library and YAML only: nothing of the engine is imported.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

QUARTER = timedelta(minutes=15)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DATA = Path(__file__).parents[2] / "shared" / "rule_files" / "data"
TZDATA = resources.files("tzdata")


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DATA / name).read_text(encoding="utf-8"))
    return content


HOURS, CODES, PLACES = _read("quiet-hours.yaml"), _read("area-codes.yaml"), _read("places.yaml")
ROWS: dict[str, dict[str, Any]] = {row["id"]: row for row in HOURS["jurisdictions"]}
CALENDARS: dict[str, dict[str, Any]] = HOURS["holiday_calendars"]


@cache
def clock(name: str) -> ZoneInfo:
    """Return a zone out of the tzdata wheel."""
    with TZDATA.joinpath("zoneinfo", *name.split("/")).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)


@lru_cache(maxsize=50_000)
def local(at: datetime, zone: str) -> tuple[date, int]:
    """Return date and minute of the day on a zone's wall at an instant."""
    wall = at.astimezone(clock(zone))
    return wall.date(), wall.hour * 60 + wall.minute


def in_hours(week: Mapping[str, Any], day: date, minute: int) -> bool:
    """Return whether a minute of a local day is inside a day table: 08:00 is, 21:00 is not."""
    spans = _spans(id(week), day.weekday())
    return any(start <= minute < end for start, end in spans)


_WEEKS = {id(row["classes"]["marketing"]["hours"]): row["classes"]["marketing"]["hours"] for row in ROWS.values()}
COURTESY = HOURS["class_defaults"]["informational"]["hours"]
_WEEKS[id(COURTESY)] = COURTESY


@cache
def _spans(week: int, weekday: int) -> tuple[tuple[int, int], ...]:
    table = _WEEKS[week]
    return () if table == "blocked" else tuple((_minute(a), _minute(b)) for a, b in table[DAYS[weekday]])


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


@cache
def is_holiday(calendar: str, day: date) -> bool:
    """Return whether a local date is a holiday or the observed day of one."""
    near = [day + timedelta(days=offset) for offset in range(-7, 8)]
    return any(day in _blocked_by(rule, other) for rule in CALENDARS[calendar]["rules"] for other in near)


def _blocked_by(rule: Mapping[str, Any], day: date) -> list[date]:
    """Return the days a rule blocks because of what `day` is."""
    if not _is_the_day(rule, day):
        return []
    if rule.get("next_monday"):
        while day.weekday() != 0:
            day += timedelta(days=1)
        return [day]
    observed, blocked = rule.get("observed", "none"), [day]
    if observed != "none" and day.weekday() == 6:
        blocked.append(day + timedelta(days=1))
    if observed == "sat_fri_sun_mon" and day.weekday() == 5:
        blocked.append(day - timedelta(days=1))
    return blocked


def _is_the_day(rule: Mapping[str, Any], day: date) -> bool:
    if "fixed" in rule:
        return f"{day:%m-%d}" == str(rule["fixed"])
    if "easter" in rule:
        return day == easter(day.year) + timedelta(days=rule["easter"])
    if "us_election_day" in rule:
        in_season = rule["us_election_day"] == "every_year" or day.year % 2 == 0
        return in_season and day.month == 11 and day.weekday() == 1 and 2 <= day.day <= 8
    nth = rule["nth"]
    if day.month != nth["month"] or day.weekday() != DAYS.index(nth["weekday"]):
        return False
    is_last = (day + timedelta(days=7)).month != day.month
    return is_last if nth["n"] == -1 else (day.day - 1) // 7 + 1 == nth["n"]


@cache
def easter(year: int) -> date:
    """Return Western Easter Sunday: the Sunday after the first full moon of spring (Gauss, both exceptions)."""
    century = year // 100
    moon = (15 - (13 + 8 * century) // 25 + century - century // 4) % 30
    week = (4 + century - century // 4) % 7
    days = (19 * (year % 19) + moon) % 30
    sunday = (2 * (year % 4) + 4 * (year % 7) + 6 * days + week) % 7
    if (days == 29 and sunday == 6) or (days == 28 and sunday == 6 and (11 * moon + 11) % 30 < 19):
        sunday -= 7
    return date(year, 3, 22) + timedelta(days=days + sunday)


@dataclass(frozen=True)
class Window:
    """What must hold at once: rows of the table (or the courtesy hours) in every zone, less a guard at the end."""

    rows: tuple[str, ...]
    zones: tuple[str, ...]
    guard: timedelta = timedelta()

    def hours_hold(self, at: datetime) -> bool:
        """Return whether every row's hours hold in every zone, as if no day were a holiday."""
        return self._runs_on(at, self._hours)

    def no_holiday(self, at: datetime) -> bool:
        """Return whether no row has a holiday in any zone."""
        return all(
            row == "courtesy" or calendar == "none" or not is_holiday(calendar, local(at, zone)[0])
            for row in self.rows
            for calendar in (_calendar(row),)
            for zone in self.zones
        )

    def is_open(self, at: datetime) -> bool:
        """Return whether hours and holidays hold from now until the guard has passed."""
        if not self.rows:
            return True
        return bool(self.zones) and self._runs_on(at, lambda moment: self._hours(moment) and self.no_holiday(moment))

    def end(self, at: datetime, limit: datetime) -> datetime | None:
        """Return when the opening that holds at an instant ends, less the guard; None when that is after `limit`."""
        if not self.rows:
            return None
        moment = next_quarter(at)
        while self._hours(moment) and self.no_holiday(moment):
            moment = next_quarter(moment)
            if moment - self.guard > limit:
                return None
        return moment - self.guard

    def _hours(self, at: datetime) -> bool:
        return all(in_hours(_hours_of(row), *local(at, zone)) for row in self.rows for zone in self.zones)

    def _runs_on(self, at: datetime, holds: Callable[[datetime], bool]) -> bool:
        moment, last = at, at + self.guard
        while moment < last:
            if not holds(moment):
                return False
            moment = next_quarter(moment)
        return holds(last)


def _hours_of(row: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = COURTESY if row == "courtesy" else ROWS[row]["classes"]["marketing"]["hours"]
    return table


def _calendar(row: str) -> str:
    return "none" if row == "courtesy" else str(ROWS[row]["classes"]["marketing"]["holidays"])


def next_quarter(at: datetime) -> datetime:
    """Return the first full quarter of an hour after an instant."""
    floor = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    return floor + QUARTER
