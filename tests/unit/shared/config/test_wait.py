"""Waits end on the recipient's clock, whatever the clocks do in between."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.model import duration_text, parse_duration
from shared.config.wait import LocalWait, Weekday, due_after

NEW_YORK = ZoneInfo("America/New_York")
ZONES = [
    NEW_YORK,
    ZoneInfo("Europe/Berlin"),
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("Asia/Kolkata"),
    ZoneInfo("UTC"),
]
WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)


def local(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant by New York's clock."""
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("wait", "begins", "ends"),
    [
        (timedelta(hours=1), local(2026, 12, 1, 9), local(2026, 12, 1, 10)),
        # three days, then ten o'clock: the first ten o'clock after the three days are over
        (LocalWait(days=3, then_at=time(10)), local(2026, 12, 1, 9), local(2026, 12, 4, 10)),
        (LocalWait(days=3, then_at=time(10)), local(2026, 12, 1, 10), local(2026, 12, 4, 10)),
        (LocalWait(days=3, then_at=time(10)), local(2026, 12, 1, 15), local(2026, 12, 5, 10)),
        # a Saturday moves to Monday
        (LocalWait(days=3, then_at=time(10), on=WORKDAYS), local(2026, 12, 2, 9), local(2026, 12, 7, 10)),
        (LocalWait(then_at=time(10), on=(Weekday.TUE,)), local(2026, 12, 1, 11), local(2026, 12, 8, 10)),
        (LocalWait(then_at=time(10)), local(2026, 12, 1, 9), local(2026, 12, 1, 10)),
        (LocalWait(hours=2, minutes=30), local(2026, 12, 1, 9), local(2026, 12, 1, 11, 30)),
        (LocalWait(on=(Weekday.SUN,)), local(2026, 12, 1, 9), local(2026, 12, 6, 9)),
        (LocalWait(hours=1, on=(Weekday.TUE,)), local(2026, 12, 1, 9), local(2026, 12, 1, 10)),
        # the clocks go forward on 2027-03-14 and back on 2027-11-07: days keep the time of day
        (LocalWait(days=1), local(2027, 3, 13, 9), local(2027, 3, 14, 9)),
        (LocalWait(days=1), local(2027, 11, 6, 9), local(2027, 11, 7, 9)),
        # a plain duration does not
        (timedelta(days=1), local(2027, 3, 13, 9), local(2027, 3, 14, 10)),
        # 02:30 does not exist on the 14th: an hour of clock later
        (LocalWait(days=1, then_at=time(2, 30)), local(2027, 3, 13, 2), local(2027, 3, 14, 3, 30)),
        # 01:30 exists twice on the 7th: the first one
        (LocalWait(then_at=time(1, 30)), local(2027, 11, 7, 0), datetime(2027, 11, 7, 5, 30, tzinfo=UTC)),
        # and after the second one begins, the next day's
        (LocalWait(then_at=time(1, 15)), datetime(2027, 11, 7, 6, 20, tzinfo=UTC), local(2027, 11, 8, 1, 15)),
    ],
)
def test_a_wait_ends_when_the_flow_says(wait: timedelta | LocalWait, begins: datetime, ends: datetime) -> None:
    assert due_after(wait, begins, NEW_YORK) == ends


local_waits = st.builds(
    LocalWait,
    days=st.integers(1, 400),
    hours=st.integers(0, 100),
    minutes=st.integers(0, 100),
    then_at=st.none() | st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    on=st.none() | st.sets(st.sampled_from(list(Weekday)), min_size=1).map(tuple),
)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(local_waits, instants, st.sampled_from(ZONES))
def test_a_local_wait_ends_later_on_an_allowed_day_at_the_named_time(
    wait: LocalWait, at: datetime, zone: ZoneInfo
) -> None:
    ends = due_after(wait, at, zone)
    shown = ends.astimezone(zone)

    assert ends > at
    assert ends.tzinfo is UTC
    if wait.on:
        assert list(Weekday)[shown.weekday()] in wait.on
    if wait.then_at:
        gap = datetime.combine(shown.date(), wait.then_at, tzinfo=zone).astimezone(UTC).astimezone(zone)
        assert shown.timetz().replace(tzinfo=None) == gap.time()


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=1830)), instants)
def test_a_duration_is_elapsed_time(wait: timedelta, at: datetime) -> None:
    assert due_after(wait, at, NEW_YORK) - at == wait


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("3d", 259_200), ("2w", 1_209_600)]
)
def test_a_duration_is_written_with_one_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "-1h", "1.5h", "1 h", "1h30m", "1y", "01h", "300w", "PT1H"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(text)


@given(st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_duration_reads_back_as_it_was_written(duration: timedelta) -> None:
    text = duration_text(duration)

    assert len(text) > 7 or parse_duration(text) == duration
