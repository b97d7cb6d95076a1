"""The projection of a follow-up from its facts, independent of their sequence and of repeats.

Each fact claims a state with a rank; the highest rank wins. Within one release the ranks follow the scheduler's
table (design section 5); a later release outranks an earlier one, and a delivery outranks everything.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from shared.events.dispatch import (
    DispatchAccepted,
    DispatchDelivered,
    DispatchEvent,
    DispatchFailed,
    DispatchUnknown,
    DispatchWaiting,
)
from shared.events.engagement import ClickRecorded, ConversionAttributed, ReplyClass, ReplyReceived
from shared.events.envelope import Event
from shared.events.follow_up import (
    FollowUpBlocked,
    FollowUpCancelled,
    FollowUpCleared,
    FollowUpDeferred,
    FollowUpDue,
    FollowUpEvent,
    FollowUpExpired,
    FollowUpLapsed,
    FollowUpPlanned,
)
from shared.ids import FollowUpId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import FollowUpState

ALREADY_DISPATCHED: Final = "already_dispatched"
"""Why a later release is withdrawn: an earlier one was sent after all. The text itself is not cancelled."""
MESSAGE_EXPIRED: Final = "message_expired"
"""The gate's reason for a text that the scheduler then expires; the verdict still counts as blocked."""
NEEDS_ATTENTION: Final = (FollowUpState.UNKNOWN, FollowUpState.BLOCKED, FollowUpState.FAILED)
"""States that the console lists for attention."""

_RANKS_PER_RELEASE: Final = 16
_PROGRESS_STEP: Final = 3
"""A text that was deferred, that lapsed, or whose provider call is not concluded."""
_DELIVERED_RANK: Final = 1 << 30


class Projection(NamedTuple):
    """The result of all facts about one follow-up; an unknown string is empty.

    A named tuple, since each fact creates a new one: it is copied, compared and written several times as fast.
    """

    follow_up_id: FollowUpId
    merchant_id: MerchantId
    recipient_id: RecipientId
    changed_at: datetime
    flow: str = ""
    flow_version: str = ""
    step: str = ""
    purpose: str = ""
    segment: str = ""
    provider: str = ""
    sender_number: str = ""
    route_release: int = -1
    """The release whose provider and number these are."""
    trigger_id: UUID | None = None
    planned_at: datetime | None = None
    due_at: datetime | None = None
    state: FollowUpState = FollowUpState.PENDING
    reason: str = ""
    waits_until: datetime | None = None
    """Set while a provider call is not concluded: when the provider is asked, or the next call may be made."""
    waits_detail: str = ""
    """The result of that call."""
    rank: int = -1
    """The rank of the state; -1: only reactions to the text are known."""
    is_engaged: bool = False
    """A person or a robot reacted to the text."""
    clicked_by: UUID | None = None
    """The fact that counts as the human click; the smallest id, so that every sequence gives the same."""
    replied_by: UUID | None = None
    opted_out_by: UUID | None = None
    converted_by: UUID | None = None
    accepted_at: datetime | None = None
    """When a provider first accepted it: everything about the text is counted in that hour."""
    delivered_by: UUID | None = None
    """The fact that counts as the delivery, if several attempts have one; the smallest id."""

    @property
    def reached_at(self) -> datetime | None:
        """When the provider accepted the text, if it was delivered; otherwise None."""
        return self.accepted_at if self.delivered_by is not None else None

    @property
    def plan(self) -> tuple[str, str, str, str, str]:
        """The dimensions of the plan, for counting."""
        return self.flow, self.flow_version, self.step, self.purpose, self.segment

    @property
    def route(self) -> tuple[str, str]:
        """Provider and sender number, for counting reactions."""
        return self.provider, self.sender_number

    @property
    def firsts(self) -> tuple[UUID | None, ...]:
        """The facts that count once for each follow-up."""
        return self.clicked_by, self.replied_by, self.opted_out_by, self.converted_by

    def state_at(self, now: datetime, unconfirmed_after: timedelta) -> FollowUpState:
        """Return the state at an instant: a dispatch without a receipt becomes unconfirmed after a time."""
        if self.state is FollowUpState.DISPATCHED and now - self.changed_at >= unconfirmed_after:
            return FollowUpState.UNCONFIRMED
        return self.state


