"""Order and distance of the follow-ups of one person: which waits for which, and for how long.

Within a run a follow-up waits for an earlier one that is about to be sent, so that both arrive in order. The wait is
short: gate and sender answer within seconds, and an earlier follow-up that is due later than `SOON` is not waited for,
since a late message about an order is worse than two messages in another order. Follow-ups that are sent late keep the
planned distance between them, and of the marketing that a person missed only one is sent a day.

Source: send protocol section 6 (at most one marketing follow-up a person, and catch-up).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.scheduler.lifecycle.follow_up import FollowUp
from shared.config.flow import Step, TextStep, WaitStep
from shared.config.wait import due_after
from shared.events.follow_up import Purpose
from shared.ids import EnrollmentId
from shared.vocabulary.follow_up_states import FollowUpState

SOON = timedelta(minutes=2)
"""An earlier follow-up that is due by then is waited for; consents of the same checkout take 60 s."""
LATE_AFTER = timedelta(minutes=5)
"""Workers, gate and sender take seconds; a follow-up sent this long after its first due time is late."""
CATCH_UP = timedelta(hours=24)
"""Of the marketing of several runs that a person missed, one follow-up is sent in this time."""
KEEPS_DISTANCE = "keeps_distance"
CATCHES_UP = "catch_up"
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=1)
_WAIT_FRACTION = 4
"""Each wait is this part of the time already waited: short waits are checked often, long ones rarely."""


class Neighbour(NamedTuple):
    """A follow-up of the same person as the one that is due, open or ended within `CATCH_UP`."""

    enrollment_id: EnrollmentId
    purpose: Purpose
    state: FollowUpState
    first_due_at: datetime
    due_at: datetime
    accepted_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def sent_at(self) -> datetime | None:
        """When the provider accepted it; an unanswered call counts from when it was given up."""
        if self.accepted_at is None and self.state is FollowUpState.UNKNOWN:
            return self.ended_at
        return self.accepted_at

    @property
    def is_late_marketing(self) -> bool:
        """Whether it is marketing that was sent late."""
        sent_at = self.sent_at
        return self.purpose is Purpose.MARKETING and sent_at is not None and is_late(self.first_due_at, sent_at)


@dataclass(frozen=True, slots=True)
class Postponement:
    """Until when a follow-up waits, and why."""

    until: datetime
    reason: str


def is_late(first_due_at: datetime, at: datetime) -> bool:
    """Return whether a follow-up that is sent at an instant is late."""
    return at > first_due_at + LATE_AFTER


def check_again_at(due_at: datetime, now: datetime) -> datetime:
    """Return when to look again at a follow-up that waits for the outcome of another."""
    return now + min(max((now - due_at) / _WAIT_FRACTION, _SHORTEST), _LONGEST)


def waits_for_others(follow_up: FollowUp, of_person: Sequence[Neighbour], now: datetime) -> datetime | None:
    """Return when to look again at a due follow-up that must wait for others of its person; None where it need not.

    It waits for earlier ones of its run, and late marketing for late marketing of another run that is released: the
    outcome of that decides.
    """
    same_run = [other for other in of_person if other.enrollment_id == follow_up.enrollment_id]
    until = waits_until(follow_up.first_due_at, follow_up.due_at, same_run, now)
    if until is None and follow_up.purpose is Purpose.MARKETING and is_late(follow_up.first_due_at, now):
        for other in of_person:
            is_other_run = other.enrollment_id != follow_up.enrollment_id
            is_released = other.purpose is Purpose.MARKETING and other.state is FollowUpState.RELEASED
            if is_other_run and is_released and is_late(other.first_due_at, now):
                return check_again_at(follow_up.due_at, now)
    return until


def waits_until(
    first_due_at: datetime, due_at: datetime, same_run: Iterable[Neighbour], now: datetime
) -> datetime | None:
    """Return when to look again at a follow-up, planned and due at these instants, that waits for others of its run."""
    before = [other for other in same_run if other.first_due_at < first_due_at and _is_about_to_go(other, now)]
    return max(check_again_at(due_at, now), *(other.due_at for other in before)) if before else None


def _is_about_to_go(other: Neighbour, now: datetime) -> bool:
    if other.state is FollowUpState.PENDING:
        return other.due_at <= now + SOON
    return other.state is FollowUpState.RELEASED


def postponement(follow_up: FollowUp | Neighbour, others: Iterable[Neighbour], now: datetime) -> Postponement | None:
    """Return until when a late follow-up must wait because of what was sent before; None for one that may go.

    The planned distance to others of its run is kept, but at most a day of it, also to a later one that overtook it.
    Of other runs' marketing that was missed, one follow-up is sent in `CATCH_UP`.
    """
    if not is_late(follow_up.first_due_at, now):
        return None
    found = [limit for other in others if (limit := _postponed_by(follow_up, other)) is not None and limit.until > now]
    return max(found, key=lambda limit: limit.until, default=None)


def _postponed_by(follow_up: FollowUp | Neighbour, other: Neighbour) -> Postponement | None:
    sent_at = other.sent_at
    if sent_at is None:
        return None
    if other.enrollment_id == follow_up.enrollment_id:
        distance = min(max(other.first_due_at - follow_up.first_due_at, timedelta()), CATCH_UP)
        return Postponement(sent_at + distance, KEEPS_DISTANCE)
    if follow_up.purpose is Purpose.MARKETING and other.is_late_marketing:
        return Postponement(sent_at + CATCH_UP, CATCHES_UP)
    return None


def due_after_sent(steps: Sequence[Step], before: str, then: str, sent_at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when the text step `then` is due, counting all waits since `before` from when that was sent.

    None where `then` does not follow `before`.
    """
    due_at: datetime | None = None
    for step in steps:
        match step:
            case WaitStep() if due_at is not None:
                due_at = due_after(step.wait, due_at, zone)
            case TextStep() if step.text == before:
                due_at = sent_at
            case TextStep() if step.text == then:
                return due_at
            case _:
                pass
    return None
