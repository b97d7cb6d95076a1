"""Openings across zones, clock changes, holidays and the guard."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rule_files.loader import load_rules
from shared.rule_files.time_zones import zone
from shared.rules.holiday_calendars import is_holiday
from shared.rules.quiet_hours import Aspect, SendingWindow
from shared.rules.table import Rule, RuleTable

WEEK = timedelta(days=7)
TICK = timedelta(microseconds=1)


def rule(name: str) -> Rule:
    table = load_rules()
    assert isinstance(table, RuleTable)
    return table.jurisdictions[name]


def made(day: tuple[tuple[int, int], ...]) -> Rule:
    """Return a rule whose every day has these local minutes."""
    return Rule(
        id="odd",
        name="odd",
        country="ZZ",
        subdivision=None,
        enforced=True,
        consent_exempts=False,
        prohibited=False,
        hours=(day,) * 7,
        hours_text="",
        calendar=None,
        caps=(),
        cite="",
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window_of(rules: tuple[Rule, ...], zones: Iterable[str], guard: int = 0) -> SendingWindow:
    return SendingWindow(rules, tuple(map(zone, zones)), guard)


def opening(rules: list[str], zones: list[str], at: str, guard: int = 0) -> datetime | None:
    moment = utc(at)
    return window_of(tuple(map(rule, rules)), zones, guard).next_opening(moment, moment + WEEK)


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("America/New_York", "2027-03-14 03:00", "2027-03-14 12:00"),  # spring: 08:00 EDT
        ("America/New_York", "2027-03-13 12:30", "2027-03-13 13:00"),  # the day before: 08:00 EST
        ("America/New_York", "2027-11-07 02:00", "2027-11-07 13:00"),  # autumn: 08:00 EST
        ("America/New_York", "2027-11-06 02:00", "2027-11-06 12:00"),  # the day before: 08:00 EDT
        ("Europe/Paris", "2027-03-28 03:00", "2027-03-28 06:00"),
        ("Europe/Paris", "2027-10-31 03:00", "2027-10-31 07:00"),
        ("America/Phoenix", "2027-07-01 12:00", "2027-07-01 15:00"),  # no summer time in Arizona
        ("America/Phoenix", "2027-12-01 12:00", "2027-12-01 15:00"),
        ("America/Denver", "2027-07-01 12:00", "2027-07-01 14:00"),  # the Navajo Nation has it
        ("America/Edmonton", "2026-12-15 12:00", "2026-12-15 14:00"),  # -06:00 all year since November 2026
        ("America/Vancouver", "2026-12-15 12:00", "2026-12-15 15:00"),
    ],
)
def test_eight_in_the_morning_is_read_on_the_local_wall(name: str, at: str, expected: str) -> None:
    assert opening(["US"], [name], at) == utc(expected)


def test_a_window_on_the_day_of_a_change_is_as_long_as_the_wall_says() -> None:
    window = window_of((rule("US"),), ("America/New_York",))
    assert window.closing(utc("2027-03-14 18:00")) == utc("2027-03-15 01:00")
    assert window.closing(utc("2027-11-07 18:00")) == utc("2027-11-08 02:00")


def test_an_opening_in_the_hour_that_the_clocks_skip_waits_for_the_later_reading() -> None:
    odd = made(((150, 240),))  # 02:30 to 04:00
    moment = utc("2027-03-14 05:00")
    assert window_of((odd,), ("America/New_York",)).next_opening(moment, moment + WEEK) == utc("2027-03-14 07:30")


def test_an_opening_in_the_hour_that_the_clocks_repeat_waits_for_the_later_reading() -> None:
    odd = made(((90, 240),))  # 01:30 to 04:00
    moment = utc("2027-11-07 05:00")
    assert window_of((odd,), ("America/New_York",)).next_opening(moment, moment + WEEK) == utc("2027-11-07 06:30")


def test_a_closing_in_an_hour_that_the_clocks_skip_or_repeat_takes_the_earlier_reading() -> None:
    skipped = window_of((made(((30, 150),)),), ("America/New_York",))  # 00:30 to 02:30
    assert skipped.closing(utc("2027-03-14 06:00")) == utc("2027-03-14 06:30")
    repeated = window_of((made(((30, 90),)),), ("America/New_York",))  # 00:30 to 01:30
    assert repeated.closing(utc("2027-11-07 05:00")) == utc("2027-11-07 05:30")


@pytest.mark.parametrize(
    ("zone_name", "midnight"),
    [
        ("Africa/Cairo", "2027-04-29 22:00"),  # skipped: 24:00 is 01:00
        ("America/Havana", "2027-11-07 04:00"),  # repeated: 00:00 comes twice
        ("Atlantic/Azores", "2026-10-25 00:00"),  # repeated
        ("America/New_York", "2026-12-02 05:00"),
    ],
)
def test_a_date_begins_at_its_first_midnight_and_days_touch_there(zone_name: str, midnight: str) -> None:
    evenings, mornings = made(((1200, 1440),)), made(((0, 120),))
    window = window_of((made(((0, 120), (1200, 1440))),), (zone_name,))
    first = utc(midnight)
    for moment in (first - TICK, first, first + TICK, first + timedelta(minutes=30)):
        assert window.is_open(moment), moment
        assert window_of((made(((0, 1440),)),), (zone_name,)).is_open(moment)
    assert window_of((evenings,), (zone_name,)).closing(first - TICK) == first
    assert window_of((mornings,), (zone_name,)).next_opening(first - TICK, first + WEEK) == first


@pytest.mark.parametrize("name", ["America/New_York", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_a_window_that_never_closes_is_cut_where_the_next_two_days_end(name: str) -> None:
    window = window_of((made(((0, 1440),)),), (name,), 300)
    for at in ("2026-12-01 00:00", "2026-12-01 23:59:59.999999"):
        assert window.closing(utc(at)) == utc("2026-12-04 00:00")


def test_a_day_that_is_no_holiday_is_open_to_its_last_instant_whatever_the_guard() -> None:
    # 25 December is a holiday in South Africa; it begins there at 22:00 UTC the day before.
    for guard in (0, 300, 86_400):
        window = window_of((rule("ZA"),), ("Africa/Johannesburg",), guard)
        assert window.is_open(utc("2026-12-24 22:00") - TICK, Aspect.HOLIDAYS)
        assert not window.is_open(utc("2026-12-24 22:00"), Aspect.HOLIDAYS)
        assert window.is_open(utc("2026-12-23 22:00") - TICK, Aspect.HOLIDAYS)


def test_hours_alone_do_not_look_at_holidays() -> None:
    window = window_of((rule("ZA"),), ("Africa/Johannesburg",), 300)
    christmas = utc("2026-12-25 10:00")
    assert window.is_open(christmas, Aspect.HOURS)
    assert not window.is_open(christmas)
    assert not window.is_open(utc("2026-12-25 17:55"), Aspect.HOURS), "the guard belongs to the hours"


@pytest.mark.parametrize("name", ["Pacific/Kiritimati", "Etc/GMT+12", "Pacific/Chatham", "Asia/Kathmandu"])
@pytest.mark.parametrize("start", [0, 600, 1380])
def test_every_opening_is_found_in_the_farthest_zones(name: str, start: int) -> None:
    window = window_of((made(((start, start + 60),)),), (name,))
    at = utc("2026-12-01 00:00")
    found = [window.next_opening(at + timedelta(days=day), at + WEEK) for day in range(5)]
    assert None not in found
    walls = [each.astimezone(ZoneInfo(name)) for each in found if each is not None]
    minutes = [wall.hour * 60 + wall.minute for wall in walls]
    assert all(start <= minute < start + 60 for minute in minutes)
    assert all(each - (at + timedelta(days=day)) < timedelta(days=1) for day, each in enumerate(found) if each)


def test_no_hour_is_lost_where_the_clocks_skip_midnight() -> None:
    # Chile jumps from 24:00 to 01:00 on 5 September 2027; 23:30 the evening before is no holiday.
    window = window_of((rule("FR"),), ("America/Santiago",))
    assert window.is_open(utc("2027-09-05 03:30"), Aspect.HOLIDAYS)
    assert window.is_open(utc("2027-09-05 04:00"), Aspect.HOLIDAYS)


def test_both_halves_of_a_split_state_must_be_open() -> None:
    assert opening(["US-FL"], ["America/New_York", "America/Chicago"], "2026-12-01 13:30") == utc("2026-12-01 14:00")
    window = window_of((rule("US-FL"),), ("America/New_York", "America/Chicago"))
    assert window.closing(utc("2026-12-01 20:00")) == utc("2026-12-02 01:00")


def test_every_zone_of_australia_must_be_open() -> None:
    zones = ["Australia/Perth", "Australia/Darwin", "Australia/Brisbane", "Australia/Adelaide", "Australia/Sydney"]
    assert opening(["AU"], zones, "2026-12-01 00:30") == utc("2026-12-01 01:00")  # Perth 09:00
    assert opening(["AU"], zones, "2026-12-01 09:00") == utc("2026-12-02 01:00")  # Sydney has reached 20:00


def test_the_strictest_of_several_rows_decides() -> None:
    assert opening(["US", "US-KY"], ["America/New_York"], "2026-12-01 13:30") == utc("2026-12-01 15:00")


def test_a_holiday_is_read_on_the_local_date() -> None:
    # 14 July begins in Paris at 22:00 UTC the day before; texts stop at 22:00 local anyway and resume on the 15th.
    assert opening(["FR"], ["Europe/Paris"], "2027-07-13 19:59") == utc("2027-07-13 19:59")
    assert opening(["FR"], ["Europe/Paris"], "2027-07-13 20:00") == utc("2027-07-15 06:00")


def test_sunday_and_holiday_in_a_row_are_both_waited_out() -> None:
    # Friday and Saturday are holidays, Sunday is closed, and Monday 28 December 2026 is an ordinary day.
    assert opening(["ZA"], ["Africa/Johannesburg"], "2026-12-24 18:00") == utc("2026-12-28 06:00")


def test_the_guard_shortens_the_end_and_only_the_end() -> None:
    window = window_of((rule("US"),), ("America/New_York",), 300)
    assert window.is_open(utc("2026-12-01 13:00"))
    assert window.is_open(utc("2026-12-02 01:54:59"))
    assert not window.is_open(utc("2026-12-02 01:55"))


def test_a_guard_longer_than_every_window_never_opens() -> None:
    assert opening(["US"], ["America/New_York"], "2026-12-01 15:00", guard=13 * 3600) is None


def test_days_that_touch_at_midnight_are_one_opening_without_a_guard_between() -> None:
    round_the_clock = window_of((made(((0, 1440),)),), ("America/New_York",), 300)
    late_and_early = window_of((made(((0, 120), (1380, 1440))),), ("America/New_York",), 300)
    midnight = utc("2026-12-02 05:00")
    for window in (round_the_clock, late_and_early):
        assert window.is_open(midnight - timedelta(seconds=1))
        assert window.is_open(midnight)
    assert late_and_early.closing(midnight - timedelta(seconds=1)) == utc("2026-12-02 06:55")


def test_a_guard_just_as_long_as_the_window_leaves_no_instant_of_it() -> None:
    assert opening(["US"], ["America/New_York"], "2026-12-01 03:00", guard=13 * 3600) is None
    assert opening(["US"], ["America/New_York"], "2026-12-01 03:00", guard=13 * 3600 - 1) == utc("2026-12-01 13:00")


def test_rules_without_a_zone_are_never_open_and_no_rules_always() -> None:
    assert opening(["US"], [], "2026-12-01 18:00") is None
    assert opening([], [], "2026-12-01 03:00") == utc("2026-12-01 03:00")


def test_the_search_ends_at_its_limit() -> None:
    window = window_of((rule("US"),), ("America/New_York",))
    start, expected = utc("2026-12-01 04:00"), utc("2026-12-01 13:00")
    assert window.next_opening(start, expected) == expected
    assert window.next_opening(start, expected - timedelta(microseconds=1)) is None


def test_hours_and_holidays_can_be_asked_apart() -> None:
    window = window_of((rule("FR"),), ("Europe/Paris",))
    noon = utc("2027-07-14 10:00")
    assert window.is_open(noon, Aspect.HOURS)
    assert not window.is_open(noon, Aspect.HOLIDAYS)


def brute_open(rules: list[str], zones: list[str], at: datetime) -> bool:
    """Judge by reading the wall clock, with no intervals at all."""
    for name in zones:
        wall = at.astimezone(zone(name))
        minute = wall.hour * 60 + wall.minute
        for each in map(rule, rules):
            inside = any(start <= minute < end for start, end in each.hours[wall.weekday()])
            if not inside or (each.calendar is not None and is_holiday(each.calendar, wall.date())):
                return False
    return True


ROWS = [
    "US",
    "US-AL",
    "US-FL",
    "US-KY",
    "US-LA",
    "US-PA",
    "US-RI",
    "US-TX",
    "US-UT",
    "FR",
    "CO",
    "ZA",
    "AU",
    "CA",
    "ZZ",
]
PLACES = ["America/New_York", "America/Phoenix", "Pacific/Honolulu", "Europe/Paris", "Australia/Adelaide", "Asia/Tokyo"]
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - made aware here
    lambda moment: moment.replace(tzinfo=UTC)
)


@given(
    rules=st.lists(st.sampled_from(ROWS), min_size=1, max_size=3, unique=True),
    zones=st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True),
    at=MOMENTS,
)
def test_an_opening_is_the_first_open_minute_by_the_wall_clock(
    rules: list[str], zones: list[str], at: datetime
) -> None:
    limit = at + timedelta(days=3)
    found = window_of(tuple(map(rule, rules)), zones).next_opening(at, limit)
    assert (found == at) == brute_open(rules, zones, at)
    if found is not None:
        assert brute_open(rules, zones, found)
    quarter = timedelta(minutes=15)
    step = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0) + quarter
    while found != at and step < (found or limit):
        assert not brute_open(rules, zones, step), f"open at {step}, before {found}"
        step += quarter


@given(day=st.dates(date(2026, 1, 1), date(2030, 1, 1)), name=st.sampled_from(PLACES))
def test_eight_oclock_sharp_is_open_and_a_microsecond_earlier_is_not(day: date, name: str) -> None:
    window = window_of((rule("US"),), (name,))
    eight = datetime(day.year, day.month, day.day, 8, tzinfo=ZoneInfo(name)).astimezone(UTC)
    assert window.is_open(eight)
    assert not window.is_open(eight - timedelta(microseconds=1))
