"""The steps of a follow-up's story: each fact as a sentence for a shop owner, with the verdict and its rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.metrics.domain.projection import failure_code, is_refused_here
from services.metrics.domain.reasons import consent_words, detail_words, meaning_of
from shared import progress
from shared.controls import ControlAction
from shared.events.consent import (
    ConsentAct,
    ConsentChanged,
    ConsentReported,
    ConsentScope,
    MerchantClosed,
    PrivacyRequested,
    RecipientErased,
)
from shared.events.control import ApprovalAsked, ControlChanged, ControlObeyed
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchUnknown, DispatchWaiting
from shared.events.engagement import (
    AttributionModel,
    ClickRecorded,
    ConversionAdjusted,
    ConversionAttributed,
    ReplyClass,
    ReplyReceived,
    ReplyReviewed,
)
from shared.events.envelope import Event
from shared.events.follow_up import (
    FollowUpBlocked,
    FollowUpCancelled,
    FollowUpCleared,
    FollowUpDeferred,
    FollowUpDue,
    FollowUpExpired,
    FollowUpLapsed,
    FollowUpMoved,
    FollowUpPlanned,
)
from shared.events.privacy import PrivacyErased, PrivacyExported
from shared.events.trigger import TriggerReceived
from shared.money import money


class Tone(StrEnum):
    """The tone of a step, which decides its colour and sign."""

    PLAIN = "plain"
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    GLAD = "glad"
    """The person reacted to it."""


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """One step of a story."""

    event: Event
    title: str
    summary: str
    tone: Tone
    verdict: str | None = None
    reason: str | None = None
    rule: str | None = None

    @property
    def service(self) -> str:
        """The service that published it."""
        return _PUBLISHERS[self.event.type]


_IN_ORDER: Final = (
    ("ingest", ("trigger.received", "consent.reported", "privacy.requested")),
    ("compliance", ("consent.changed", "recipient.erased", "privacy.erased", "privacy.exported", "merchant.closed")),
    ("scheduler", ("follow-up.planned", "follow-up.due", "follow-up.moved")),
    ("scheduler", ("follow-up.cancelled", "follow-up.expired", "control.changed", "approval.asked")),
    ("compliance", ("follow-up.cleared", "follow-up.deferred", "follow-up.blocked")),
    ("sender", ("follow-up.lapsed", "dispatch.waiting", "dispatch.accepted", "dispatch.delivered")),
    ("sender", ("dispatch.failed", "dispatch.unknown", "reply.received", "reply.reviewed")),
    ("sender", ("click.recorded", "conversion.attributed", "conversion.adjusted", "control.obeyed")),
)
"""The service that publishes each event type, in the sequence of facts at the same instant: causes first."""
_PUBLISHERS: Final = {kind: service for service, kinds in _IN_ORDER for kind in kinds}
_ORDER: Final = {kind: place for place, kind in enumerate(_PUBLISHERS)}
_REASONS_OF_HOURS: Final = frozenset({"quiet_hours", "holiday", "message_expired"})
"""Reasons decided by rows of the sending-hours table; for others the rows are not shown."""
_FEW: Final = 2
"""Beyond so many of a unit, the remainder is not shown."""
_KINDS: Final = {
    "purchase": "A purchase was made",
    "inquiry": "An inquiry was made",
    "checkout_started": "A checkout was started",
    "checkout_completed": "A checkout was completed",
    "fulfilment": "An order was shipped",
    "in_transit": "An order is on its way",
    "out_for_delivery": "An order arrives today",
    "ready_for_pickup": "An order is ready for pickup",
    "delivery_attempted": "A delivery was attempted",
    "delivery_failed": "A parcel could not be delivered",
    "delivery": "An order arrived",
    "refund": "A purchase was refunded",
    "cancellation": "An order was cancelled",
    "booking": "A booking was made",
    "order_deleted": "An order was deleted",
    "order_edited": "An order was changed",
    "number_changed": "An order or cart has another number now",
    "survey_answered": "A survey was answered",
}


def journey_steps(events: Iterable[Event], clock: ZoneInfo) -> list[JourneyStep]:
    """Return the story, oldest first."""
    in_order = sorted(events, key=lambda event: (event.occurred_at, _ORDER.get(event.type, 0), event.event_id))
    return [describe(event, clock) for event in in_order]


def describe(event: Event, clock: ZoneInfo) -> JourneyStep:
    """Return one fact as a step of a story; times are in the merchant's time zone."""
    match event:
        case FollowUpCleared() | FollowUpDeferred() | FollowUpBlocked():
            return _verdict(event, clock)
        case DispatchAccepted() | DispatchDelivered() | DispatchFailed() | DispatchUnknown() | DispatchWaiting():
            return _dispatch(event, clock)
        case ReplyReceived() | ReplyReviewed() | ClickRecorded() | ConversionAttributed() | ConversionAdjusted():
            return _engagement(event)
        case ConsentReported() | ConsentChanged() | PrivacyRequested() | RecipientErased() | MerchantClosed():
            return _consent(event)
        case ControlChanged() | ControlObeyed() | ApprovalAsked():
            return _control(event)
        case PrivacyErased():
            return JourneyStep(event, "Erased", f"The {event.service} service erased what it held.", Tone.PLAIN)
        case PrivacyExported():
            return JourneyStep(event, "Exported", f"The {event.service} service exported a copy.", Tone.PLAIN)
        case _:
            return _plan(event, clock)


