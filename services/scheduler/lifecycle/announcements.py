"""The events that the scheduler publishes about a follow-up."""

from datetime import datetime
from typing import Any, TypeVar

from services.scheduler.lifecycle.follow_up import FollowUp
from shared import ids
from shared.events.follow_up import (
    Content,
    FollowUpCancelled,
    FollowUpDue,
    FollowUpEvent,
    FollowUpExpired,
    FollowUpMoved,
    FollowUpPlanned,
)
from shared.ids import EventId
from shared.vocabulary.follow_up_states import FollowUpState

EventT = TypeVar("EventT", bound=FollowUpEvent)


def planned(follow_up: FollowUp, at: datetime) -> FollowUpPlanned:
    """Return the event of a new follow-up."""
    return _about(
        FollowUpPlanned,
        follow_up,
        at,
        release=0,
        due_at=follow_up.first_due_at,
        expires_at=follow_up.expires_at,
        subject=follow_up.subject,
        sender_number=follow_up.sender_number,
        trigger_id=follow_up.trigger_id,
    )


def due(follow_up: FollowUp, content: Content, release: int, at: datetime) -> FollowUpDue:
    """Return the event that asks the gate for a verdict."""
    return _about(
        FollowUpDue,
        follow_up,
        at,
        release=release,
        first_due_at=follow_up.first_due_at,
        due_at=follow_up.due_at,
        expires_at=follow_up.expires_at,
        sender_number=follow_up.sender_number,
        subject=follow_up.subject,
        content=content,
        policy=follow_up.policy,
        consent_reports=follow_up.consent_reports,
        inbound_at=follow_up.inbound_at,
        asked_by=follow_up.asked_by,
    )


def moved(
    follow_up: FollowUp, at: datetime, behind: str | None = None, sent_at: datetime | None = None
) -> FollowUpMoved:
    """Return the event of a pending follow-up that is due later now, behind a step that was sent at `sent_at`."""
    distance = None if sent_at is None else round((follow_up.due_at - sent_at).total_seconds())
    return _about(
        FollowUpMoved,
        follow_up,
        at,
        release=follow_up.lifecycle.release,
        due_at=follow_up.due_at,
        expires_at=follow_up.expires_at,
        reason=follow_up.lifecycle.reason,
        behind=behind,
        distance_seconds=distance,
    )


def ended(follow_up: FollowUp, state: FollowUpState, reason: str, at: datetime) -> FollowUpCancelled | FollowUpExpired:
    """Return the event of a cancelled or expired follow-up."""
    release = follow_up.lifecycle.release
    if state is FollowUpState.EXPIRED:
        return _about(FollowUpExpired, follow_up, at, release=release, reason=reason)
    return _about(FollowUpCancelled, follow_up, at, release=release, reason=reason)


def _about(kind: type[EventT], follow_up: FollowUp, at: datetime, *, release: int, **more: Any) -> EventT:
    """Return an event with the common fields; its id is derived from the follow-up, the release and the instant."""
    return kind(
        event_id=EventId(ids.derived(kind.type, follow_up.id, release, at=at)),
        merchant_id=follow_up.merchant_id,
        recipient_id=follow_up.recipient_id,
        occurred_at=at,
        correlation_id=follow_up.correlation_id,
        follow_up_id=follow_up.id,
        enrollment_id=follow_up.enrollment_id,
        flow=follow_up.flow,
        flow_version=follow_up.flow_version,
        step=follow_up.step,
        purpose=follow_up.purpose,
        release=release,
        **more,
    )
