"""Distance: texts that go late keep the time between them that was planned, and nobody gets all they missed at once.

Source: send protocol section 6 (at most one marketing text a person and catch-up).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.config.flow import Step, TextStep, WaitStep
from shared.config.wait import due_after
from shared.events.follow_up import Purpose
from shared.ids import EnrollmentId
from shared.vocabulary.follow_up_states import FollowUpState

LATE_AFTER = timedelta(minutes=5)
"""Workers, gate and sender take seconds; what goes this long after it was first due could not go in time."""
CATCH_UP = timedelta(hours=24)
"""Of the marketing texts of several runs that a person missed, one goes in this time."""
KEEPS_DISTANCE = "keeps_distance"
CATCHES_UP = "catch_up"
_WENT_WITHOUT_AN_ANSWER = FollowUpState.UNKNOWN


class NeighbouringText(NamedTuple):
    """Another text of the same person, open or ended within `CATCH_UP`."""

    enrollment_id: EnrollmentId
    purpose: Purpose
    state: FollowUpState
    first_due_at: datetime
    due_at: datetime
    accepted_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def went_at(self) -> datetime | None:
        """When it went; an unanswered call counts from when that was known."""
        if self.accepted_at is None and self.state is _WENT_WITHOUT_AN_ANSWER:
            return self.ended_at
        return self.accepted_at

    @property
    def is_late_marketing(self) -> bool:
        """Whether it went late, and for marketing."""
        went_at = self.went_at
        return self.purpose is Purpose.MARKETING and went_at is not None and is_late(self.first_due_at, went_at)


def is_late(first_due_at: datetime, at: datetime) -> bool:
    """Return whether a text that goes at an instant goes late."""
    return at > first_due_at + LATE_AFTER


def planned_after(steps: Sequence[Step], before: str, then: str, went_at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when the text `then` is due where the text `before` went at `went_at`: all waits between them count anew.

    None where `then` does not follow `before`.
    """
    due_at: datetime | None = None
    for step in steps:
        match step:
            case WaitStep() if due_at is not None:
                due_at = due_after(step.wait, due_at, zone)
            case TextStep() if step.text == before:
                due_at = went_at
            case TextStep() if step.text == then:
                return due_at
            case _:
                pass
    return None


@dataclass(frozen=True, slots=True)
class PutOff:
    """Not now, and why."""

    until: datetime
    reason: str


def put_off(text: NeighbouringText, others: Iterable[NeighbouringText], now: datetime) -> PutOff | None:
    """Return until when a text that is late must wait for what went before; None for one that may go.

    A later text of its run may have overtaken it: the planned distance lies between them all the same, but no more than
    a day of it. Of other runs' marketing that was missed, one goes in `CATCH_UP`.
    """
    if not is_late(text.first_due_at, now):
        return None
    found = [each for other in others if (each := _put_off_by(text, other)) is not None and each.until > now]
    return max(found, key=lambda each: each.until, default=None)


def _put_off_by(text: NeighbouringText, other: NeighbouringText) -> PutOff | None:
    went_at = other.went_at
    if went_at is None:
        return None
    if other.enrollment_id == text.enrollment_id:
        distance = min(max(other.first_due_at - text.first_due_at, timedelta()), CATCH_UP)
        return PutOff(went_at + distance, KEEPS_DISTANCE)
    if text.purpose is Purpose.MARKETING and other.is_late_marketing:
        return PutOff(went_at + CATCH_UP, CATCHES_UP)
    return None


def is_ahead(text: NeighbouringText, other: NeighbouringText, now: datetime) -> bool:
    """Return whether another run's marketing text that is late, too, is under way already: its outcome decides."""
    return (
        text.purpose is Purpose.MARKETING
        and other.purpose is Purpose.MARKETING
        and other.state is FollowUpState.RELEASED
        and other.enrollment_id != text.enrollment_id
        and is_late(text.first_due_at, now)
        and is_late(other.first_due_at, now)
    )
