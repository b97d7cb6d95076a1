"""Figures of flows as a person reads them."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.console.flows import figures as words_of
from services.console.flows.answers import Amount, FlowControl, FlowFigures, StepFigures


def control(action: str) -> FlowControl:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    made = {"control_id": uuid4(), "action": action, "made_at": at, "until": None, "covers": "flow"}
    return FlowControl.model_validate(made)


def usd(minor: float) -> list[Amount]:
    return [Amount(currency="USD", minor=minor)]


@pytest.mark.parametrize(
    ("action", "is_removed", "words"),
    [
        (None, False, "in force"),
        ("pause", False, "paused"),
        ("stop", False, "stopped"),
        (None, True, "removed, texts go on"),
        ("pause", True, "removed, texts paused"),
        ("stop", True, "removed, texts cancelled"),
    ],
)
def test_the_state_of_a_flow(action: str | None, *, is_removed: bool, words: str) -> None:
    under = None if action is None else control(action)
    assert words_of.state_of(under, is_removed=is_removed).words == words


def test_nothing_divided_by_nothing_is_a_dash() -> None:
    assert words_of.share(0, 0) == "–"
    assert words_of.share(1, 3) == "33.3 %"
    assert words_of.amounts([], "en") == "–"
    assert words_of.revenue_per_text(StepFigures(), "en") == "–"


def test_money_of_several_currencies_stands_side_by_side() -> None:
    found = [Amount(currency="EUR", minor=500), Amount(currency="USD", minor=123_450)]
    assert words_of.amounts(found, "en-US") == "€5.00 + $1,234.50"


def test_the_price_of_a_part_is_known_only_if_every_text_has_one() -> None:
    priced = StepFigures(parts=4, cost=usd(3.2))
    price = words_of.part_price(priced)
    assert price == Amount(currency="USD", minor=0.8)
    assert words_of.price_words(2, price, "en") == "USD 0.0160"
    assert words_of.part_price(priced.model_copy(update={"unpriced": 1})) is None
    assert words_of.part_price(StepFigures(parts=4, cost=[*usd(1), Amount(currency="EUR", minor=1)])) is None
    assert words_of.price_words(2, None, "en") == ""


def test_the_characters_that_make_a_text_expensive_are_named() -> None:
    assert words_of.foreign_characters("Qué tal, cafetería?") == "“í”"
    assert words_of.foreign_characters("a😀b") == "“😀”"


def test_a_line_of_the_table() -> None:
    figures = FlowFigures(flow="f", entered=3, active=1, sent=2, delivered=2, reached=2, text_revenue=usd(500))
    line = words_of.table_of(figures, words_of.state_of(None), "en")
    assert len(line) == len(words_of.TABLE_HEAD)
    assert line[:5] == ("f", "in force", 3, 1, 2)
    assert line[8] == "$2.50"
