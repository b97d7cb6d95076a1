"""Figures are read in whole hours, and hours and weekdays on the merchant's clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.grouping import HOUR, Dimension, Window, group_of, grouped

NEW_YORK = ZoneInfo("America/New_York")
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(INSTANTS, st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_a_window_holds_both_ends_and_is_at_most_two_hours_wider(since: datetime, length: timedelta) -> None:
    window = Window.around(since, since + length)
    assert window.since <= since < since + length <= window.until
    assert (window.until - window.since) - length < 2 * HOUR
    assert (window.until - window.since) % HOUR == timedelta()


def test_whole_hours_are_not_widened() -> None:
    since = datetime(2026, 12, 1, 17, tzinfo=UTC)
    assert Window.around(since, since + HOUR) == Window(since, since + HOUR)


def test_hours_and_weekdays_are_the_merchants() -> None:
    at = datetime(2026, 12, 1, 3, tzinfo=UTC)
    assert group_of(Dimension.HOUR, at, NEW_YORK) == "22"
    assert group_of(Dimension.DAY, at, NEW_YORK) == "2026-11-30"
    assert group_of(Dimension.WEEKDAY, at, NEW_YORK) == "monday"


def test_the_same_hour_of_two_days_is_one_group() -> None:
    at = datetime(2026, 12, 1, 17, tzinfo=UTC)
    rows = [
        {"measure": "delivered", "detail": "", "hour": at, "value": 2},
        {"measure": "delivered", "detail": "", "hour": at + timedelta(days=1), "value": 3},
    ]
    assert grouped(rows, Dimension.HOUR, NEW_YORK) == {"12": {("delivered", ""): 5}}


def test_without_a_grouping_there_is_one_group_even_of_nothing() -> None:
    assert grouped([], None, NEW_YORK) == {"": {}}
