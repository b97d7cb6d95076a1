"""Factories: one example of every event type; a test spells out only what matters to it.

`make.event(FollowUpDue, due_at=...)` returns a valid event; everything not given has a plain, constant value.
"""

from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from shared.events import consent, control, dispatch, engagement, follow_up, privacy, trigger
from shared.events.envelope import Event
from shared.testing.clock import START

EventT = TypeVar("EventT", bound=Event)

MERCHANT = "acme"
RECIPIENT = UUID("018c0000-0000-8000-8000-00000000000a")
FOLLOW_UP = UUID("018c0000-0000-8000-8000-00000000000f")
ENROLLMENT = UUID("018c0000-0000-8000-8000-00000000000e")
ATTEMPT = UUID("018c0000-0000-7000-8000-0000000000a1")
TRIGGER = UUID("018c0000-0000-8000-8000-000000000071")
CONVERSION = UUID("018c0000-0000-8000-8000-0000000000c0")
REQUEST = UUID("018c0000-0000-7000-8000-0000000000d1")
SENDER_NUMBER = "+12025550100"

_ENVELOPE: dict[str, Any] = {
    "event_id": UUID("018c0000-0000-8000-8000-0000000000e1"),
    "merchant_id": MERCHANT,
    "recipient_id": RECIPIENT,
    "occurred_at": START,
    "correlation_id": "c-1",
}
_FOLLOW_UP: dict[str, Any] = {
    "follow_up_id": FOLLOW_UP,
    "enrollment_id": ENROLLMENT,
    "flow": "order-thank-you",
    "flow_version": "v1",
    "step": "thanks",
    "purpose": follow_up.Purpose.TRANSACTIONAL,
    "release": 1,
}
_CONTENT = follow_up.Content(body=b"sealed body", locale="en", contact=b"sealed contact", facts=b"sealed facts")
_DISPATCH: dict[str, Any] = {
    "follow_up_id": FOLLOW_UP,
    "attempt_id": ATTEMPT,
    "release": 1,
    "flow": "order-thank-you",
    "step": "thanks",
    "purpose": follow_up.Purpose.TRANSACTIONAL,
    "provider": "main",
    "sender_number": SENDER_NUMBER,
}
_SCOPE = consent.ScopeSnapshot(status="pewc", captured_at=START)