def _control(event: ControlChanged | ControlObeyed | ApprovalAsked) -> JourneyStep:
    """Describe what people decided about planned texts."""
    if isinstance(event, ControlObeyed):
        return JourneyStep(event, "Control obeyed", "The sender obeys a pause or a stop from now on.", Tone.PLAIN)
    if isinstance(event, ApprovalAsked):
        words = f"{event.texts:,} texts wait for a second person's yes."
        return JourneyStep(event, "Second person asked", words, Tone.WAIT)
    what = "pause" if event.action is ControlAction.PAUSE else "stop"
    given = [f"{name.removesuffix('_id')} {value}" for name, value in event.scope if value is not None]
    texts = f"texts of {', '.join(given)}" if given else "all texts"
    if event.lifted_at is not None:
        return JourneyStep(event, "Texts resumed", f"A {what} of {texts} was lifted.", Tone.GOOD)
    title = "Texts paused" if event.action is ControlAction.PAUSE else "Texts stopped"
    return JourneyStep(event, title, f"A {what} of {texts} began.", Tone.WAIT)


def _plan(event: Event, clock: ZoneInfo) -> JourneyStep:
    """Describe what the shop and the flow did."""
    match event:
        case TriggerReceived():
            what = _KINDS.get(event.kind, event.kind.removeprefix("custom.").replace("_", " ").capitalize())
            return JourneyStep(event, what, _particulars(event), Tone.PLAIN)
        case FollowUpPlanned():
            return JourneyStep(
                event,
                "Planned",
                f"“{event.step.replace('_', ' ')}” of {event.flow} was planned for "
                f"{moment(event.due_at, clock, event.occurred_at)}.",
                Tone.PLAIN,
            )
        case FollowUpDue():
            again = f" (release {event.release})" if event.release > 1 else ""
            return JourneyStep(event, "Due", f"Its time came{again}, and the gate was asked.", Tone.PLAIN)
        case FollowUpLapsed():
            return _reasoned(
                event, "Not sent in time", "It was not sent while its clearance was valid", event.reason, Tone.WAIT
            )
        case FollowUpMoved():
            return _moved(event, clock)
        case FollowUpCancelled():
            return _reasoned(event, "Cancelled", "It was cancelled", event.reason, Tone.BAD)
        case FollowUpExpired():
            return _reasoned(event, "Expired", "It expired", event.reason, Tone.BAD)
        case _:
            return JourneyStep(event, event.type, f"{event.type} was recorded.", Tone.PLAIN)


def _moved(event: FollowUpMoved, clock: ZoneInfo) -> JourneyStep:
    """Describe a new due time, which its run or the person's missed texts caused."""
    why = meaning_of(event.reason).words
    if event.behind is not None and event.distance_seconds is not None:
        before = event.behind.replace("_", " ")
        why = f"it follows “{before}”, which was sent late, after {span(event.distance_seconds)}"
    summary = f"It is now due {moment(event.due_at, clock, event.occurred_at)}: {why}."
    return JourneyStep(event, "Moved", summary, Tone.WAIT, reason=event.reason)


