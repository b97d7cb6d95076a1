"""Rows are shown in the units people use, and amounts are never added across currencies."""

import pytest

from services.metrics.domain.counted import heading, value_shown
from services.metrics.domain.rollups import Measure


@pytest.mark.parametrize(
    ("measure", "value", "fact", "shown"),
    [
        (Measure.ORDER_VALUE, 6200, {"currency": "USD"}, "62.00 USD"),
        (Measure.ORDER_VALUE, 5000, {"currency": "JPY"}, "5,000 JPY"),
        (Measure.REVENUE, -1250, {"currency": "EUR"}, "−12.50 EUR"),
        (Measure.COST, 7_900, {"currency": "USD"}, "0.0079 USD"),
        (Measure.COST, 1_500_000, {"currency": "USD"}, "1.50 USD"),
        (Measure.OPT_OUT_MILLISECONDS, 412, {}, "412 ms"),
        (Measure.OPT_OUT_MILLISECONDS, 125_000, {}, "2 min 5 s"),
        (Measure.PARTS, 1234, {}, "1,234"),
        (Measure.DELIVERED, 1, {"currency": "USD"}, "1"),
    ],
)
def test_a_row_shows_its_part_in_units_that_people_use(
    measure: Measure, value: int, fact: dict[str, str], shown: str
) -> None:
    assert value_shown(measure, value, fact.get("currency")) == shown


def test_amounts_are_added_up_in_each_currency_and_never_across() -> None:
    assert heading(Measure.REVENUE, None, {"USD": 6200, "JPY": 5000}).number == "5,000 JPY and 62.00 USD"
    assert heading(Measure.REVENUE, "USD", {"USD": 6200}).number == "62.00 USD"
    assert heading(Measure.REVENUE, "USD", {}).number == "0.00 USD"


def test_a_reason_is_shown_in_words_and_a_currency_once() -> None:
    reported = heading(Measure.DEFERRED, "quiet_hours", {"quiet_hours": 3})
    assert (reported.number, reported.words) == ("3", "times a follow-up was deferred")
    assert reported.detail.startswith("it is outside the permitted hours")
    assert heading(Measure.ORDERS, "USD", {"USD": 2}).detail == ""
    assert heading(Measure.TRIGGERS, "custom.loyalty_joined", {"custom.loyalty_joined": 1}).detail == "loyalty joined"


@pytest.mark.parametrize("measure", Measure)
def test_every_measure_has_words_without_a_raw_name(measure: Measure) -> None:
    assert "_" not in heading(measure, None, {"": 1}).words
