"""The page of results: which days it covers, and how figures stand beside those of the period before."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.console.answers import ShownFigure
from services.console.results import by_group, csv_rows, figure_lines, period_of

NEW_YORK = ZoneInfo("America/New_York")
TODAY = date(2026, 11, 30)


def figure(name: str = "planned", **changed: Any) -> ShownFigure:
    values = {
        "name": name,
        "title": name,
        "value": 4,
        "numerator": 4,
        "denominator": None,
        "unit": "count",
        "formula": "=1+1",
        "window": {"from": "2026-11-01T04:00:00Z", "to": "2026-12-01T05:00:00Z"},
        "rows": f"/v1/facts?measure={name}&from=2026-11-01T04%3A00%3A00%2B00%3A00",
        "denominator_rows": None,
        "currency": None,
        "reason": None,
        "group": None,
        "note": None,
    }
    return ShownFigure.model_validate(values | changed)


def test_a_period_ends_with_today_on_the_shops_clock_and_knows_its_summer_time() -> None:
    month = period_of("30d", "", "", TODAY, NEW_YORK)
    assert month.query == {"from": "2026-11-01T04:00:00+00:00", "to": "2026-12-01T05:00:00+00:00"}
    assert (month.days, month.before.first, month.before.last) == (30, date(2026, 10, 2), date(2026, 10, 31))


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-11-30", "2026-11-01", "after the last one"),
        ("yesterday", "", "Write a day as"),
        ("0001-01-01", "", "too far away"),
        ("9999-12-31", "9999-12-31", "too far away"),
        ("2020-01-01", "2026-11-30", "at most three years"),
    ],
)
def test_days_that_are_no_period_are_said_to_be_none(first: str, last: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        period_of("30d", first, last, TODAY, NEW_YORK)


def test_what_was_counted_only_before_is_zero_now_and_has_its_line() -> None:
    now, before = [figure(), figure("blocked", reason="opted_out")], [figure("blocked", reason="no_consent", value=3)]
    lines = figure_lines(now, before)
    assert [(line.title, line.reason, line.value, line.before) for line in lines] == [
        ("planned", "", "4", "–"),
        ("blocked", "opted out", "4", "–"),
        ("blocked", "no consent", "0", "3"),
    ]
    assert lines[2].change is not None
    assert (lines[2].change.words, lines[2].change.is_better) == ("−100%", True)
    assert lines[0].rows == "/console/rows?measure=planned&from=2026-11-01T04%3A00%3A00%2B00%3A00"


def test_an_amount_stands_once_for_each_currency_in_its_cell() -> None:
    amounts = [
        figure("revenue", group="win-back", unit="minor", currency=currency, value=4900) for currency in ("JPY", "USD")
    ]
    [(name, cells)] = by_group([figure(group="win-back"), *amounts], "flow")
    shown = {cell.column: [value for value, _ in cell.values] for cell in cells}
    assert name == "win-back"
    assert shown["revenue"] == ["4,900 JPY", "49.00 USD"]
    assert shown["reply_rate"] == []


def test_a_number_is_masked_and_events_without_a_text_make_no_line() -> None:
    found = by_group([figure(group="+12025550100"), figure(group="", numerator=0)], "number")
    assert [name for name, _ in found] == ["+1202•••0100"]


def test_a_file_holds_exact_numbers() -> None:
    [row] = csv_rows([figure("delivery_rate", value=1 / 3, unit="ratio", group="win-back")], "flow")
    assert row[:2] == ["win-back", "delivery_rate"]
    assert row[5] == 1 / 3
