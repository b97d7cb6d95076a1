"""Dispatches: what became of a cleared follow-up at the provider."""

from datetime import datetime
from enum import StrEnum

from shared.events.envelope import Event, event
from shared.events.follow_up import Purpose
from shared.events.topics import Topic
from shared.ids import AttemptId, FollowUpId
from shared.money import micros_per_minor


class ErrorClass(StrEnum):
    """Provider-neutral codes for a refusal or failure (compliance section 13)."""

    OPTED_OUT = "opted_out"
    INVALID = "invalid"
    NOT_MOBILE = "not_mobile"
    UNREACHABLE = "unreachable"
    FILTERED = "filtered"
    THROTTLED = "throttled"
    SENDER_UNREGISTERED = "sender_unregistered"
    QUIET_HOURS = "quiet_hours"
    CONTENT = "content"
    CONFIG = "config"
    UNKNOWN = "unknown"


class DispatchEvent(Event):
    """The fields of every event about a dispatch."""

    follow_up_id: FollowUpId
    attempt_id: AttemptId | None = None
    """None if no attempt was ever made (refused at intent)."""
    release: int
    flow: str
    step: str
    purpose: Purpose
    provider: str
    sender_number: str


@event(Topic.DISPATCHES, "dispatch.accepted")
class DispatchAccepted(DispatchEvent):
    """The provider took it; from here the text may exist."""

    provider_message_id: str
    parts: int
    price_minor: int | None = None
    """In whole minor units, rounded up; `price_micros` is the exact one where it is known."""
    price_micros: int | None = None
    """In millionths of the currency's unit: texts cost fractions of a cent."""
    currency: str | None = None
    body_sha256: str
    """Hash of the text under a key of the recipient, deleted with their erasure: it compares texts to one recipient."""
    reconciled: bool = False
    """Learnt by asking later, not from the call's own answer."""

    @property
    def micros(self) -> int | None:
        """The price in millionths of the currency's unit, from whichever is there; None where no price is known."""
        if self.price_micros is not None or self.price_minor is None:
            return self.price_micros
        return self.price_minor * micros_per_minor(self.currency or "")


@event(Topic.DISPATCHES, "dispatch.waiting")
class DispatchWaiting(DispatchEvent):
    """A call was made and is not over: no answer shows whether the text went, or the provider wants a later retry."""

    reason: str
    """`unanswered`, `not_sent`, or the error class of a refusal that is tried again by the sender itself."""
    detail: str | None = None
    """What was observed, as a constant word (http_503, timeout), or the provider's code."""
    until: datetime
    """When the provider is asked (unanswered) or the next call may be made."""


@event(Topic.DISPATCHES, "dispatch.delivered")
class DispatchDelivered(DispatchEvent):
    """The phone has it."""

    accepted_at: datetime | None = None
    asked_at: datetime | None = None
    """When the provider was asked, if it did not report by itself."""


@event(Topic.DISPATCHES, "dispatch.failed")
class DispatchFailed(DispatchEvent):
    """It did not go, or did not arrive."""

    accepted: bool
    """Whether the provider ever took it: decides whether a cap slot is returned."""
    error_class: ErrorClass | None = None
    code: str | None = None
    """The provider's own code, verbatim."""
    reason: str
    """A stable code: refused, undelivered, suppressed, cancelled, expired, proven_absent, render_failed, …"""
    retry_at: datetime | None = None
    """When the gate should be asked again."""
    asked_at: datetime | None = None
    """When the provider was asked about a text it accepted, if it did not report by itself."""


@event(Topic.DISPATCHES, "dispatch.unknown")
class DispatchUnknown(DispatchEvent):
    """Reconciliation ended without an answer; the text may or may not exist, and is not sent again."""

    reason: str
