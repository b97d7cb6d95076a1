"""A text waits for an earlier one of its run that is about to go, and for nothing else."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.scheduler.release.turn_rules import SOON, Neighbour, waits_until
from shared.events.follow_up import Purpose
from shared.ids import EnrollmentId
from shared.testing.clock import START
from shared.vocabulary.follow_up_states import FollowUpState

SECOND = timedelta(seconds=1)
OURS = START


def sibling(state: FollowUpState, first_due_at: datetime, due_at: datetime) -> Neighbour:
    return Neighbour(EnrollmentId(UUID(int=1)), Purpose.TRANSACTIONAL, state, first_due_at, due_at)


def earlier(state: FollowUpState, *, due: timedelta = timedelta()) -> Neighbour:
    return sibling(state, OURS - SECOND, START + due)


@pytest.mark.parametrize(
    "other",
    [
        *(earlier(state) for state in FollowUpState if state not in {FollowUpState.PENDING, FollowUpState.RELEASED}),
        earlier(FollowUpState.PENDING, due=SOON + timedelta(microseconds=1)),
        sibling(FollowUpState.RELEASED, OURS, START),
        sibling(FollowUpState.RELEASED, OURS + SECOND, START),
    ],
)
def test_nobody_waits_for_what_is_over_or_far_away_or_later(other: Neighbour) -> None:
    assert waits_until(OURS, OURS, [other], START) is None


def test_alone_it_goes_at_once() -> None:
    assert waits_until(OURS, OURS, [], START) is None


@pytest.mark.parametrize(
    "other",
    [earlier(FollowUpState.RELEASED), earlier(FollowUpState.PENDING), earlier(FollowUpState.PENDING, due=-SOON)],
)
def test_what_is_asked_about_now_is_waited_for_a_second(other: Neighbour) -> None:
    assert waits_until(OURS, OURS, [other], START) == START + SECOND


def test_what_is_put_off_a_little_is_waited_for_until_then() -> None:
    soon = [earlier(FollowUpState.PENDING, due=SOON), earlier(FollowUpState.PENDING, due=SECOND)]
    assert waits_until(OURS, OURS, soon, START) == START + SOON


@pytest.mark.parametrize(("waited", "pause"), [(2, 1), (8, 2), (100, 25), (3600, 60)])
def test_looks_become_rarer_the_longer_it_takes(waited: int, pause: int) -> None:
    now = START + timedelta(seconds=waited)
    assert waits_until(OURS, OURS, [earlier(FollowUpState.RELEASED)], now) == now + timedelta(seconds=pause)
