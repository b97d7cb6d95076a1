"""The projection of a follow-up does not depend on the sequence of its facts."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.projection import Projection, apply, project
from shared.events.dispatch import ErrorClass
from shared.events.engagement import ReplyClass
from shared.events.envelope import Event
from shared.testing.clock import START
from shared.testing.make_metrics import TextFacts
from shared.vocabulary.follow_up_states import FollowUpState

TEXT = TextFacts()
LATER = START + timedelta(hours=9)
REFUSED = TEXT.failed(accepted=False, reason="cancelled", error_class=None)
CASES: list[tuple[str, Sequence[Event], FollowUpState, str]] = [
    ("planned", [TEXT.planned()], FollowUpState.PENDING, ""),
    ("due", [TEXT.planned(), TEXT.due()], FollowUpState.RELEASED, ""),
    ("deferred", [TEXT.planned(), TEXT.due(), TEXT.deferred(LATER)], FollowUpState.PENDING, "quiet_hours"),
    ("lapsed", [TEXT.due(), TEXT.cleared(), TEXT.lapsed()], FollowUpState.PENDING, "rate_limit"),
    ("due again", [TEXT.due(), TEXT.deferred(LATER), TEXT.due(LATER, 2)], FollowUpState.RELEASED, ""),
    ("blocked", [TEXT.due(), TEXT.blocked()], FollowUpState.BLOCKED, "no_consent"),
    ("cancelled", [TEXT.planned(), TEXT.cancelled()], FollowUpState.CANCELLED, "refund"),
    ("cancelled stays", [TEXT.cancelled(release=1), REFUSED], FollowUpState.CANCELLED, "refund"),
    ("expired", [TEXT.due(), TEXT.expired()], FollowUpState.EXPIRED, "message_expired"),
    (
        "too late at the gate",
        [TEXT.due(), TEXT.blocked(reason="message_expired")],
        FollowUpState.EXPIRED,
        "message_expired",
    ),
    (
        "a later release withdrawn for an earlier one that went",
        [TEXT.accepted(), TEXT.cancelled(release=2, reason="already_dispatched")],
        FollowUpState.DISPATCHED,
        "",
    ),
    ("dispatched", [TEXT.cleared(), TEXT.accepted()], FollowUpState.DISPATCHED, ""),
    ("too late to cancel", [TEXT.cancelled(release=1), TEXT.accepted()], FollowUpState.DISPATCHED, ""),
    ("delivered", [TEXT.accepted(), TEXT.delivered()], FollowUpState.DELIVERED, ""),
    ("undelivered", [TEXT.accepted(), TEXT.failed()], FollowUpState.FAILED, "unreachable"),
    ("delivered after all", [TEXT.failed(), TEXT.delivered()], FollowUpState.DELIVERED, ""),
    ("unanswered", [TEXT.due(), TEXT.cleared(), TEXT.waiting()], FollowUpState.RELEASED, "unanswered"),
    ("answered late", [TEXT.cleared(), TEXT.waiting(), TEXT.accepted()], FollowUpState.DISPATCHED, ""),
    ("lapsed after a call was put off", [TEXT.waiting(), TEXT.lapsed()], FollowUpState.PENDING, "rate_limit"),
    (
        "our own refusal",
        [TEXT.cleared(), TEXT.refused_here(reason="render_failed")],
        FollowUpState.FAILED,
        "render_failed",
    ),
    ("unknown", [TEXT.cleared(), TEXT.unknown()], FollowUpState.UNKNOWN, "not_found_and_not_disproved"),
    ("unknown proven", [TEXT.unknown(), TEXT.accepted()], FollowUpState.DISPATCHED, ""),
    ("unknown disproved", [TEXT.unknown(), TEXT.failed(accepted=False)], FollowUpState.FAILED, "unreachable"),
    ("tried again", [TEXT.accepted(), TEXT.failed(retry_at=LATER)], FollowUpState.PENDING, "unreachable"),
    (
        "too late to be tried again, heard in any order",
        [TEXT.expired(after_failure=True), TEXT.accepted(), TEXT.failed(retry_at=LATER)],
        FollowUpState.EXPIRED,
        "message_expired",
    ),
    (
        "second try",
        [TEXT.failed(retry_at=LATER), TEXT.due(LATER, 2), TEXT.accepted(LATER, 2)],
        FollowUpState.DISPATCHED,
        "",
    ),
]


@pytest.mark.parametrize(("events", "state", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_facts_lead_to_the_state_of_the_schedulers_table(
    events: Sequence[Event], state: FollowUpState, reason: str
) -> None:
    standing = project(events)
    assert standing is not None
    assert (standing.state, standing.reason) == (state, reason)


EVERYTHING: list[Event] = [
    *TEXT.all_the_way()[1:],
    TEXT.deferred(LATER),
    TEXT.lapsed(),
    TEXT.waiting(reason="not_sent", detail="timeout"),
    TEXT.waiting(TEXT.at + timedelta(hours=1, seconds=4)),
    TEXT.due(LATER, 2),
    TEXT.waiting(LATER, 2),
    TEXT.blocked(release=2),
    TEXT.cancelled(LATER, 2),
    TEXT.expired(LATER, 2),
    TEXT.expired(LATER, 3, after_failure=True),
    TEXT.accepted(LATER, 2),
    TEXT.failed(LATER, 2, error_class=ErrorClass.FILTERED),
    TEXT.unknown(LATER, 3),
    TEXT.click(1),
    TEXT.click(2),
    TEXT.click(3, robot=True),
    TEXT.reply(ReplyClass.OPT_OUT),
    TEXT.reply(ReplyClass.OTHER, 2),
    TEXT.conversion(1),
    TEXT.conversion(2),
    TEXT.refund(1),
]


@given(st.lists(st.sampled_from(EVERYTHING), min_size=1), st.randoms())
def test_any_order_and_any_repeats_lead_to_the_same_standing(events: list[Event], chance: object) -> None:
    import random  # noqa: PLC0415 - the type of what hypothesis hands over

    assert isinstance(chance, random.Random)
    shuffled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(shuffled)
    assert project(shuffled) == project(events)


def test_a_fact_of_a_late_plan_still_names_the_flow() -> None:
    standing = apply(apply(None, TEXT.click()), TEXT.planned())
    assert standing.flow == TEXT.flow
    assert standing.clicked_by is not None


def test_a_robots_click_is_no_click() -> None:
    standing = apply(None, TEXT.click(robot=True))
    assert standing.clicked_by is None
    assert standing.is_engaged


def test_a_deferral_moves_the_due_time_and_an_older_fact_never_moves_it_back() -> None:
    events = [TEXT.deferred(LATER), TEXT.planned()]
    standing = project(events)
    assert standing is not None
    assert standing.due_at == LATER


def test_a_dispatch_without_a_receipt_becomes_unconfirmed_by_waiting() -> None:
    standing = project([TEXT.accepted()])
    assert isinstance(standing, Projection)
    wait = timedelta(hours=72)
    assert standing.state_at(standing.changed_at + wait - timedelta(seconds=1), wait) is FollowUpState.DISPATCHED
    assert standing.state_at(standing.changed_at + wait, wait) is FollowUpState.UNCONFIRMED


def test_the_latest_of_several_open_calls_is_listed_and_an_answer_ends_it() -> None:
    first, second = TEXT.waiting(reason="not_sent", detail="timeout"), TEXT.waiting(TEXT.at + timedelta(hours=2))
    for events in ([TEXT.cleared(), first, second], [second, first, TEXT.cleared()]):
        standing = project(events)
        assert standing is not None
        assert (standing.reason, standing.waits_until, standing.waits_detail) == (
            second.reason,
            second.until,
            "http_503",
        )
    answered = project([second, first, TEXT.accepted()])
    assert answered is not None
    assert (answered.state, answered.waits_until, answered.waits_detail) == (FollowUpState.DISPATCHED, None, "")


def test_no_facts_lead_nowhere() -> None:
    assert project([]) is None


def test_a_fact_about_no_follow_up_has_no_standing() -> None:
    with pytest.raises(ValueError, match="about no follow-up"):
        apply(None, TEXT.purchase())
