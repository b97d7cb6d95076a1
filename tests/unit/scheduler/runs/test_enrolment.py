"""Who is enrolled, who is not, and what ends a run."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.runs.enrolment import (
    Decline,
    Enrolment,
    Run,
    built_in_version,
    cancel_reason,
    enrolment,
    key_hash,
    terms_of,
)
from services.scheduler.runs.facts import History, Trigger, texts_within, zone_of
from shared.config.flow import CancelRule, Flow
from shared.events.trigger import Contact
from shared.ids import MerchantId, RecipientId
from shared.testing.clock import START


def flow(**changes: Any) -> Flow:
    text = {"text": "hello", "purpose": "marketing", "body": "Hello"}
    return Flow.model_validate({"flow": "hello", "on": "purchase", "steps": [text], **changes})


def trigger(at: datetime = START, kind: str = "purchase", subject: str = "order-1", **facts: Any) -> Trigger:
    who = RecipientId(UUID(int=1))
    return Trigger(UUID(int=2), MerchantId("acme"), who, kind, "api", at, subject, amount_minor=4900, facts=facts)


def judged(rules: Flow, what: Trigger, runs: dict[str, Run] | None = None, earlier: tuple[Trigger, ...] = ()) -> Any:
    history = History(orders=2, last_order_at=START - timedelta(days=40)).names()
    names = {"trigger": what.names(), "recipient": {}, "history": history, "now": START}
    return enrolment(rules, what, names, {key_hash(key): run for key, run in (runs or {}).items()}, earlier)


def test_the_first_trigger_enrols() -> None:
    assert judged(flow(), trigger()) == Enrolment("", 1)


@pytest.mark.parametrize(
    ("when", "outcome"),
    [
        ("trigger.amount_minor >= 4900", Enrolment("", 1)),
        ("trigger.amount_minor > 4900", Decline.CONDITION),
        ("history.orders == 2 && now - history.last_order_at > duration('720h')", Enrolment("", 1)),
        ("trigger.nothing == 'x'", Decline.CONDITION_ERROR),
    ],
)
def test_the_condition_decides_and_one_without_an_answer_sends_nothing(when: str, outcome: Any) -> None:
    assert judged(flow(when=when), trigger()) == outcome


def test_once_is_once_for_ever() -> None:
    assert judged(flow(enter="once"), trigger(), {"": Run(1, START - timedelta(days=900))}) is Decline.ALREADY_ENTERED


def test_once_per_counts_each_value_by_itself() -> None:
    rules = flow(enter={"once_per": "trigger.subject"})
    runs = {"order-1": Run(1, START)}
    assert judged(rules, trigger(), runs) is Decline.ALREADY_ENTERED
    assert judged(rules, trigger(subject="order-2"), runs) == Enrolment("order-2", 1)


def test_once_per_of_something_unknown_sends_nothing() -> None:
    assert judged(flow(enter={"once_per": "trigger.nothing"}), trigger()) is Decline.CONDITION_ERROR


@given(st.integers(0, 60))
def test_every_lets_in_again_when_the_time_has_passed_since_the_last_run_began(days: int) -> None:
    rules = flow(enter={"every": "30d"})
    outcome = judged(rules, trigger(), {"": Run(4, START - timedelta(days=days))})
    assert outcome == (Enrolment("", 5) if days >= 30 else Decline.ALREADY_ENTERED)


@pytest.mark.parametrize(
    ("minutes", "outcome"), [(-1, Enrolment("", 1)), (0, Decline.CANCELLED_BEFORE), (1, Decline.CANCELLED_BEFORE)]
)
def test_a_cancelling_event_that_was_read_first_but_happened_later_keeps_the_run_out(
    minutes: int, outcome: Any
) -> None:
    rules = flow(cancel_on=[{"on": "refund", "when": "event.subject == trigger.subject"}])
    refund = trigger(START + timedelta(minutes=minutes), "refund")
    assert judged(rules, trigger(), earlier=(refund,)) == outcome
    assert judged(rules, trigger(subject="another"), earlier=(refund,)) == Enrolment("", 1)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (None, "refund"),
        ("event.subject == trigger.subject", "refund"),
        ("event.subject == 'another'", None),
        ("event.nothing == 'x'", "condition_error"),
    ],
)
def test_a_cancel_rule_ends_the_run_and_one_without_an_answer_too(when: str | None, reason: str | None) -> None:
    rules = [CancelRule(on="cancellation"), CancelRule(on="refund", when=when)]
    assert cancel_reason(rules, trigger(kind="refund"), {"trigger": trigger().names()}) == reason


def test_the_rules_of_a_version_are_read_back_as_they_were() -> None:
    rules = (CancelRule(on="refund", when="event.subject == trigger.subject"), CancelRule(on="custom.stop"))
    assert terms_of(flow(cancel_on=[rule.model_dump() for rule in rules]).canonical()).cancel_on == rules
    assert terms_of(built_in_version("api", rules)).cancel_on == rules
    assert built_in_version("api", rules) != built_in_version("api", ())


def test_whether_a_late_text_is_wanted_is_read_back_of_flows_and_of_texts_asked_for() -> None:
    assert not terms_of(flow().canonical()).skips("thanks")
    step = {"text": "late", "purpose": "transactional", "if_past": "skip", "body": "Hi"}
    assert terms_of(flow(steps=[step]).canonical()).skips("late")
    assert [terms_of(built_in_version("api", (), each)).skips("text") for each in (None, "send", "skip")] == [
        False,
        False,
        True,
    ]
    assert built_in_version("api", ()) == built_in_version("api", (), "send")


def test_a_shops_fact_never_stands_in_for_what_we_know() -> None:
    assert trigger(kind="refund", subject="order-1", source="forged").names()["source"] == "api"


def test_texts_are_counted_in_rolling_days() -> None:
    ages = [timedelta(days=days) for days in (1, 6.9, 7, 29, 30)]
    assert texts_within([START - age for age in ages], START) == (2, 4)


@pytest.mark.parametrize(
    ("own", "zone"),
    [
        ("America/Denver", "America/Denver"),
        ("US/Mountain", "US/Mountain"),
        (None, "Europe/Paris"),
        ("Mars/Olympus", "Europe/Paris"),
        ("UTC", "Europe/Paris"),
        ("Etc/GMT+5", "Europe/Paris"),
        ("EST", "Europe/Paris"),
    ],
)
def test_waits_are_read_on_the_recipients_clock_where_it_is_known(own: str | None, zone: str) -> None:
    assert zone_of(Contact(phone="+12125550123", time_zone=own), "Europe/Paris").key == zone
