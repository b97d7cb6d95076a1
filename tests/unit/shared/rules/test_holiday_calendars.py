"""Holiday rules against almanac dates and against an independent library."""

from calendar import monthrange
from datetime import date

import holidays
import pytest

from shared.rule_files.loader import load_rules
from shared.rules.holiday_calendars import (
    LAST,
    Fixed,
    HolidayCalendar,
    Nth,
    Observed,
    easter,
    holidays_in,
    is_holiday,
)
from shared.rules.table import RuleTable


def calendar(jurisdiction: str) -> HolidayCalendar:
    table = load_rules()
    assert isinstance(table, RuleTable)
    found = table.jurisdictions[jurisdiction].calendar
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (1818, date(1818, 3, 22)),  # the earliest there is
        (1886, date(1886, 4, 25)),  # the latest there is
        (1943, date(1943, 4, 25)),
        (2024, date(2024, 3, 31)),
        (2025, date(2025, 4, 20)),
        (2026, date(2026, 4, 5)),
        (2038, date(2038, 4, 25)),
        (2100, date(2100, 3, 28)),
        (2285, date(2285, 3, 22)),
    ],
)
def test_easter_falls_where_the_almanac_says(year: int, day: date) -> None:
    assert easter(year) == day


@pytest.mark.parametrize(
    ("jurisdiction", "country", "subdivision"),
    [
        ("US-AL", "US", "AL"),
        ("US-LA", "US", "LA"),
        ("US-UT", "US", "UT"),
        ("FR", "FR", None),
        ("CO", "CO", None),
        ("ZA", "ZA", None),
    ],
)
def test_calendars_agree_with_an_independent_library(jurisdiction: str, country: str, subdivision: str | None) -> None:
    for year in range(2027, 2037):
        expected = set(holidays.country_holidays(country, subdiv=subdivision, years=year))
        assert holidays_in(calendar(jurisdiction), year) == expected


@pytest.mark.parametrize("day", [date(2026, 4, 3), date(2026, 6, 14), date(2026, 11, 3), date(2027, 11, 2)])
def test_pennsylvania_keeps_good_friday_flag_day_and_election_day(day: date) -> None:
    assert is_holiday(calendar("US-PA"), day)


def test_rhode_island_keeps_election_day_in_even_years_only() -> None:
    assert is_holiday(calendar("US-RI"), date(2026, 11, 3))
    assert not is_holiday(calendar("US-RI"), date(2027, 11, 2))


def test_new_year_on_a_saturday_blocks_the_last_day_of_the_old_year_too() -> None:
    assert is_holiday(calendar("US-AL"), date(2027, 12, 31))
    assert is_holiday(calendar("US-AL"), date(2028, 1, 1))


def test_an_observed_day_is_blocked_in_addition_to_the_day_itself() -> None:
    assert {date(2027, 7, 4), date(2027, 7, 5)} <= holidays_in(calendar("US-RI"), 2027)


def test_a_colombian_holiday_moves_to_monday_and_frees_the_day_itself() -> None:
    assert is_holiday(calendar("CO"), date(2027, 1, 11))
    assert not is_holiday(calendar("CO"), date(2027, 1, 6))


def test_the_day_after_a_holiday_is_an_ordinary_day() -> None:
    assert not is_holiday(calendar("FR"), date(2027, 7, 15))


@pytest.mark.parametrize(
    ("rule", "year", "days"),
    [
        (Fixed(12, 31, Observed.SUN_MON, next_monday=False), 2024, {date(2024, 1, 1), date(2024, 12, 31)}),
        (Fixed(12, 31, Observed.SUN_MON, next_monday=False), 2023, {date(2023, 12, 31)}),
        (Fixed(1, 1, Observed.SAT_FRI_SUN_MON, next_monday=False), 2027, {date(2027, 1, 1), date(2027, 12, 31)}),
        (Fixed(1, 1, Observed.SUN_MON, next_monday=False), 2027, {date(2027, 1, 1)}),
        (Fixed(12, 31, Observed.NONE, next_monday=True), 2026, {date(2026, 1, 5)}),
        (Fixed(12, 31, Observed.NONE, next_monday=True), 2027, {date(2027, 1, 4)}),
    ],
)
def test_a_holiday_at_the_turn_of_the_year_blocks_days_of_the_other_year(
    rule: Fixed, year: int, days: set[date]
) -> None:
    assert holidays_in(HolidayCalendar("one", (rule,)), year) == days


@pytest.mark.parametrize("month", range(1, 13))
def test_nth_weekdays_are_those_of_a_calendar_on_the_wall(month: int) -> None:
    for year in (2026, 2028):
        days = [date(year, month, number) for number in range(1, monthrange(year, month)[1] + 1)]
        for weekday in range(7):
            wall = [day for day in days if day.weekday() == weekday]
            for n in (1, 2, 3, 4, 5, LAST):
                only = HolidayCalendar("one", (Nth(month, weekday, n),))
                expected = {wall[-1]} if n == LAST else set(wall[n - 1 : n])
                assert holidays_in(only, year) == expected