def span(seconds: int) -> str:
    """Return a duration in the largest suitable unit, such as 2 days, 90 minutes or 40 seconds."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count, rest = divmod(seconds, size)
        if count and (not rest or count > _FEW):
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


def _particulars(event: TriggerReceived) -> str:
    """Return the unencrypted details of a trigger: amount, subject and source."""
    amount = f"{money(event.amount_minor, event.currency)}, " if event.amount_minor is not None else ""
    subject = f"{event.subject}, " if event.subject else ""
    source = f"reported by {event.source}."
    text = f"{amount}{subject}{source}"
    return text[0].upper() + text[1:] + (" This was a test." if event.test else "")


def _verdict(event: FollowUpCleared | FollowUpDeferred | FollowUpBlocked, clock: ZoneInfo) -> JourneyStep:
    """Describe the gate's verdict, its reason and its rule."""
    rows = ", ".join(event.rules)
    why = f" {event.explanation}" if event.explanation else ""
    if isinstance(event, FollowUpCleared):
        end = moment(event.valid_until, clock, event.occurred_at)
        said = why or " No rule was against it."
        return JourneyStep(
            event, "Cleared", f"It could be sent until {end}.{said}", Tone.GOOD, "clear", rule=rows or None
        )
    meaning = meaning_of(event.reason)
    rows = rows if event.reason in _REASONS_OF_HOURS else ""
    rule = ": ".join(filter(None, (rows, meaning.rule))) or None
    behind = f" (rule: {rows or rule})" if rule else ""
    because = f"{behind}.{why}" if why else f": {meaning.words}{behind}."
    if isinstance(event, FollowUpDeferred):
        summary = f"Deferred until {moment(event.until, clock, event.occurred_at)}{because}"
        return JourneyStep(event, "Deferred", summary, Tone.WAIT, "defer", event.reason, rule)
    return JourneyStep(event, "Blocked", f"Blocked for good{because}", Tone.WAIT, "block", event.reason, rule)


def _dispatch(
    event: DispatchAccepted | DispatchDelivered | DispatchFailed | DispatchUnknown | DispatchWaiting, clock: ZoneInfo
) -> JourneyStep:
    match event:
        case DispatchAccepted():
            parts = "1 part" if event.parts == 1 else f"{event.parts} parts"
            price = f" for {money(event.price_minor, event.currency)}" if event.price_minor is not None else ""
            how = " This was learned by asking later." if event.reconciled else ""
            return JourneyStep(
                event, "Sent", f"The provider ({event.provider}) accepted it: {parts}{price}.{how}", Tone.GOOD
            )
        case DispatchDelivered():
            return JourneyStep(event, "Delivered", f"It was delivered.{_by_asking(event, clock)}", Tone.GOOD)
        case DispatchFailed():
            word = failure_code(event)
            code = f" (provider’s code {event.code})" if event.code else ""
            again = ""
            if event.retry_at:
                again = f" The gate is asked again at {moment(event.retry_at, clock, event.occurred_at)}."
            summary = f"{_failed(event)}: {meaning_of(word).words}{code}.{_by_asking(event, clock)}{again}"
            return JourneyStep(event, "Failed", summary, Tone.WAIT if event.retry_at else Tone.BAD, reason=word)
        case DispatchWaiting(reason=progress.UNANSWERED):
            at = moment(event.until, clock, event.occurred_at, seconds=True)
            summary = (
                f"The provider did not confirm whether it accepted the text ({detail_words(event.detail)}). "
                f"It is asked from {at} on, and the text is not sent again before that is known."
            )
            return JourneyStep(event, "No answer", summary, Tone.WAIT, reason=event.reason)
        case DispatchWaiting():
            met = f" ({detail_words(event.detail)})" if event.detail else ""
            at = moment(event.until, clock, event.occurred_at, seconds=True)
            summary = f"It was not sent yet: {meaning_of(event.reason).words}{met}. The next call may be made at {at}."
            return JourneyStep(event, "Call delayed", summary, Tone.WAIT, reason=event.reason)
        case DispatchUnknown():
            summary = (
                "The provider did not confirm whether it accepted the text. It is not sent again, to avoid a duplicate."
            )
            return JourneyStep(event, "Unknown", summary, Tone.BAD, reason=event.reason)


def _by_asking(event: DispatchDelivered | DispatchFailed, clock: ZoneInfo) -> str:
    """Return how it was learned if no receipt came."""
    if event.asked_at is None:
        return ""
    return f" No receipt came: the provider was asked at {moment(event.asked_at, clock, event.occurred_at)}."


