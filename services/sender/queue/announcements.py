"""The events that announce what became of a dispatch; each id is derived from the fact."""

from datetime import datetime
from typing import Any, Final

from services.sender.queue.dispatches import Attempt, Dispatch
from shared import ids
from shared.events.dispatch import (
    DispatchAccepted,
    DispatchDelivered,
    DispatchFailed,
    DispatchUnknown,
    DispatchWaiting,
    ErrorClass,
)
from shared.events.follow_up import FollowUpLapsed
from shared.ids import EventId

_SAME_WHEN_LAPSED: Final = FollowUpLapsed.model_fields.keys() & set(Dispatch._fields) - {"reason"}


def accepted(
    attempt: Attempt,
    dispatch: Dispatch,
    *,
    reconciled: bool,
    price_micros: int | None,
    currency: str | None,
    now: datetime,
) -> DispatchAccepted:
    """Return the event for a text that the provider accepted."""
    return DispatchAccepted(
        **_common(dispatch, attempt, "dispatch.accepted", now),
        provider_message_id=attempt.provider_message_id or "",
        parts=attempt.parts,
        price_micros=price_micros,
        currency=currency,
        body_sha256=attempt.body_sha256.hex(),
        reconciled=reconciled,
    )


def delivered(
    attempt: Attempt, dispatch: Dispatch, now: datetime, *, asked_at: datetime | None = None
) -> DispatchDelivered:
    """Return the event for a text that was delivered."""
    return DispatchDelivered(
        **_common(dispatch, attempt, "dispatch.delivered", now), accepted_at=attempt.accepted_at, asked_at=asked_at
    )


def failed(
    attempt: Attempt | None,
    dispatch: Dispatch,
    now: datetime,
    *,
    accepted: bool,
    reason: str,
    error_class: ErrorClass | None = None,
    code: str | None = None,
    retry_at: datetime | None = None,
    asked_at: datetime | None = None,
) -> DispatchFailed:
    """Return the event for a text that was not sent, or not delivered."""
    return DispatchFailed(
        **_common(dispatch, attempt, "dispatch.failed", now),
        accepted=accepted,
        error_class=error_class,
        code=code,
        reason=reason,
        retry_at=retry_at,
        asked_at=asked_at,
    )


def unknown(attempt: Attempt, dispatch: Dispatch, now: datetime, reason: str) -> DispatchUnknown:
    """Return the event for a call whose outcome can no longer be proven."""
    return DispatchUnknown(**_common(dispatch, attempt, "dispatch.unknown", now), reason=reason)


def waiting(
    attempt: Attempt, dispatch: Dispatch, now: datetime, *, reason: str, detail: str | None, until: datetime
) -> DispatchWaiting:
    """Return the event for a call that is not concluded; one attempt is announced once for each reason."""
    common = _common(dispatch, attempt, "dispatch.waiting", now)
    own_id = ids.derived("dispatch.waiting", dispatch.follow_up_id, attempt.id, reason, at=dispatch.first_queued_at)
    return DispatchWaiting(**common | {"event_id": EventId(own_id)}, reason=reason, detail=detail, until=until)


def lapsed(dispatch: Dispatch, now: datetime, reason: str) -> FollowUpLapsed:
    """Return the event that asks the gate again."""
    same = {name: getattr(dispatch, name) for name in _SAME_WHEN_LAPSED}
    return FollowUpLapsed(
        event_id=_event_id("follow-up.lapsed", dispatch, None), occurred_at=now, reason=reason, **same
    )


def _common(dispatch: Dispatch, attempt: Attempt | None, kind: str, now: datetime) -> dict[str, Any]:
    return {
        "event_id": _event_id(kind, dispatch, attempt),
        "merchant_id": dispatch.merchant_id,
        "recipient_id": dispatch.recipient_id,
        "occurred_at": now,
        "correlation_id": dispatch.correlation_id,
        "follow_up_id": dispatch.follow_up_id,
        "attempt_id": attempt.id if attempt else None,
        "release": attempt.release if attempt else dispatch.release,
        "flow": dispatch.flow,
        "step": dispatch.step,
        "purpose": dispatch.purpose,
        "provider": (attempt.provider if attempt else dispatch.provider) or "",
        "sender_number": attempt.sender_number if attempt else dispatch.sender_number,
    }


def _event_id(kind: str, dispatch: Dispatch, attempt: Attempt | None) -> EventId:
    natural_key = attempt.id if attempt else dispatch.release
    return EventId(ids.derived(kind, dispatch.follow_up_id, natural_key, at=dispatch.first_queued_at))
