"""A story is shown in sentences a shop owner understands, in the order of events."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.metrics.domain.journey_steps import Tone, describe, journey_steps, moment
from shared.events.control import ControlChanged
from shared.events.dispatch import ErrorClass
from shared.events.engagement import ReplyClass
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpMoved
from shared.events.registry import registry
from shared.money import money
from shared.testing import make
from shared.testing.clock import START
from shared.testing.make_metrics import TextFacts

NEW_YORK = ZoneInfo("America/New_York")
TEXT = TextFacts()
NINE = datetime(2026, 12, 2, 14, 0, tzinfo=UTC)


def summary(event: Event) -> str:
    return describe(event, NEW_YORK).summary


def test_a_deferral_says_until_when_why_and_by_which_rule() -> None:
    step = describe(TEXT.deferred(NINE, rules=("US-FL",)), NEW_YORK)
    assert step.summary.startswith("Deferred until Wed 2 Dec, 09:00: it is outside the permitted hours")
    assert "(rule: US-FL)" in step.summary
    assert step.rule is not None
    assert step.rule.startswith("US-FL: 47 CFR 64.1200(c)(1)")
    assert (step.verdict, step.reason, step.tone) == ("defer", "quiet_hours", Tone.WAIT)


def test_the_gates_own_sentence_is_shown_with_the_verdict() -> None:
    assert summary(TEXT.deferred(NINE, explanation="It is Tue 23:10 in America/Chicago.")).endswith(
        "It is Tue 23:10 in America/Chicago."
    )


def test_rows_of_hours_are_named_only_where_hours_decided() -> None:
    step = describe(TEXT.deferred(NINE, reason="frequency_cap", rules=("US",)), NEW_YORK)
    assert step.rule == "your frequency cap"


def test_a_block_says_that_it_is_final_and_why() -> None:
    step = describe(TEXT.blocked(reason="opted_out"), NEW_YORK)
    assert step.summary.startswith("Blocked for good: this person has opted out")
    assert step.rule == "47 CFR 64.1200(a)(10)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(172_800, "2 days"), (86_400, "1 day"), (93_600, "26 hours"), (3 * 86_400 + 60, "3 days"), (2_700, "45 minutes")],
)
def test_a_text_that_moved_says_until_when_and_what_it_keeps(seconds: int, words: str) -> None:
    moved = make.event(FollowUpMoved, due_at=NINE, distance_seconds=seconds)
    assert summary(moved) == f"It is now due Wed 2 Dec, 09:00: it follows “thanks”, which was sent late, after {words}."


def test_a_text_that_catches_up_says_why_it_moved() -> None:
    moved = make.event(FollowUpMoved, due_at=NINE, reason="catch_up", behind=None, distance_seconds=None)
    step = describe(moved, NEW_YORK)
    assert step.summary.endswith(": of the marketing texts that this person missed, one a day is sent.")
    assert (step.title, step.tone) == ("Moved", Tone.WAIT)


def test_a_reason_without_words_is_shown_as_it_is() -> None:
    assert "moon phase" in summary(TEXT.blocked(reason="moon_phase"))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (TEXT.purchase(), "49.00 USD, order-1001, reported by shopify."),
        (TEXT.purchase(test=True), "This was a test."),
        (TEXT.planned(), "“thanks” of order-thank-you was planned for Tue 1 Dec, 13:00."),
        (TEXT.due(release=2), "(release 2)"),
        (TEXT.cleared(), "It could be sent until Tue 1 Dec, 13:10. No rule was against it."),
        (TEXT.accepted(), "1 part for 0.01 USD"),
        (TEXT.delivered(), "It was delivered."),
        (TEXT.failed(), "It was sent and not delivered: the phone could not be reached (provider’s code 30003)."),
        (TEXT.failed(accepted=False, reason="suppressed", error_class=None), "It was not sent: this person opted out"),
        (
            TEXT.delivered().model_copy(update={"asked_at": START}),
            "It was delivered. No receipt came: the provider was asked at",
        ),
        (TEXT.failed(retry_at=NINE, error_class=ErrorClass.THROTTLED), "asked again at Wed 2 Dec, 09:00."),
        (TEXT.unknown(), "not sent again, to avoid a duplicate"),
        (TEXT.click(robot=True), "not counted"),
        (TEXT.reply(ReplyClass.HELP), "replied for help."),
        (TEXT.reply(), "The person replied."),
        (TEXT.conversion(), "A purchase of 49.00 USD (order-5001) is credited to this text, after a click"),
        (TEXT.refund(), "by −49.00 USD"),
        (TEXT.opted_out(), "no texts of any kind to this person"),
    ],
    ids=lambda value: value.type if isinstance(value, Event) else "",
)
def test_each_fact_has_its_sentence(event: Event, words: str) -> None:
    assert words in summary(event)


def test_a_story_is_shown_in_the_order_it_happened_with_causes_first() -> None:
    events = TEXT.all_the_way()
    assert [step.event.type for step in journey_steps(reversed(events), NEW_YORK)] == [event.type for event in events]


def test_no_sentence_holds_a_phone_number() -> None:
    events = [*TEXT.all_the_way(), TEXT.click(), TEXT.reply(), TEXT.conversion(), TEXT.failed(), TEXT.unknown()]
    assert not any(re.search(r"\+\d{7}", summary(event)) for event in events)


def test_every_event_type_is_said_by_some_service() -> None:
    assert {describe(event, NEW_YORK).service for event in TEXT.all_the_way()} == {
        "ingest",
        "scheduler",
        "compliance",
        "sender",
    }
    from services.metrics.domain.journey_steps import _PUBLISHERS  # noqa: PLC0415 - a private table

    assert set(_PUBLISHERS) == set(registry())


def test_money_knows_currencies_without_a_minor_unit() -> None:
    assert money(123456, "USD") == "1,234.56 USD"
    assert money(1234, "JPY") == "1,234 JPY"


def test_a_year_is_shown_only_where_it_differs() -> None:
    assert moment(START, NEW_YORK, START + timedelta(hours=1)) == "Tue 1 Dec, 12:00"
    assert moment(START + timedelta(days=60), NEW_YORK, START) == "Sat 30 Jan 2027, 12:00"


def test_an_amount_has_the_digits_of_its_currency() -> None:
    assert (money(4900, "USD"), money(4900, "JPY"), money(4900, "KWD")) == ("49.00 USD", "4,900 JPY", "4.900 KWD")


def test_what_our_own_rules_refused_is_not_shown_as_the_providers_word() -> None:
    step = describe(TEXT.refused_here(reason="render_failed"), NEW_YORK)
    assert step.summary.startswith("Followup did not send it: the text could not be composed")
    assert "provider" not in step.summary
    assert step.reason == "render_failed"
    assert "provider" in summary(TEXT.failed(accepted=False, error_class=ErrorClass.CONTENT))


def test_a_call_without_an_answer_is_listed_with_its_error_and_when_the_provider_is_asked() -> None:
    step = describe(TEXT.waiting(NINE), NEW_YORK)
    assert "did not confirm whether it accepted the text (HTTP 503)" in step.summary
    assert "asked from Wed 2 Dec, 09:00:05 on, and the text is not sent again" in step.summary
    assert (step.title, step.reason, step.tone) == ("No answer", "unanswered", Tone.WAIT)


def test_a_call_that_is_made_again_says_why_and_when() -> None:
    step = describe(TEXT.waiting(NINE, reason="sender_unregistered", detail="30034"), NEW_YORK)
    assert step.summary == (
        "It was not sent yet: your sender number is not registered with the carriers (the provider’s code 30034). "
        "The next call may be made at Wed 2 Dec, 09:00:05."
    )


@pytest.mark.parametrize(
    ("changes", "title", "summary"),
    [
        ({}, "Texts paused", "A pause of texts of flow order-thank-you began."),
        ({"action": "stop", "scope": {}}, "Texts stopped", "A stop of all texts began."),
        ({"lifted_at": START}, "Texts resumed", "A pause of texts of flow order-thank-you was lifted."),
    ],
)
def test_a_control_says_what_was_decided_about_which_texts(changes: dict[str, Any], title: str, summary: str) -> None:
    step = describe(make.event(ControlChanged, **changes), ZoneInfo("UTC"))
    assert (step.title, step.summary) == (title, summary)
