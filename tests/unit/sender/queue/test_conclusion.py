"""What observations change: every order of the same ones ends the same, and nothing taken is ever untaken."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.providers.reactions import CodeMeaning, Reaction
from services.sender.queue.conclusion import AttemptObservation, Conclusion, Overdue, Receipt, conclude, may_change
from services.sender.queue.dispatches import Attempt, AttemptSnapshot, Dispatch
from services.sender.queue.states import LIVE_STATES, TRANSITIONS, AttemptState, DispatchState
from services.sender.receipts.status_lattice import ProviderStatus
from services.sender.reconciliation.decision import Adopt, GiveUp, ListedMessage, ProvenAbsent
from services.sender.sending.answer_classification import Accepted, NotSent, Refused, Unknown
from shared import ids
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, ErrorClass
from shared.events.follow_up import Purpose, ResendPolicy
from shared.ids import AttemptId, EnrollmentId, FollowUpId, MerchantId, RecipientId
from shared.testing.clock import START

DISPATCH = Dispatch(
    follow_up_id=FollowUpId(ids.derived("f", at=START)),
    merchant_id=MerchantId("acme"),
    recipient_id=RecipientId(ids.derived("r", at=START)),
    enrollment_id=EnrollmentId(ids.derived("e", at=START)),
    flow="f",
    flow_version="v",
    step="s",
    purpose=Purpose.TRANSACTIONAL,
    release=1,
    correlation_id="c",
    state=DispatchState.INTENT,
    sender_number="+12025550100",
    provider="main",
    first_queued_at=START,
    first_due_at=START,
    ready_at=START,
    valid_until=START + timedelta(minutes=10),
    window_closes_at=None,
    expires_at=None,
    resend=ResendPolicy.AT_MOST_ONCE,
    click_days=5,
    delivered_hours=24,
    attempts=1,
)
ATTEMPT = Attempt(
    id=AttemptId(DISPATCH.attempt_id(1)),
    follow_up_id=DISPATCH.follow_up_id,
    merchant_id=DISPATCH.merchant_id,
    recipient_id=DISPATCH.recipient_id,
    n=1,
    release=1,
    provider="main",
    sender_number="+12025550100",
    body_sha256=b"h" * 32,
    parts=1,
    state=AttemptState.INTENT,
    intent_at=START,
    deadline=START + timedelta(seconds=12),
)
REFUSED = Refused("21211", CodeMeaning(ErrorClass.INVALID))
LISTED = ListedMessage("SM1", "+12025550100", b"h" * 32, START)
OBSERVED: tuple[AttemptObservation, ...] = (
    Accepted("SM1"),
    REFUSED,
    Refused("20429", CodeMeaning(ErrorClass.THROTTLED, Reaction.SLOW_DOWN), 7.0),
    NotSent("connection_refused"),
    Unknown("timeout"),
    Overdue(),
    Adopt(LISTED),
    ProvenAbsent(),
    GiveUp(),
    Receipt("SM1", ProviderStatus.SENT),
    Receipt("SM1", ProviderStatus.UNDELIVERED, "30007", CodeMeaning(ErrorClass.FILTERED)),
    Receipt("SM1", ProviderStatus.DELIVERED),
)


def conclusions(
    observations: list[AttemptObservation], dispatch: Dispatch = DISPATCH, **changes: Any
) -> list[Conclusion]:
    """Return what observations change, one after the other."""
    attempt, changes_made = ATTEMPT._replace(**changes), []
    for one in observations:
        change = conclude(attempt, dispatch, one, START, another_is_live=False)
        attempt, dispatch = change.attempt, change.dispatch
        changes_made.append(change)
    return changes_made


@given(st.lists(st.sampled_from(OBSERVED), max_size=8))
def test_only_allowed_transitions_ever_happen(observations: list[AttemptObservation]) -> None:
    state = AttemptState.INTENT
    for change in conclusions(observations):
        after = change.attempt.state
        assert after is state or after in TRANSITIONS[state]
        state = after


@given(st.lists(st.sampled_from(OBSERVED), max_size=8))
def test_a_text_that_was_taken_is_never_queued_again(observations: list[AttemptObservation]) -> None:
    was_taken = False
    for change in conclusions(observations):
        was_taken = was_taken or change.attempt.state is AttemptState.ACCEPTED
        if was_taken:
            assert change.dispatch.state is not DispatchState.QUEUED
            assert change.attempt.provider_message_id == "SM1"


@given(st.lists(st.sampled_from(OBSERVED), max_size=8))
def test_acceptance_and_delivery_are_announced_at_most_once(observations: list[AttemptObservation]) -> None:
    events = [event for change in conclusions(observations) for event in change.events]
    assert sum(isinstance(event, DispatchAccepted) for event in events) <= 1
    assert sum(isinstance(event, DispatchDelivered) for event in events) <= 1


@given(st.lists(st.sampled_from(OBSERVED), max_size=6))
def test_a_queued_dispatch_never_has_a_live_attempt(observations: list[AttemptObservation]) -> None:
    for change in conclusions(observations):
        if change.dispatch.state is DispatchState.QUEUED:
            assert change.attempt.state not in LIVE_STATES


@pytest.mark.parametrize(
    "order",
    list(
        permutations([Accepted("SM1"), Receipt("SM1", ProviderStatus.SENT), Receipt("SM1", ProviderStatus.DELIVERED)])
    ),
)
def test_answer_and_receipts_end_the_same_in_any_order(order: tuple[AttemptObservation, ...]) -> None:
    end = conclusions([*order, *order])[-1]
    assert (end.attempt.state, end.attempt.status) == (AttemptState.ACCEPTED, ProviderStatus.DELIVERED)
    assert end.dispatch.state is DispatchState.DELIVERED


def test_a_second_id_for_one_attempt_is_a_double_and_changes_nothing() -> None:
    first, second = conclusions([Accepted("SM1"), Receipt("SM2", ProviderStatus.DELIVERED)])
    assert second.alarm == "double"
    assert second.attempt == first.attempt


def test_proof_for_an_attempt_that_was_replaced_is_a_double() -> None:
    absent = ATTEMPT._replace(state=AttemptState.PROVEN_ABSENT)
    change = conclude(absent, DISPATCH, Receipt("SM1", ProviderStatus.SENT), START, another_is_live=True)
    assert change.alarm == "double"
    assert change.attempt.state is AttemptState.PROVEN_ABSENT


@pytest.mark.parametrize("state", [AttemptState.PROVEN_ABSENT, AttemptState.ASSUMED_SENT, AttemptState.NOT_SENT])
def test_late_proof_takes_a_waiting_follow_up_out_of_the_queue(state: AttemptState) -> None:
    queued = DISPATCH._replace(state=DispatchState.QUEUED)
    (change,) = conclusions([Receipt("SM1", ProviderStatus.SENT)], queued, state=state)
    assert change.dispatch.state is DispatchState.ACCEPTED
    assert change.alarm == "late_proof"


def test_a_call_that_says_no_against_a_callback_that_said_yes_raises_an_alarm() -> None:
    _, change = conclusions([Receipt("SM1", ProviderStatus.SENT), REFUSED])
    assert change.alarm == "contradiction"
    assert change.attempt.state is AttemptState.ACCEPTED


def test_a_late_answer_out_of_unknown_is_taken() -> None:
    assert conclusions([Overdue(), REFUSED])[-1].attempt.state is AttemptState.REFUSED
    assert conclusions([Overdue(), NotSent("x")])[-1].dispatch.state is DispatchState.QUEUED


@pytest.mark.parametrize("policy", ResendPolicy)
def test_only_the_policy_lets_proven_absence_ask_the_gate_again(policy: ResendPolicy) -> None:
    end = conclusions([Overdue(), ProvenAbsent()], DISPATCH._replace(resend=policy))[-1]
    (failed,) = end.events
    assert isinstance(failed, DispatchFailed)
    assert (failed.retry_at is not None) == (policy is ResendPolicy.RESEND_WHEN_ABSENT)


def test_a_cancelled_one_is_not_queued_again() -> None:
    cancelled = DISPATCH._replace(cancelled=True, resend=ResendPolicy.RESEND_WHEN_ABSENT)
    assert conclusions([NotSent("x")], cancelled)[-1].dispatch.state is DispatchState.CANCELLED
    (failed,) = conclusions([Overdue(), ProvenAbsent()], cancelled)[-1].events
    assert isinstance(failed, DispatchFailed)
    assert failed.retry_at is None


RECEIPTS = st.builds(Receipt, st.sampled_from(["SM1", "SM2"]), st.sampled_from([None, *ProviderStatus]))


def snapshot(attempt: Attempt) -> AttemptSnapshot:
    return AttemptSnapshot(attempt.follow_up_id, attempt.state, attempt.status, attempt.provider_message_id)


@given(st.lists(st.sampled_from(OBSERVED), max_size=6), RECEIPTS)
def test_a_receipt_that_is_no_news_changes_nothing_but_how_far_a_text_is_on_its_way(
    observations: list[AttemptObservation], receipt: Receipt
) -> None:
    last = [Conclusion(ATTEMPT, DISPATCH), *conclusions(observations)][-1]
    if may_change(receipt, snapshot(last.attempt)):
        return
    change = conclude(last.attempt, last.dispatch, receipt, START, another_is_live=False)
    assert change == Conclusion(last.attempt._replace(status=change.attempt.status), last.dispatch)
    assert change.attempt.status in {last.attempt.status, ProviderStatus.SENT}


@given(
    st.lists(st.sampled_from(OBSERVED), max_size=4),
    RECEIPTS,
    st.lists(st.sampled_from(OBSERVED), max_size=4),
)
def test_what_is_no_news_never_becomes_news(
    before: list[AttemptObservation], receipt: Receipt, after: list[AttemptObservation]
) -> None:
    attempts = [ATTEMPT, *(change.attempt for change in conclusions([*before, *after]))]
    verdicts = [may_change(receipt, snapshot(attempt)) for attempt in attempts]
    assert verdicts == sorted(verdicts, reverse=True)


@pytest.mark.parametrize(
    ("observations", "receipt"),
    [
        ([], Receipt("SM1", ProviderStatus.ACCEPTED)),
        ([Unknown("timeout")], Receipt("SM1", ProviderStatus.SENT)),
        ([NotSent("started_too_late")], Receipt("SM1", ProviderStatus.SENT)),
        ([Accepted("SM1")], Receipt("SM2", ProviderStatus.SENT)),
        ([Accepted("SM1")], Receipt("SM1", ProviderStatus.DELIVERED)),
        ([Accepted("SM1"), OBSERVED[-2]], Receipt("SM1", ProviderStatus.DELIVERED)),
    ],
)
def test_proof_that_a_text_was_taken_a_double_and_its_end_are_news(
    observations: list[AttemptObservation], receipt: Receipt
) -> None:
    attempt = [ATTEMPT, *(change.attempt for change in conclusions(observations))][-1]
    assert may_change(receipt, snapshot(attempt))
