"""Follow-ups: one step for one recipient, from plan to verdict."""

from datetime import datetime
from enum import StrEnum

from shared import aad
from shared.aad import AssociatedData
from shared.events.envelope import Event, Part, Sealed, event
from shared.events.topics import Topic
from shared.ids import EnrollmentId, EventId, FollowUpId


class Purpose(StrEnum):
    """Why a text is sent; decides consent, hours and caps (compliance section 2)."""

    MARKETING = "marketing"
    INFORMATIONAL = "informational"
    TRANSACTIONAL = "transactional"
    OPT_OUT_CONFIRMATION = "opt_out_confirmation"
    HELP = "help"
    CONVERSATION = "conversation"
    """A shop's own answer to what a person wrote."""


class ResendPolicy(StrEnum):
    """What may follow a proven absence (send-protocol section 1, step 8)."""

    AT_MOST_ONCE = "at_most_once"
    RESEND_WHEN_ABSENT = "resend_when_absent"


class SendPolicy(Part):
    """How a flow wants its texts treated after the gate."""

    resend: ResendPolicy = ResendPolicy.AT_MOST_ONCE
    click_days: int = 5
    """Attribution window after a human click."""
    delivered_hours: int = 24
    """Attribution window after a delivery without a click."""


class Content(Part):
    """What a text is made of; personal parts are sealed."""

    body: Sealed
    """The template (UTF-8) in the recipient's locale."""
    locale: str
    contact: Sealed
    """A `Contact`."""
    facts: Sealed
    """A JSON object: ``{"trigger": {...}, "recipient": {...}}``, the names a template may read."""


class FollowUpEvent(Event):
    """The fields of every event about one follow-up."""

    follow_up_id: FollowUpId
    enrollment_id: EnrollmentId
    flow: str
    flow_version: str
    step: str
    purpose: Purpose
    release: int = 0
    """How many times it has been handed to the gate; 0 before the first."""

    def associated_data(self) -> dict[str, AssociatedData]:
        """Return where the parts of its content belong."""
        text = {"body": aad.text_body(self.follow_up_id), "facts": aad.text_facts(self.follow_up_id)}
        return {**super().associated_data(), **text}


@event(Topic.FOLLOW_UPS, "follow-up.planned")
class FollowUpPlanned(FollowUpEvent):
    """A text is planned."""

    due_at: datetime
    expires_at: datetime | None = None
    subject: str | None = None
    sender_number: str
    """The merchant's own number, E.164: also the pacing key."""
    arm: str | None = None
    """The hold-out arm, where the flow splits."""
    segment: str | None = None
    trigger_id: EventId | None = None


@event(Topic.FOLLOW_UPS, "follow-up.due")
class FollowUpDue(FollowUpEvent):
    """A text is due: the gate must decide whether it may go."""

    first_due_at: datetime
    """`max_defer_hours` counts from here: when it was first due, or the end of a blackout since."""
    due_at: datetime
    expires_at: datetime | None = None
    sender_number: str
    subject: str | None = None
    content: Content
    policy: SendPolicy = SendPolicy()
    consent_reports: tuple[EventId, ...] = ()
    """Claims the ledger must hold before the verdict (deferred at most 60 s for them)."""
    inbound_at: datetime | None = None
    """For answers, a shop's own too: when the person wrote."""
    asked_by: str | None = None
    """The id of the API key that requested it, if one did."""


@event(Topic.FOLLOW_UPS, "follow-up.cleared")
class FollowUpCleared(FollowUpEvent):
    """It may go until `valid_until`; after that the gate is asked again."""

    valid_until: datetime
    first_due_at: datetime | None = None
    """When it was first due: after a restore, a text due before the restart may have gone already (crash C16)."""
    window_closes_at: datetime | None = None
    """When quiet hours begin, less the guard; the provider's validity period ends here. None: no quiet hours."""
    expires_at: datetime | None = None
    sender_number: str
    subject: str | None = None
    content: Content
    policy: SendPolicy = SendPolicy()
    first_contact: bool = False
    """No text was ever sent to this person: brand and STOP line are due even if transactional (compliance 10)."""
    explanation: str | None = None
    """The gate's sentence for the shop owner; holds neither number nor text of the person."""
    rules: tuple[str, ...] = ()
    """The ids of the rules that were evaluated and were open."""


@event(Topic.FOLLOW_UPS, "follow-up.deferred")
class FollowUpDeferred(FollowUpEvent):
    """Ask again at `until`; not an attempt."""

    until: datetime
    reason: str
    explanation: str | None = None
    """The gate's sentence for the shop owner; holds neither number nor text of the person."""
    rules: tuple[str, ...] = ()
    """The ids of the rules that closed the window."""


@event(Topic.FOLLOW_UPS, "follow-up.blocked")
class FollowUpBlocked(FollowUpEvent):
    """Never, and why."""

    reason: str
    explanation: str | None = None
    """The gate's sentence for the shop owner."""
    rules: tuple[str, ...] = ()


@event(Topic.FOLLOW_UPS, "follow-up.lapsed")
class FollowUpLapsed(FollowUpEvent):
    """The clearance ran out before the intent; the gate is asked again."""

    reason: str


@event(Topic.FOLLOW_UPS, "follow-up.moved")
class FollowUpMoved(FollowUpEvent):
    """Still pending, and due later than was planned."""

    due_at: datetime
    expires_at: datetime | None = None
    """Its end, which may have moved with it."""
    reason: str
    """`keeps_distance` or `catch_up`."""
    behind: str | None = None
    """The text of its run, by its step, from which it keeps its distance."""
    distance_seconds: int | None = None
    """How far it is due behind that."""


@event(Topic.FOLLOW_UPS, "follow-up.cancelled")
class FollowUpCancelled(FollowUpEvent):
    """The flow, the API or an opt-out no longer wants it."""

    reason: str
    after_failure: bool = False
    """The provider had accepted this release and failed, and the text waited to be sent again."""


@event(Topic.FOLLOW_UPS, "follow-up.expired")
class FollowUpExpired(FollowUpEvent):
    """The text was not sent in time."""

    reason: str
    after_failure: bool = False
    """As of `follow-up.cancelled`."""
