"""Rules as sentences; what none is known for stays the expression."""

import pytest

from services.console.flows.answers import FlowEnter, FlowWait
from services.console.flows.words import condition_parts, duration_words, enter_words, kind_words, wait_words
from shared.events.trigger import TriggerKind


def wait(**changes: object) -> FlowWait:
    empty = {"seconds": None, "days": 0, "hours": 0, "minutes": 0, "then_at": None, "on": None}
    return FlowWait.model_validate({"kind": "wait", **empty, **changes})


def enter(rule: str, once_per: str | None = None, every: int | None = None) -> FlowEnter:
    return FlowEnter.model_validate({"rule": rule, "once_per": once_per, "every_seconds": every})


@pytest.mark.parametrize("kind", TriggerKind)
def test_every_kind_has_words(kind: str) -> None:
    assert "_" not in kind_words(kind)
    assert " " in kind_words(kind)


def test_an_own_event_is_named() -> None:
    assert kind_words("custom.review_written") == "your event “review_written” arrives"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (None, []),
        ("trigger.amount_minor >= 2000 && !trigger.test", ["its amount is at least 20.00", "it is not a test"]),
        ("event.subject == trigger.subject", ["it is about the same order"]),
        ("history.orders == 0", ["the person never ordered before"]),
        ("history.orders >= 1", ["the person ordered at least once before"]),
        ("history.texts_7d < 3", ["the person got less than 3 texts in 7 days"]),
        ('"vip" in trigger.tags', ["it is tagged “vip”"]),
    ],
)
def test_known_conditions_are_sentences(expression: str | None, words: list[str]) -> None:
    parts = condition_parts(expression)
    assert [part.words for part in parts] == words
    assert not any(part.is_code for part in parts)


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("!trigger.test || history.orders > 3", ["!trigger.test || history.orders > 3"]),
        ("trigger.test ? true : false", ["trigger.test ? true : false"]),
        ("(a && b) && !has(trigger.gift)", ["(a && b)", "!has(trigger.gift)"]),
        ("trigger.order_name == 'a && b'", ["trigger.order_name == 'a && b'"]),
        (r'trigger.order_name == "a\" && b"', [r'trigger.order_name == "a\" && b"']),
        ("x && <script>alert(1)</script>", ["x", "<script>alert(1)</script>"]),
    ],
)
def test_other_conditions_stay_code(expression: str, parts: list[str]) -> None:
    found = condition_parts(expression)
    assert [part.words for part in found] == parts
    assert all(part.is_code for part in found)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(30, "30 seconds"), (3_600, "1 hour"), (5_400, "1 hour 30 minutes"), (259_200, "3 days"), (0, "no time")],
)
def test_durations(seconds: int, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seconds": 3_600}, "Wait 1 hour"),
        (
            {"days": 3, "then_at": "10:00", "on": ["mon", "tue", "wed", "thu", "fri"]},
            "3 days later, at 10:00 on Mon–Fri",
        ),
        ({"then_at": "10:00"}, "Wait until 10:00"),
        ({"on": ["mon", "wed"]}, "Wait on Mon, Wed"),
        ({"days": 1}, "1 day later"),
    ],
)
def test_waits(given: dict[str, object], words: str) -> None:
    assert wait_words(wait(**given)) == words


def test_how_often_a_person_may_enter() -> None:
    assert enter_words(enter("once")) == "Once for each person, ever"
    assert enter_words(enter("once_per", "trigger.subject")) == "Once for each order, booking or cart"
    assert enter_words(enter("once_per", "trigger.x")) == "Once for each value of trigger.x"
    assert enter_words(enter("every", every=86_400)) == "Again when 1 day have passed since the last run began"