_FIELDS: dict[type[Event], dict[str, Any]] = {
    trigger.TriggerReceived: {
        "kind": "purchase",
        "source": "shopify",
        "subject": "order-1001",
        "customer": "customer-7",
        "amount_minor": 4900,
        "currency": "USD",
        "contact": b"sealed contact",
        "facts": b"sealed facts",
    },
    consent.ConsentReported: {
        "scope": consent.ConsentScope.MARKETING,
        "act": consent.ConsentAct.GRANTED,
        "level": consent.ConsentLevel.PEWC,
        "captured_at": START,
        "method": "checkout",
        "source": "shopify",
    },
    consent.ConsentChanged: {
        "epoch": 1,
        "marketing": _SCOPE,
        "informational": _SCOPE,
        "scope": consent.ConsentScope.MARKETING,
        "act": consent.ConsentAct.GRANTED,
    },
    consent.PrivacyRequested: {"right": consent.PrivacyRight.EXPORT, "source": "shopify"},
    consent.RecipientErased: {"request_id": REQUEST},
    consent.MerchantClosed: {"reason": "app/uninstalled", "recipient_id": UUID(int=0)},
    control.ControlChanged: {
        "recipient_id": UUID(int=0),
        "control_id": REQUEST,
        "action": "pause",
        "scope": {"flow": "order-thank-you"},
        "made_at": START,
    },
    control.ApprovalAsked: {
        "recipient_id": UUID(int=0),
        "approval_id": REQUEST,
        "scope": {"flow": "order-thank-you"},
        "texts": 812,
        "asked_by": "user:anna",
        "expires_at": START,
    },
    control.ControlObeyed: {"recipient_id": UUID(int=0), "control_id": REQUEST},
    privacy.PrivacyErased: {"request_id": REQUEST, "service": "ingest", "rows": {"ingest_deliveries": 2}},
    privacy.PrivacyExported: {
        "request_id": REQUEST,
        "service": "ingest",
        "part": 1,
        "parts": 1,
        "body": b"sealed rows",
    },
    follow_up.FollowUpPlanned: {**_FOLLOW_UP, "release": 0, "due_at": START, "sender_number": SENDER_NUMBER},
    follow_up.FollowUpDue: {
        **_FOLLOW_UP,
        "first_due_at": START,
        "due_at": START,
        "sender_number": SENDER_NUMBER,
        "content": _CONTENT,
    },
    follow_up.FollowUpCleared: {
        **_FOLLOW_UP,
        "valid_until": START + timedelta(minutes=10),
        "sender_number": SENDER_NUMBER,
        "content": _CONTENT,
    },
    follow_up.FollowUpDeferred: {**_FOLLOW_UP, "until": START + timedelta(hours=9), "reason": "quiet_hours"},
    follow_up.FollowUpBlocked: {**_FOLLOW_UP, "reason": "no_consent"},
    follow_up.FollowUpLapsed: {**_FOLLOW_UP, "reason": "clearance_ran_out"},
    follow_up.FollowUpCancelled: {**_FOLLOW_UP, "reason": "cancel_rule"},
    follow_up.FollowUpMoved: {
        **_FOLLOW_UP,
        "due_at": START + timedelta(days=2),
        "expires_at": START + timedelta(days=3),
        "reason": "keeps_distance",
        "behind": "thanks",
        "distance_seconds": 172_800,
    },
    follow_up.FollowUpExpired: {**_FOLLOW_UP, "reason": "expire_after"},
    dispatch.DispatchAccepted: {
        **_DISPATCH,
        "provider_message_id": "SM1",
        "parts": 1,
        "body_sha256": "0" * 64,
    },
    dispatch.DispatchWaiting: {
        **_DISPATCH,
        "reason": "unanswered",
        "detail": "http_503",
        "until": START + timedelta(seconds=5),
    },
    dispatch.DispatchDelivered: {**_DISPATCH, "accepted_at": START},
    dispatch.DispatchFailed: {**_DISPATCH, "accepted": False, "reason": "refused"},
    dispatch.DispatchUnknown: {**_DISPATCH, "reason": "no_answer"},
    engagement.ReplyReceived: {
        "reply_class": engagement.ReplyClass.OTHER,
        "sender_number": SENDER_NUMBER,
        "contact": b"sealed contact",
    },
    engagement.ReplyReviewed: {
        "reply_id": UUID("018c0000-0000-7000-8000-0000000000d1"),
        "replied_at": START,
        "was_opt_out": False,
        "reviewed_by": "support",
    },
    engagement.ClickRecorded: {
        "follow_up_id": FOLLOW_UP,
        "click_id": UUID("018c0000-0000-7000-8000-0000000000c1"),
        "link": "Ab3dE5gH1j",
        "robot": False,
    },
    engagement.ConversionAttributed: {
        "conversion_id": CONVERSION,
        "follow_up_id": FOLLOW_UP,
        "trigger_id": TRIGGER,
        "model": engagement.AttributionModel.LAST_CLICK,
        "touched_at": START,
        "window_hours": 120,
        "amount_minor": 6200,
        "currency": "USD",
    },
    engagement.ConversionAdjusted: {
        "conversion_id": CONVERSION,
        "follow_up_id": FOLLOW_UP,
        "trigger_id": TRIGGER,
        "amount_minor": -6200,
        "currency": "USD",
    },
}


def event(kind: type[EventT], /, **changes: Any) -> EventT:
    """Return an event of a type, with the given fields changed."""
    return kind(**{**_ENVELOPE, **_FIELDS[kind], **changes})
