"""The last checks before a call."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.queue.states import AttemptState, DispatchState
from services.sender.reconciliation.decision import keyed_body_hash
from services.sender.replies.send_permission import SendPermission
from services.sender.sending.intent_decision import (
    LEAST_CLEARANCE,
    Go,
    Lapse,
    OpenAttempt,
    Refuse,
    SendCircumstances,
    Skip,
    StayQueued,
    decide,
)
from shared import ids
from shared.events.consent import SuppressionCause
from shared.events.dispatch import ErrorClass
from shared.events.follow_up import Purpose
from shared.testing.clock import START
from tests.unit.sender.queue.test_conclusion import DISPATCH

CANDIDATE = DISPATCH._replace(
    state=DispatchState.QUEUED, purpose=Purpose.MARKETING, window_closes_at=START + timedelta(hours=1)
)
PLAIN = SendCircumstances(body_sha256=b"mine")
OTHER = ids.derived("attempt", at=START)


@pytest.mark.parametrize("state", [state for state in DispatchState if state is not DispatchState.QUEUED])
def test_only_what_is_queued_goes(state: DispatchState) -> None:
    assert decide(CANDIDATE._replace(state=state), SendPermission(), PLAIN, START) == Skip()


@given(st.timedeltas(timedelta(minutes=-20), timedelta(minutes=20)), st.sampled_from(Purpose))
def test_nothing_goes_with_less_than_the_least_clearance(ahead: timedelta, purpose: Purpose) -> None:
    candidate = CANDIDATE._replace(valid_until=START + ahead, purpose=purpose)
    assert isinstance(decide(candidate, SendPermission(), PLAIN, START), Go if ahead >= LEAST_CLEARANCE else Lapse)


@given(st.sampled_from(Purpose), st.sampled_from(SuppressionCause))
def test_a_suppressed_person_gets_answers_only(purpose: Purpose, cause: SuppressionCause) -> None:
    decision = decide(CANDIDATE._replace(purpose=purpose), SendPermission(suppressed=cause), PLAIN, START)
    assert isinstance(decision, Go) == (purpose in {Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION})


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (SendPermission(), Go()),
        (SendPermission(marketing_suppressed=True), Go()),
        (SendPermission(informational_suppressed=True), Refuse("suppressed", ErrorClass.OPTED_OUT)),
        (SendPermission(needs_review=True), Refuse("needs_review")),
    ],
)
def test_a_shops_own_answer_goes_to_who_wants_no_offers_and_not_to_who_wants_nothing(
    permission: SendPermission, expected: Go | Refuse
) -> None:
    assert decide(CANDIDATE._replace(purpose=Purpose.CONVERSATION), permission, PLAIN, START) == expected


@pytest.mark.parametrize("purpose", Purpose)
def test_what_may_not_follow_an_opt_out_waits_for_unread_events(purpose: Purpose) -> None:
    unread = PLAIN._replace(has_unread_events=True)
    decision = decide(CANDIDATE._replace(purpose=purpose), SendPermission(), unread, START)
    assert isinstance(decision, StayQueued) == (purpose in {Purpose.MARKETING, Purpose.CONVERSATION})


def test_a_provider_without_a_validity_period_stays_a_quarter_hour_from_quiet_hours() -> None:
    closes = START + timedelta(minutes=14)
    circumstances = PLAIN._replace(provider_has_validity=False)
    decision = decide(CANDIDATE._replace(window_closes_at=closes), SendPermission(), circumstances, START)
    assert decision == Refuse("window_closing", retry_at=closes)


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (OpenAttempt(OTHER, AttemptState.INTENT, b"another"), True),
        (OpenAttempt(OTHER, AttemptState.UNKNOWN, b"mine"), True),
        (OpenAttempt(OTHER, AttemptState.UNKNOWN, b"another"), False),
    ],
)
def test_a_person_has_one_call_at_a_time_and_never_two_unknowns_alike(other: OpenAttempt, *, waits: bool) -> None:
    decision = decide(CANDIDATE, SendPermission(), PLAIN._replace(open_attempts=[other]), START)
    assert isinstance(decision, StayQueued if waits else Go)


def test_a_text_that_an_old_attempt_may_have_sent_waits_for_its_end() -> None:
    other = OpenAttempt(OTHER, AttemptState.UNKNOWN, b"words")
    known = SendCircumstances(keyed_body_hash(b"Ana's", b"words"), b"words", open_attempts=[other])
    assert isinstance(decide(CANDIDATE, SendPermission(), known, START), StayQueued)


def test_a_blackout_of_its_shop_lets_a_clearance_lapse_whatever_is_left_of_it() -> None:
    today = PLAIN._replace(in_blackout=True)
    assert decide(CANDIDATE, SendPermission(), today, START) == Lapse("blackout")
    assert decide(CANDIDATE._replace(valid_until=START), SendPermission(), today, START) == Lapse("blackout")


def test_a_text_that_is_over_is_reported_before_a_blackout() -> None:
    expired = CANDIDATE._replace(expires_at=START)
    assert decide(expired, SendPermission(), PLAIN._replace(in_blackout=True), START) == Refuse("expired")
