"""Engagement: what people did with a text."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.events.envelope import Event, Sealed, event
from shared.events.topics import Topic
from shared.ids import EventId, FollowUpId


class ReplyClass(StrEnum):
    """How an inbound text was read (compliance section 12)."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"
    OTHER = "other"


@event(Topic.ENGAGEMENT, "reply.received")
class ReplyReceived(Event):
    """A person wrote back; the text itself stays sealed with the sender."""

    reply_class: ReplyClass
    needs_review: bool = False
    keyword_seq: int | None = None
    follow_up_id: FollowUpId | None = None
    """The text it most likely answers: the last one this person was sent."""
    sender_number: str
    locale: str | None = None
    contact: Sealed
    provider_answers: bool = False
    """The provider answers keywords by itself: this system does not."""
    repeats_opt_out: bool = False
    """A STOP texted again: it changed nothing, and one confirmation is all there may be (47 CFR 64.1200(a)(12))."""


@event(Topic.ENGAGEMENT, "reply.reviewed")
class ReplyReviewed(Event):
    """Somebody read a reply that may have been an opt-out, and decided; marketing to the person is held no longer."""

    reply_id: UUID
    replied_at: datetime
    """When the newest reply came that the decision is about; a later one is undecided."""
    was_opt_out: bool
    """The opt-out itself is a `consent.reported` of its own."""
    reviewed_by: str
    """The id of the API key; `operator` for commands on the same machine."""


@event(Topic.ENGAGEMENT, "click.recorded")
class ClickRecorded(Event):
    """A tracked short link was visited."""

    follow_up_id: FollowUpId
    click_id: UUID
    link: str
    """The short code; the target stays sealed with the sender."""
    robot: bool
    """A preview by software: stored, never counted."""


class AttributionModel(StrEnum):
    """Which touch earned the credit."""

    LAST_CLICK = "last_click"
    DELIVERED = "delivered"


@event(Topic.ENGAGEMENT, "conversion.attributed")
class ConversionAttributed(Event):
    """A purchase is credited to one text inside its attribution window; no purchase is credited twice."""

    conversion_id: UUID
    follow_up_id: FollowUpId
    trigger_id: EventId
    subject: str | None = None
    model: AttributionModel
    touched_at: datetime
    window_hours: int
    amount_minor: int
    currency: str


@event(Topic.ENGAGEMENT, "conversion.adjusted")
class ConversionAdjusted(Event):
    """A refund or cancellation took credit back."""

    conversion_id: UUID
    follow_up_id: FollowUpId
    trigger_id: EventId
    amount_minor: int
    """Signed: negative takes back."""
    currency: str