def _failed(event: DispatchFailed) -> str:
    if event.accepted:
        return "It was sent and not delivered"
    return "Followup did not send it" if is_refused_here(event) else "It was not sent"


def _engagement(
    event: ReplyReceived | ReplyReviewed | ClickRecorded | ConversionAttributed | ConversionAdjusted,
) -> JourneyStep:
    """Describe what the person did with it."""
    match event:
        case ReplyReceived(reply_class=ReplyClass.OPT_OUT):
            return JourneyStep(event, "Opted out", "The person replied to opt out.", Tone.BAD, reason=event.reply_class)
        case ReplyReceived():
            words = {ReplyClass.OPT_IN: "to start again", ReplyClass.HELP: "for help"}.get(event.reply_class, "")
            review = " Someone should read it." if event.needs_review else ""
            summary = f"The person replied {words}".strip() + f".{review}"
            return JourneyStep(event, "Replied", summary, Tone.GLAD, reason=event.reply_class)
        case ReplyReviewed(was_opt_out=True):
            summary = f"Somebody ({event.reviewed_by}) read the reply as an opt-out."
            return JourneyStep(event, "Reply reviewed", summary, Tone.BAD)
        case ReplyReviewed():
            summary = f"Somebody ({event.reviewed_by}) read the reply: it was no opt-out."
            return JourneyStep(event, "Reply reviewed", summary, Tone.PLAIN)
        case ClickRecorded(robot=True):
            return JourneyStep(event, "Previewed", "A robot fetched the link; this is not counted.", Tone.PLAIN)
        case ClickRecorded():
            return JourneyStep(event, "Clicked", "The person opened the link.", Tone.GLAD)
        case ConversionAttributed():
            touch = "after a click" if event.model is AttributionModel.LAST_CLICK else "after its delivery"
            about = f" ({event.subject})" if event.subject else ""
            amount = money(event.amount_minor, event.currency)
            summary = (
                f"A purchase of {amount}{about} is credited to this text, {touch} (within {event.window_hours} h)."
            )
            return JourneyStep(event, "Purchase", summary, Tone.GLAD)
        case ConversionAdjusted():
            amount = money(event.amount_minor, event.currency)
            return JourneyStep(event, "Credit changed", f"A refund changed the credit by {amount}.", Tone.WAIT)


def _consent(
    event: ConsentReported | ConsentChanged | PrivacyRequested | RecipientErased | MerchantClosed,
) -> JourneyStep:
    match event:
        case ConsentReported():
            scope = "all texts" if event.scope is ConsentScope.ALL else f"{event.scope} texts"
            return JourneyStep(
                event,
                "Consent reported",
                f"Consent to {scope} was reported as {event.act} by {event.method.replace('_', ' ')}.",
                Tone.PLAIN,
            )
        case ConsentChanged(act=ConsentAct.REVOKED):
            scope = "texts of any kind" if event.scope is ConsentScope.ALL else f"{event.scope} texts"
            return JourneyStep(event, "Consent withdrawn", f"The ledger now says: no {scope} to this person.", Tone.BAD)
        case ConsentChanged():
            summary = (
                f"The ledger now says for marketing: {consent_words(event.marketing.status)}; "
                f"for texts about orders: {consent_words(event.informational.status)}."
            )
            return JourneyStep(event, "Consent recorded", summary, Tone.GOOD)
        case PrivacyRequested():
            return JourneyStep(event, "Privacy request", f"{event.right.capitalize()} was asked for.", Tone.PLAIN)
        case RecipientErased():
            return JourneyStep(event, "Erased", "This person's data was erased; only keyed hashes remain.", Tone.BAD)
        case MerchantClosed():
            return _reasoned(event, "Shop closed", "Everything of this shop was stopped", event.reason, Tone.BAD)


def _reasoned(event: Event, title: str, start: str, reason: str, tone: Tone) -> JourneyStep:
    return JourneyStep(event, title, f"{start}: {meaning_of(reason).words}.", tone, reason=reason)


def moment(at: datetime, clock: ZoneInfo, seen_at: datetime | None = None, *, seconds: bool = False) -> str:
    """Return an instant formatted for people: Wed 2 Dec 2026, 09:00; without the year if `seen_at` is in it."""
    local = at.astimezone(clock)
    year = "" if seen_at is not None and seen_at.astimezone(clock).year == local.year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}, {local:{'%H:%M:%S' if seconds else '%H:%M'}}"
