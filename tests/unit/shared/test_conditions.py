"""Conditions answer yes or no, or say why they cannot."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import conditions
from shared.conditions import ConditionError, Name, compile_condition, evaluate_text
from shared.errors import ConditionFault

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def facts(**more: Any) -> dict[str, Any]:
    trigger = {
        "kind": "purchase",
        "amount_minor": 2500,
        "test": False,
        "subject": "order-1",
        "items": ["Beans"],
        "occurred_at": NOW - timedelta(hours=30),
        **more,
    }
    history = {"orders": 0, "texts_7d": 1, "last_order_at": None}
    return {"trigger": trigger, "recipient": {"first_name": "Ana", "state": None}, "history": history, "now": NOW}


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("trigger.amount_minor >= 2000 && !trigger.test", True),
        ("trigger.amount_minor > 2500", False),
        ("now - trigger.occurred_at > duration('24h')", True),
        ("trigger.occurred_at < timestamp('2026-10-01T00:00:00Z')", False),
        ("trigger.items.exists(item, item == 'Beans')", True),
        ("has(trigger.coupon) && trigger.coupon == 'X'", False),
        ("recipient.state == null", True),
        ("recipient.first_name.startsWith('A')", True),
        ("history.orders == 0 || now - history.last_order_at > duration('1h')", True),
        ("trigger.test", False),
        ("trigger.price > 9.5", True),
        ("trigger.price_exact == 10", True),
        ("trigger.big > 5", True),
    ],
)
def test_a_condition_answers_from_the_facts(source: str, answer: bool) -> None:  # noqa: FBT001 - the expectation
    assert compile_condition(source).holds(facts(price=10.0, price_exact=Decimal(10), big=2**80)) is answer


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("trigger.totl > 10", "no fact named 'totl'"),
        ("trigger.totl", "no fact named 'totl'"),
        ("trigger.amount_minor", "neither true nor false"),
        ("trigger.subject", "neither true nor false"),
        ("trigger.subject > 1", "another type"),
        ("trigger.amount_minor / 0 == 1", "division by zero"),
        ("event.subject == 'x'", "'event' is not known here"),
        ("now - history.last_order_at > duration('1h')", "'history.last_order_at' is not known here"),
        ("trigger.many.all(a, trigger.many.all(b, trigger.many.all(c, a + b + c >= 0)))", "too large for it"),
        ("trigger.subject.matches('[')", "cannot be evaluated"),
    ],
)
def test_what_has_no_answer_is_an_error_and_never_a_yes(source: str, reason: str) -> None:
    answer = compile_condition(source).holds(facts(many=list(range(300))))

    assert isinstance(answer, ConditionError)
    assert reason in answer.reason


def test_an_error_never_quotes_a_fact() -> None:
    answer = compile_condition("trigger[recipient.first_name] == 1").holds(facts(name="Ana"))

    assert isinstance(answer, ConditionError)
    assert "first_name" not in answer.reason


@pytest.mark.parametrize(
    ("source", "line", "column", "said"),
    [
        ("trigger.amount_minor >", 1, 23, "the end"),
        ("1 + 'a' == 2", 1, 3, "no matching overload"),
        ("shop.total == 1", 1, 5, "undeclared reference to 'shop.total'"),
        ("trigger.test &&\n  nope", 2, 3, "undeclared reference to 'nope'"),
        ("'yes'", 1, 1, "this one is a text"),
        ("trigger.x = 1", 1, 11, "token recognition"),
        ("", 1, 1, "the end"),
        ("a" * 5000, 1, 1, "at most 4000"),
    ],
)
def test_a_wrong_expression_says_where(source: str, line: int, column: int, said: str) -> None:
    with pytest.raises(ConditionFault) as caught:
        compile_condition(source)

    assert said in caught.value.detail
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("trigger.subject", "order-1"),
        ("trigger.kind + ':' + trigger.subject", "purchase:order-1"),
        ("trigger.amount_minor", "2500"),
    ],
)
def test_a_key_is_the_text_an_expression_names(source: str, text: str) -> None:
    assert evaluate_text(source, facts()) == text


@pytest.mark.parametrize("source", ["trigger.nothing", "trigger.test", "trigger.items", "trigger.empty"])
def test_a_key_that_is_no_text_is_an_error(source: str) -> None:
    assert isinstance(evaluate_text(source, facts(empty="")), ConditionError)


def test_a_key_of_a_type_that_names_nothing_is_refused_when_the_flow_is_read() -> None:
    with pytest.raises(ConditionFault, match="names one thing"):
        conditions.compile_text("trigger.test && true")


def test_names_are_found_with_their_places_and_not_in_texts_or_comments() -> None:
    source = (
        "trigger.totl > 1 && 'event.x' == event['y'] // history.z\n || a.trigger.q || recipient . first_name == \"b\""
    )

    assert conditions.names(source) == [
        Name("trigger", "totl", 1, 1),
        Name("event", "y", 1, 34),
        Name("recipient", "first_name", 2, 20),
    ]


def test_the_same_source_is_compiled_once() -> None:
    first, second = compile_condition("trigger.test == true"), compile_condition("trigger.test == true")

    assert first == second
    assert first._program is second._program


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates() | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_any_fact_gives_a_yes_a_no_or_an_error(value: object) -> None:
    answer = compile_condition("trigger.value == 1 || size(trigger.value) > 0").holds(
        {"trigger": {"value": value}, "now": NOW}
    )

    assert answer in (True, False) or isinstance(answer, ConditionError)


@pytest.mark.parametrize(
    "source",
    [
        "trigger.many.all(a, trigger.long.contains('ab') == false)",
        "trigger.many.all(a, trigger.many.all(b, (trigger.long + trigger.long).size() > 3))",
        "trigger.many.all(a, trigger.many.all(b, trigger.long.matches('(a*)*b') == false))",
        "trigger.many.map(a, trigger.long + trigger.long).size() > 3",
        "[" + ", ".join(["1"] * 1000) + "].all(a, [" + ", ".join(["1"] * 300) + "].all(b, a == b))",
    ],
)
@pytest.mark.parametrize("characters", [8_192, 100_000])
def test_a_step_over_a_long_text_counts_as_long_as_it_is(source: str, characters: int) -> None:
    answer = compile_condition(source).holds(facts(many=list(range(1_000)), long="a" * characters))
    assert answer == ConditionError("the facts are too large for it")


def test_what_a_flow_needs_is_well_within() -> None:
    known = facts(tags=[f"tag-{number}" for number in range(250)], long="a" * 8_192)
    assert compile_condition("trigger.tags.exists(tag, tag == 'tag-249')").holds(known) is True
    assert compile_condition("trigger.long.contains('b') || trigger.tags.size() > 3").holds(known) is True


def test_facts_beyond_all_bounds_are_refused_whatever_the_condition() -> None:
    answer = compile_condition("trigger.subject == 'x'").holds(facts(more=["a" * 1_000] * 300))
    assert answer == ConditionError("the facts are too large for it")