def project(events: Iterable[Event], before: Projection | None = None) -> Projection | None:
    """Return the projection of one follow-up with these facts; None for no facts at all."""
    projection = before
    for event in events:
        projection = apply(projection, event)
    return projection


def apply(before: Projection | None, event: Event) -> Projection:
    """Return the projection with one more fact; applying a fact again changes nothing."""
    projection = before or _unknown(event)
    if isinstance(event, FollowUpEvent):
        changes = _planned(projection, event)
    elif isinstance(event, DispatchEvent):
        changes = _routed(projection, event)
    else:
        changes = _engaged(projection, event)
    if claim := _claim(event):
        state, rank, reason = claim
        if _outranks(projection, rank, event.occurred_at, state, reason):
            changes |= {"state": state, "rank": rank, "reason": reason, "changed_at": event.occurred_at}
            waits = event if isinstance(event, DispatchWaiting) else None
            changes["waits_until"] = waits.until if waits else None
            changes["waits_detail"] = (waits.detail or "") if waits else ""
    elif projection.rank < 0 and event.occurred_at < projection.changed_at:
        changes["changed_at"] = event.occurred_at
    return projection._replace(**changes) if changes else projection


def _unknown(event: Event) -> Projection:
    """Return the projection before the first fact."""
    follow_up_id = getattr(event, "follow_up_id", None)
    if follow_up_id is None:
        raise ValueError(f"{event.type} is about no follow-up")
    return Projection(follow_up_id, event.merchant_id, event.recipient_id, event.occurred_at)


def _claim(event: Event) -> tuple[FollowUpState, int, str] | None:  # noqa: C901, PLR0911 - one line a row of the table
    """Return the state that an event claims, its rank and the reason; None if it claims none."""
    match event:
        case FollowUpPlanned():
            return FollowUpState.PENDING, 0, ""
        case FollowUpDue():
            return FollowUpState.RELEASED, _rank(event.release, 1), ""
        case FollowUpCleared():
            return FollowUpState.RELEASED, _rank(event.release, 2), "cleared"
        case DispatchWaiting():
            return FollowUpState.RELEASED, _rank(event.release, _PROGRESS_STEP), event.reason
        case FollowUpDeferred() | FollowUpLapsed():
            return FollowUpState.PENDING, _rank(event.release, _PROGRESS_STEP), event.reason
        case DispatchUnknown():
            return FollowUpState.UNKNOWN, _rank(event.release, 4), event.reason
        case DispatchFailed():
            step = 9 if event.accepted else 5
            state = FollowUpState.PENDING if event.retry_at else FollowUpState.FAILED
            return state, _rank(event.release, step), failure_code(event)
        case FollowUpBlocked():
            # With this reason the scheduler expires the text.
            state = FollowUpState.EXPIRED if event.reason == MESSAGE_EXPIRED else FollowUpState.BLOCKED
            return state, _rank(event.release, 6), event.reason
        case FollowUpCancelled() if event.reason == ALREADY_DISPATCHED:
            return None
        # The scheduler's state outranks the gate's answer about a text that was withdrawn by then.
        case FollowUpCancelled():
            return FollowUpState.CANCELLED, _rank(event.release, _withdrawn_step(event)), event.reason
        case FollowUpExpired():
            return FollowUpState.EXPIRED, _rank(event.release, _withdrawn_step(event)), event.reason
        case DispatchAccepted():
            return FollowUpState.DISPATCHED, _rank(event.release, 8), ""
        case DispatchDelivered():
            return FollowUpState.DELIVERED, _DELIVERED_RANK, ""
        case _:
            return None


def _withdrawn_step(event: FollowUpCancelled | FollowUpExpired) -> int:
    """Return the step of a withdrawal: below an acceptance, unless it came after the failure of what was accepted."""
    return 10 if event.after_failure else 7


def is_refused_here(event: DispatchFailed) -> bool:
    """Return whether Followup's own rules refused it and no provider was called."""
    return event.attempt_id is None


def failure_code(event: DispatchFailed) -> str:
    """Return why a dispatch failed, as a code: an error class if a provider answered, otherwise the reason."""
    return event.reason if is_refused_here(event) or not event.error_class else str(event.error_class)


