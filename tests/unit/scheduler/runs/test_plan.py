"""Plans: when each text is due, in which language, from which number, and what is over before it begins."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.runs.keyword_answers import answer
from services.scheduler.runs.plan import MerchantDefaults, end_before_beginning, planned, sender_number
from shared.config.flow import Flow
from shared.config.merchant import Number, Policies
from shared.events.follow_up import Purpose, ResendPolicy
from shared.events.trigger import Contact, PhoneProvenance
from shared.ids import RecipientId
from shared.phone import E164
from shared.templates import engine
from shared.testing.clock import START
from shared.vocabulary.follow_up_states import FollowUpState

APPLICATION = MerchantDefaults("en-US", Policies())
NEW_YORK = ZoneInfo("America/New_York")
STEPS: list[dict[str, Any]] = [
    {"wait": "1h"},
    {"text": "thanks", "purpose": "transactional", "expire_after": "12h", "body": {"en": "Thanks", "es": "Gracias"}},
    {"wait": {"days": 3, "then_at": "10:00"}},
    {"text": "review", "purpose": "marketing", "body": "Well?", "if_past": "skip"},
]


def plan(now: datetime = START, zone: ZoneInfo = NEW_YORK, **changes: Any) -> list[Any]:
    flow = Flow.model_validate({"flow": "hello", "on": "purchase", "steps": changes.pop("steps", STEPS)})
    contact = Contact(phone="+12125550123", **changes)
    return planned(flow, START, now, zone, contact, APPLICATION)


def test_each_wait_is_counted_from_the_step_before_it_on_the_recipients_clock() -> None:
    thanks, review = plan()
    assert thanks.due_at == START + timedelta(hours=1)
    assert thanks.expires_at == START + timedelta(hours=13)
    assert review.due_at == datetime(2026, 12, 5, 15, 0, tzinfo=UTC)
    assert plan(zone=ZoneInfo("America/Los_Angeles"))[1].due_at == datetime(2026, 12, 4, 18, 0, tzinfo=UTC)


def test_transactional_may_be_sent_again_after_proven_absence_and_marketing_may_not() -> None:
    assert [text.policy.resend for text in plan()] == [ResendPolicy.RESEND_WHEN_ABSENT, ResendPolicy.AT_MOST_ONCE]


@pytest.mark.parametrize(("locale", "chosen"), [("es-AR", "es"), ("fr", "en"), (None, "en")])
def test_the_recipients_language_comes_first_and_the_merchants_second(locale: str | None, chosen: str) -> None:
    assert plan(locale=locale)[0].locale == chosen


def test_a_shipping_number_gets_no_marketing() -> None:
    thanks, review = plan(provenance=PhoneProvenance.SHIPPING)
    assert thanks.ends_as is None
    assert review.ends_as == (FollowUpState.CANCELLED, "shipping_number")


def test_a_text_without_a_wait_is_never_past_although_its_webhook_took_a_while() -> None:
    (text,) = plan(now=START + timedelta(minutes=4), steps=[STEPS[3]])
    assert text.ends_as is None


def test_what_is_past_is_skipped_or_sent_as_the_step_says_and_what_is_over_is_over() -> None:
    thanks, review = plan(now=START + timedelta(days=30))
    assert thanks.ends_as == (FollowUpState.EXPIRED, "expire_after")
    assert review.ends_as == (FollowUpState.EXPIRED, "past_due")
    assert plan(now=START + timedelta(hours=6))[0].ends_as is None


@given(st.integers(-100, 100), st.one_of(st.none(), st.integers(-100, 100)), st.sampled_from(["send", "skip"]))
def test_a_text_with_a_future_is_never_ended_beforehand(due: int, expires: int | None, if_past: Any) -> None:
    expires_at = None if expires is None else START + timedelta(hours=expires)
    end = end_before_beginning(START + timedelta(hours=due), expires_at, START, if_past)
    assert (end is None) == ((due >= 0 or if_past == "send") and (expires is None or expires > 0))


def number(text: str, **changes: Any) -> Number:
    kind = "short_code" if not text.startswith("+") else "long_code"
    return Number.model_validate({"number": text, "provider": "main", "kind": kind, **changes})


@given(st.uuids())
def test_a_person_is_always_written_to_from_the_same_number_whatever_the_order_of_the_list(person: UUID) -> None:
    numbers = [number("+12025550100"), number("+12025550101"), number("+12025550102")]
    chosen = sender_number(numbers, E164("+12125550123"), RecipientId(person))
    assert chosen == sender_number(numbers[::-1], E164("+12125550123"), RecipientId(person))
    rest = [each for each in numbers if each == chosen or each.number != "+12025550101"]
    assert chosen is not None
    if chosen in rest:
        assert sender_number(rest, E164("+12125550123"), RecipientId(person)) == chosen


@pytest.mark.parametrize(
    ("to", "chosen"), [("+12125550123", "+12025550100"), ("+447400123456", "+447400111222"), ("+33612345678", "38000")]
)
def test_the_number_is_one_of_the_persons_country(to: str, chosen: str) -> None:
    numbers = [number("+12025550100"), number("+447400111222"), number("38000", country="FR")]
    found = sender_number(numbers, E164(to), RecipientId(UUID(int=5)))
    assert found is not None
    assert found.number == chosen


def test_a_registered_number_is_preferred_and_no_number_is_no_recipient() -> None:
    numbers = [number("+12025550100"), number("+12025550101", registration="registered")]
    found = {sender_number(numbers, E164("+12125550123"), RecipientId(UUID(int=n))) for n in range(20)}
    assert found == {numbers[1]}
    assert sender_number([], E164("+12125550123"), RecipientId(UUID(int=1))) is None


@pytest.mark.parametrize("purpose", [Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION])
@pytest.mark.parametrize("locale", ["en", "es-MX", "fr_FR", "de", "pt-BR", "it", "nl", None])
@pytest.mark.parametrize("contact", ["help@acme.example", None])
def test_an_answer_names_the_brand_and_in_help_a_contact_and_stop(
    purpose: Purpose, locale: str | None, contact: str | None
) -> None:
    found, body = answer(purpose, locale, "en-US", has_contact=contact is not None)
    text = engine.render(body, {"merchant": {"brand": "Acme", "contact": contact}})
    assert isinstance(text, str)
    assert text.startswith("Acme: ")
    assert found == (locale or "en").replace("nl", "en")[:2]
    if purpose is Purpose.HELP:
        assert "STOP" in text
        assert contact is None or contact in text
    else:
        assert "STOP" not in text
