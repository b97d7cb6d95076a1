"""What the answers of the gate and of the sender mean to the follow-up they are about."""

from datetime import datetime, timedelta
from typing import TypeAlias

from services.scheduler import instruments
from services.scheduler.lifecycle.follow_up import FollowUp
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest
from services.scheduler.release.pacing import pause_after_lapse, spread
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchUnknown
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, FollowUpLapsed
from shared.vocabulary.purposes import Priority

ReleaseAnswer: TypeAlias = (
    FollowUpDeferred
    | FollowUpBlocked
    | FollowUpLapsed
    | DispatchAccepted
    | DispatchDelivered
    | DispatchFailed
    | DispatchUnknown
)
"""An event about one release."""

_OPENING_REASONS = frozenset({"quiet_hours", "holiday"})
"""Deferrals that end for many people at the same instant."""
_MESSAGE_EXPIRED = "message_expired"


def request_of(event: ReleaseAnswer, follow_up: FollowUp, spread_over: timedelta, now: datetime) -> TransitionRequest:
    """Return the transition that an answer asks for."""
    match event:
        case FollowUpDeferred():
            until = event.until
            if event.reason in _OPENING_REASONS and follow_up.priority is Priority.MARKETING:
                until = spread(until, follow_up.id, spread_over)
            return TransitionRequest(follow_up, Transition(TransitionKind.DEFERRED, event.reason, event.release), until)
        case FollowUpLapsed():
            instruments.LAPSES.inc()
            until = now + pause_after_lapse(event.release)
            return TransitionRequest(follow_up, Transition(TransitionKind.LAPSED, event.reason, event.release), until)
        case FollowUpBlocked():
            kind = TransitionKind.TOO_LATE if event.reason == _MESSAGE_EXPIRED else TransitionKind.BLOCKED
            return TransitionRequest(follow_up, Transition(kind, event.reason, event.release))
        case DispatchAccepted():
            transition = Transition(TransitionKind.ACCEPTED, "accepted", event.release, _attempt(event))
            return TransitionRequest(follow_up, transition, accepted_at=event.occurred_at)
        case DispatchDelivered():
            transition = Transition(TransitionKind.DELIVERED, "delivered", event.release, _attempt(event))
            return TransitionRequest(follow_up, transition, accepted_at=event.accepted_at or event.occurred_at)
        case DispatchUnknown():
            return TransitionRequest(
                follow_up, Transition(TransitionKind.UNKNOWN, event.reason, event.release, _attempt(event))
            )
        case DispatchFailed():
            kind = TransitionKind.UNDELIVERED if event.accepted else TransitionKind.REFUSED
            if event.retry_at is not None:
                kind = TransitionKind.RETRIED
            transition = Transition(kind, event.reason, event.release, _attempt(event), was_accepted=event.accepted)
            return TransitionRequest(follow_up, transition, event.retry_at)


def _attempt(event: DispatchAccepted | DispatchDelivered | DispatchFailed | DispatchUnknown) -> str | None:
    return None if event.attempt_id is None else event.attempt_id.hex
