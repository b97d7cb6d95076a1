"""The events that the scheduler publishes about a follow-up."""

from datetime import datetime
from functools import lru_cache
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
    return _about(FollowUpPlanned, follow_up, at, release=0, due_at=follow_up.first_due_at)


def due(follow_up: FollowUp, content: Content, release: int, at: datetime, open_since: datetime) -> FollowUpDue:
    """Return the event that asks the gate for a verdict, which counts deferrals from `open_since`."""
    return _about(FollowUpDue, follow_up, at, release=release, content=content, first_due_at=open_since)


def moved(
    follow_up: FollowUp, at: datetime, behind: str | None = None, sent_at: datetime | None = None
) -> FollowUpMoved:
    """Return the event of a pending follow-up that is due later now, behind a step that was sent at `sent_at`."""
    distance = None if sent_at is None else round((follow_up.due_at - sent_at).total_seconds())
    more = {"reason": follow_up.lifecycle.reason, "behind": behind, "distance_seconds": distance}
    return _about(FollowUpMoved, follow_up, at, release=follow_up.lifecycle.release, **more)


def ended(
    follow_up: FollowUp, state: FollowUpState, reason: str, at: datetime, *, after_failure: bool = False
) -> FollowUpCancelled | FollowUpExpired:
    """Return the event of a cancelled or expired follow-up."""
    more: dict[str, Any] = {"release": follow_up.lifecycle.release, "reason": reason, "after_failure": after_failure}
    if state is FollowUpState.EXPIRED:
        return _about(FollowUpExpired, follow_up, at, **more)
    return _about(FollowUpCancelled, follow_up, at, **more)


def _about(kind: type[EventT], follow_up: FollowUp, at: datetime, *, release: int, **more: Any) -> EventT:
    """Return an event with the fields it shares with a follow-up; its id is derived from that, release and instant."""
    values = {name: getattr(follow_up, name) for name in _fields_of(kind)}
    values |= {
        "event_id": EventId(ids.derived(kind.type, follow_up.id, release, at=at)),
        "occurred_at": at,
        "follow_up_id": follow_up.id,
        "release": release,
    }
    return kind(**(values | more))


@lru_cache
def _fields_of(kind: type[FollowUpEvent]) -> tuple[str, ...]:
    """Return the fields of an event that a follow-up has under the same name."""
    return tuple(name for name in FollowUp._fields if name in kind.model_fields)
