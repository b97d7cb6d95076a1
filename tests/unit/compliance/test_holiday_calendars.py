"""Holiday rules against almanac dates and against an independent library."""

from datetime import date

import holidays
import pytest

from services.compliance.domain.holiday_calendars import HolidayCalendar, easter, holidays_in, is_holiday
from services.compliance.domain.rule_files import load_rules
from services.compliance.domain.rules import RuleTable


def calendar(jurisdiction: str) -> HolidayCalendar:
    table = load_rules()
    assert isinstance(table, RuleTable)
    found = table.jurisdictions[jurisdiction].calendar
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))],
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
