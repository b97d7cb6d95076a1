"""Order and distance of one person's follow-ups: which waits for which, and how long."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.release.turn_rules import (
    CATCH_UP,
    CATCHES_UP,
    KEEPS_DISTANCE,
    LATE_AFTER,
    SOON,
    Neighbour,
    Postponement,
    due_after_sent,
    postponement,
    waits_until,
)
from shared.config.flow import Flow
from shared.events.follow_up import Purpose
from shared.ids import EnrollmentId
from shared.testing.clock import START
from shared.vocabulary.follow_up_states import FollowUpState

HOUR = timedelta(hours=1)
RUN, OTHER_RUN = EnrollmentId(UUID(int=1)), EnrollmentId(UUID(int=2))
NEW_YORK = ZoneInfo("America/New_York")
NOW = START + 30 * HOUR
STEPS = Flow.model_validate(
    {
        "flow": "f",
        "on": "purchase",
        "steps": [
            {"wait": "1h"},
            {"text": "a", "purpose": "transactional", "body": "A"},
            {"wait": "1d"},
            {"wait": {"hours": 1, "then_at": "10:00"}},
            {"text": "b", "purpose": "transactional", "body": "B"},
            {"text": "c", "purpose": "transactional", "body": "C"},
        ],
    }
).steps


def known(run: EnrollmentId = RUN, purpose: Purpose = Purpose.MARKETING, **changes: Any) -> Neighbour:
    values = {"state": FollowUpState.PENDING, "first_due_at": START, "due_at": START, **changes}
    return Neighbour(enrollment_id=run, purpose=purpose, **values)


def sent(run: EnrollmentId, *, at: timedelta = 29 * HOUR, **changes: Any) -> Neighbour:
    return known(run, state=FollowUpState.DELIVERED, accepted_at=START + at, **changes)


def test_all_waits_between_two_texts_count_anew() -> None:
    assert due_after_sent(STEPS, "a", "b", START, NEW_YORK) == START.replace(
        day=3, hour=15
    )  # 13:00 next day, then 10:00
    assert due_after_sent(STEPS, "b", "c", START, NEW_YORK) == START
    assert due_after_sent(STEPS, "c", "a", START, NEW_YORK) is None
    assert due_after_sent(STEPS, "a", "gone", START, NEW_YORK) is None


def test_what_is_on_time_owes_nothing() -> None:
    assert postponement(known(), [sent(OTHER_RUN)], START + LATE_AFTER) is None


def test_one_of_several_runs_missed_marketing_goes_a_day() -> None:
    assert postponement(known(), [sent(OTHER_RUN)], NOW) == Postponement(START + 29 * HOUR + CATCH_UP, CATCHES_UP)
    assert postponement(known(), [sent(OTHER_RUN)], START + 29 * HOUR + CATCH_UP) is None


@pytest.mark.parametrize(
    "other",
    [
        sent(OTHER_RUN, purpose=Purpose.TRANSACTIONAL),
        sent(OTHER_RUN, first_due_at=START + 29 * HOUR - LATE_AFTER),
        known(OTHER_RUN, state=FollowUpState.BLOCKED, ended_at=START + 29 * HOUR),
        known(OTHER_RUN),
    ],
    ids=["transactional", "on time", "never sent", "not sent yet"],
)
def test_marketing_waits_for_no_other(other: Neighbour) -> None:
    assert postponement(known(), [other], NOW) is None


def test_what_is_no_marketing_catches_up_at_once() -> None:
    assert postponement(known(purpose=Purpose.TRANSACTIONAL), [sent(OTHER_RUN)], NOW) is None


def test_an_unanswered_text_counts_from_when_that_was_known() -> None:
    unanswered = known(OTHER_RUN, state=FollowUpState.UNKNOWN, ended_at=START + 29 * HOUR)
    assert postponement(known(), [unanswered], NOW) == Postponement(START + 29 * HOUR + CATCH_UP, CATCHES_UP)


@pytest.mark.parametrize(("planned", "kept"), [(2 * HOUR, 2 * HOUR), (10 * CATCH_UP, CATCH_UP)])
def test_a_text_that_was_overtaken_keeps_the_distance_up_to_a_day_of_it(planned: timedelta, kept: timedelta) -> None:
    later = sent(RUN, first_due_at=START + planned)
    text = known(purpose=Purpose.TRANSACTIONAL)
    assert postponement(text, [later], NOW) == Postponement(START + 29 * HOUR + kept, KEEPS_DISTANCE)


SECOND = timedelta(seconds=1)


def sibling(state: FollowUpState, first_due_at: datetime, due_at: datetime) -> Neighbour:
    return Neighbour(EnrollmentId(UUID(int=1)), Purpose.TRANSACTIONAL, state, first_due_at, due_at)


def earlier(state: FollowUpState, *, due: timedelta = timedelta()) -> Neighbour:
    return sibling(state, START - SECOND, START + due)


@pytest.mark.parametrize(
    "other",
    [
        *(earlier(state) for state in FollowUpState if state not in {FollowUpState.PENDING, FollowUpState.RELEASED}),
        earlier(FollowUpState.PENDING, due=SOON + timedelta(microseconds=1)),
        sibling(FollowUpState.RELEASED, START, START),
        sibling(FollowUpState.RELEASED, START + SECOND, START),
    ],
)
def test_no_text_waits_for_what_is_over_or_far_away_or_later(other: Neighbour) -> None:
    assert waits_until(START, START, [other], START) is None


def test_alone_it_goes_at_once() -> None:
    assert waits_until(START, START, [], START) is None


@pytest.mark.parametrize(
    "other",
    [earlier(FollowUpState.RELEASED), earlier(FollowUpState.PENDING), earlier(FollowUpState.PENDING, due=-SOON)],
)
def test_what_is_asked_about_now_is_waited_for_a_second(other: Neighbour) -> None:
    assert waits_until(START, START, [other], START) == START + SECOND


def test_what_is_put_off_a_little_is_waited_for_until_then() -> None:
    soon = [earlier(FollowUpState.PENDING, due=SOON), earlier(FollowUpState.PENDING, due=SECOND)]
    assert waits_until(START, START, soon, START) == START + SOON


@pytest.mark.parametrize(("waited", "pause"), [(2, 1), (8, 2), (100, 25), (3600, 60)])
def test_looks_become_rarer_the_longer_it_takes(waited: int, pause: int) -> None:
    now = START + timedelta(seconds=waited)
    assert waits_until(START, START, [earlier(FollowUpState.RELEASED)], now) == now + timedelta(seconds=pause)