def _rank(release: int, step: int) -> int:
    return release * _RANKS_PER_RELEASE + step


def _outranks(projection: Projection, rank: int, at: datetime, state: FollowUpState, reason: str) -> bool:
    """Return whether a claim replaces the current one.

    Of equal ranks the earlier wins, then the smaller reason; but progress is reported repeatedly, and there the
    latest report wins.
    """
    if rank != projection.rank:
        return rank > projection.rank
    if rank % _RANKS_PER_RELEASE == _PROGRESS_STEP:
        return (at, state, reason) > (projection.changed_at, projection.state, projection.reason)
    return (at, state, reason) < (projection.changed_at, projection.state, projection.reason)


def _planned(projection: Projection, event: FollowUpEvent) -> dict[str, Any]:
    """Return what a follow-up event adds to the plan; a known dimension never becomes unknown."""
    changes: dict[str, Any] = {}
    for name in ("flow", "flow_version", "step"):
        _raise(changes, projection, name, getattr(event, name))
    _raise(changes, projection, "purpose", str(event.purpose))
    match event:
        case FollowUpPlanned():
            _raise(changes, projection, "segment", event.segment or "")
            _latest(changes, projection, event.due_at)
            if projection.planned_at is None or event.occurred_at < projection.planned_at:
                changes["planned_at"] = event.occurred_at
            if event.trigger_id is not None and projection.trigger_id is None:
                changes["trigger_id"] = event.trigger_id
            _reroute(changes, projection, -1, "", event.sender_number)
        case FollowUpDue():
            _latest(changes, projection, event.due_at)
        case FollowUpDeferred():
            _latest(changes, projection, event.until)
    return changes


def _routed(projection: Projection, event: DispatchEvent) -> dict[str, Any]:
    """Return what a dispatch event adds: provider, sender number and acceptance."""
    changes: dict[str, Any] = {}
    _raise(changes, projection, "flow", event.flow)
    _raise(changes, projection, "step", event.step)
    _raise(changes, projection, "purpose", str(event.purpose))
    _reroute(changes, projection, event.release, event.provider, event.sender_number)
    match event:
        case DispatchFailed() if event.retry_at is not None:
            _latest(changes, projection, event.retry_at)
        case DispatchAccepted() if projection.accepted_at is None or event.occurred_at < projection.accepted_at:
            changes["accepted_at"] = event.occurred_at
        case DispatchDelivered():
            _first(changes, projection, "delivered_by", event.event_id)
    return changes


def _engaged(projection: Projection, event: Event) -> dict[str, Any]:
    """Return what a reaction adds."""
    changes: dict[str, Any] = {} if projection.is_engaged else {"is_engaged": True}
    match event:
        case ClickRecorded(robot=False):
            _first(changes, projection, "clicked_by", event.event_id)
        case ReplyReceived(reply_class=ReplyClass.OPT_OUT):
            _first(changes, projection, "opted_out_by", event.event_id)
        case ReplyReceived(reply_class=ReplyClass.HELP):
            pass  # a keyword of the service, like an opt-out, and not an answer to the text
        case ReplyReceived():
            _first(changes, projection, "replied_by", event.event_id)
        case ConversionAttributed():
            _first(changes, projection, "converted_by", event.event_id)
    return changes


def _raise(changes: dict[str, Any], projection: Projection, name: str, value: str) -> None:
    """Keep the greater string: any is greater than an unknown one."""
    if value > getattr(projection, name):
        changes[name] = value


def _latest(changes: dict[str, Any], projection: Projection, due_at: datetime) -> None:
    """Keep the later due time: a follow-up is only ever moved to later."""
    if projection.due_at is None or due_at > projection.due_at:
        changes["due_at"] = due_at


def _reroute(changes: dict[str, Any], projection: Projection, release: int, provider: str, number: str) -> None:
    """Keep the provider and number of the latest release."""
    if (release, provider, number) > (projection.route_release, projection.provider, projection.sender_number):
        changes |= {"route_release": release, "provider": provider, "sender_number": number}


def _first(changes: dict[str, Any], projection: Projection, name: str, event_id: UUID) -> None:
    """Keep the smaller id."""
    known: UUID | None = getattr(projection, name)
    if known is None or event_id < known:
        changes[name] = event_id
