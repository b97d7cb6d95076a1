"""What a late text owes to what went before it."""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.release.turn_rules import (
    CATCH_UP,
    CATCHES_UP,
    KEEPS_DISTANCE,
    LATE_AFTER,
    Neighbour,
    Postponement,
    due_after_sent,
    postponement,
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


def gone(run: EnrollmentId, *, at: timedelta = 29 * HOUR, **changes: Any) -> Neighbour:
    return known(run, state=FollowUpState.DELIVERED, accepted_at=START + at, **changes)


def test_all_waits_between_two_texts_count_anew() -> None:
    assert due_after_sent(STEPS, "a", "b", START, NEW_YORK) == START.replace(
        day=3, hour=15
    )  # 13:00 next day, then 10:00
    assert due_after_sent(STEPS, "b", "c", START, NEW_YORK) == START
    assert due_after_sent(STEPS, "c", "a", START, NEW_YORK) is None
    assert due_after_sent(STEPS, "a", "gone", START, NEW_YORK) is None


def test_what_is_on_time_owes_nothing() -> None:
    assert postponement(known(), [gone(OTHER_RUN)], START + LATE_AFTER) is None


def test_one_of_several_runs_missed_marketing_goes_a_day() -> None:
    assert postponement(known(), [gone(OTHER_RUN)], NOW) == Postponement(START + 29 * HOUR + CATCH_UP, CATCHES_UP)
    assert postponement(known(), [gone(OTHER_RUN)], START + 29 * HOUR + CATCH_UP) is None


@pytest.mark.parametrize(
    "other",
    [
        gone(OTHER_RUN, purpose=Purpose.TRANSACTIONAL),
        gone(OTHER_RUN, first_due_at=START + 29 * HOUR - LATE_AFTER),
        known(OTHER_RUN, state=FollowUpState.BLOCKED, ended_at=START + 29 * HOUR),
        known(OTHER_RUN),
    ],
    ids=["transactional", "on time", "never went", "not gone yet"],
)
def test_marketing_waits_for_no_other(other: Neighbour) -> None:
    assert postponement(known(), [other], NOW) is None


def test_what_is_no_marketing_catches_up_at_once() -> None:
    assert postponement(known(purpose=Purpose.TRANSACTIONAL), [gone(OTHER_RUN)], NOW) is None


def test_an_unanswered_text_counts_from_when_that_was_known() -> None:
    unanswered = known(OTHER_RUN, state=FollowUpState.UNKNOWN, ended_at=START + 29 * HOUR)
    assert postponement(known(), [unanswered], NOW) == Postponement(START + 29 * HOUR + CATCH_UP, CATCHES_UP)


@pytest.mark.parametrize(("planned", "kept"), [(2 * HOUR, 2 * HOUR), (10 * CATCH_UP, CATCH_UP)])
def test_a_text_that_was_overtaken_keeps_the_distance_up_to_a_day_of_it(planned: timedelta, kept: timedelta) -> None:
    later = gone(RUN, first_due_at=START + planned)
    text = known(purpose=Purpose.TRANSACTIONAL)
    assert postponement(text, [later], NOW) == Postponement(START + 29 * HOUR + kept, KEEPS_DISTANCE)
