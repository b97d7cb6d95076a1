"""A follow-up's story: each fact as one sentence that a shop owner understands, with the verdict and its rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.metrics.domain.projection import failure_word, is_refused_here
from services.metrics.domain.reasons import consent_words, detail_words, meaning_of
from shared import progress
from shared.events.consent import (
    ConsentAct,
    ConsentChanged,
    ConsentReported,
    ConsentScope,
    MerchantClosed,
    PrivacyRequested,
    RecipientErased,
)
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchUnknown, DispatchWaiting
from shared.events.engagement import (
    AttributionModel,
    ClickRecorded,
    ConversionAdjusted,
    ConversionAttributed,
    ReplyClass,
    ReplyReceived,
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
from shared.money import digits_of


class Tone(StrEnum):
    """How a step feels: what colour and sign it gets."""

    PLAIN = "plain"
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    GLAD = "glad"
    """People did something with it."""


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
        """The service that said it."""
        return _PUBLISHERS[self.event.type]


_PUBLISHERS: Final = {
    "trigger.received": "ingest",
    "consent.reported": "ingest",
    "privacy.requested": "ingest",
    "consent.changed": "compliance",
    "recipient.erased": "compliance",
    "privacy.erased": "compliance",
    "privacy.exported": "compliance",
    "merchant.closed": "compliance",
    "follow-up.planned": "scheduler",
    "follow-up.due": "scheduler",
    "follow-up.moved": "scheduler",
    "follow-up.cancelled": "scheduler",
    "follow-up.expired": "scheduler",
    "follow-up.cleared": "compliance",
    "follow-up.deferred": "compliance",
    "follow-up.blocked": "compliance",
    "follow-up.lapsed": "sender",
    "dispatch.waiting": "sender",
    "dispatch.accepted": "sender",
    "dispatch.delivered": "sender",
    "dispatch.failed": "sender",
    "dispatch.unknown": "sender",
    "reply.received": "sender",
    "click.recorded": "sender",
    "conversion.attributed": "sender",
    "conversion.adjusted": "sender",
}
_REASONS_OF_HOURS: Final = frozenset({"quiet_hours", "holiday", "message_expired"})
"""Where the rows of the table of hours decided; elsewhere they were only looked at."""
_FEW: Final = 2
"""Beyond so many of a unit, what is left over is not worth a word."""
_ORDER: Final = {kind: place for place, kind in enumerate(_PUBLISHERS)}
"""Of facts at the same instant, the cause is told first."""
_KINDS: Final = {
    "purchase": "Somebody bought",
    "inquiry": "Somebody asked",
    "checkout_started": "A checkout was started",
    "checkout_completed": "A checkout was completed",
    "fulfilment": "An order was shipped",
    "in_transit": "An order is on its way",
    "out_for_delivery": "An order arrives today",
    "ready_for_pickup": "An order can be collected",
    "delivery_attempted": "A parcel was brought, and nobody was there",
    "delivery_failed": "A parcel could not be delivered",
    "delivery": "An order arrived",
    "refund": "A purchase was refunded",
    "cancellation": "An order was cancelled",
    "booking": "Somebody booked",
    "order_deleted": "An order was deleted",
    "order_edited": "An order was changed",
    "number_changed": "An order or cart got another number",
    "survey_answered": "A survey was answered",
}


def journey_steps(events: Iterable[Event], clock: ZoneInfo) -> list[JourneyStep]:
    """Return the story, oldest first."""
    in_order = sorted(events, key=lambda event: (event.occurred_at, _ORDER.get(event.type, 0), event.event_id))
    return [describe(event, clock) for event in in_order]


def describe(event: Event, clock: ZoneInfo) -> JourneyStep:
    """Return one fact as a step of a story; instants are told on the merchant's clock."""
    match event:
        case FollowUpCleared() | FollowUpDeferred() | FollowUpBlocked():
            return _verdict(event, clock)
        case DispatchAccepted() | DispatchDelivered() | DispatchFailed() | DispatchUnknown() | DispatchWaiting():
            return _dispatch(event, clock)
        case ReplyReceived() | ClickRecorded() | ConversionAttributed() | ConversionAdjusted():
            return _engagement(event)
        case ConsentReported() | ConsentChanged() | PrivacyRequested() | RecipientErased() | MerchantClosed():
            return _consent(event)
        case PrivacyErased():
            return JourneyStep(event, "Blanked", f"The {event.service} service blanked what it held.", Tone.PLAIN)
        case PrivacyExported():
            return JourneyStep(event, "Handed over", f"The {event.service} service handed over a copy.", Tone.PLAIN)
        case _:
            return _plan(event, clock)


def _plan(event: Event, clock: ZoneInfo) -> JourneyStep:
    """Tell what the shop and the flow did."""
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
            return JourneyStep(event, "Due", f"Its hour came{again}, and the gate was asked.", Tone.PLAIN)
        case FollowUpLapsed():
            return _reasoned(event, "Not in time", "It did not leave while it was cleared", event.reason, Tone.WAIT)
        case FollowUpMoved():
            return _moved(event, clock)
        case FollowUpCancelled():
            return _reasoned(event, "Cancelled", "It was cancelled", event.reason, Tone.BAD)
        case FollowUpExpired():
            return _reasoned(event, "Expired", "It was given up", event.reason, Tone.BAD)
        case _:
            return JourneyStep(event, event.type, f"{event.type} was recorded.", Tone.PLAIN)


def _moved(event: FollowUpMoved, clock: ZoneInfo) -> JourneyStep:
    """Tell until when a text was put off by its own run, or by what its person missed."""
    why = meaning_of(event.reason).words
    if event.behind is not None and event.distance_seconds is not None:
        before = event.behind.replace("_", " ")
        why = f"it keeps {span(event.distance_seconds)} from “{before}”, which went late"
    summary = f"It is due {moment(event.due_at, clock, event.occurred_at)} now: {why}."
    return JourneyStep(event, "Moved", summary, Tone.WAIT, reason=event.reason)


def span(seconds: int) -> str:
    """Return a length of time in the largest unit that tells it, such as 2 days, 90 minutes or 40 seconds."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count, rest = divmod(seconds, size)
        if count and (not rest or count > _FEW):
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


def _particulars(event: TriggerReceived) -> str:
    """Return what is known openly of a shop's event: amount, subject, who told it."""
    amount = f"{money(event.amount_minor, event.currency)}, " if event.amount_minor is not None else ""
    subject = f"{event.subject}, " if event.subject else ""
    told_by = f"told by {event.source}."
    text = f"{amount}{subject}{told_by}"
    return text[0].upper() + text[1:] + (" This was a test." if event.test else "")


def _verdict(event: FollowUpCleared | FollowUpDeferred | FollowUpBlocked, clock: ZoneInfo) -> JourneyStep:
    """Tell what the gate said, why, and by which rule."""
    rows = ", ".join(event.rules)
    why = f" {event.explanation}" if event.explanation else ""
    if isinstance(event, FollowUpCleared):
        end = moment(event.valid_until, clock, event.occurred_at)
        said = why or " Nothing stood against it."
        return JourneyStep(event, "Cleared", f"It could go until {end}.{said}", Tone.GOOD, "clear", rule=rows or None)
    meaning = meaning_of(event.reason)
    rows = rows if event.reason in _REASONS_OF_HOURS else ""
    rule = ": ".join(filter(None, (rows, meaning.rule))) or None
    behind = f" (rule: {rows or rule})" if rule else ""
    because = f"{behind}.{why}" if why else f": {meaning.words}{behind}."
    if isinstance(event, FollowUpDeferred):
        summary = f"Held back until {moment(event.until, clock, event.occurred_at)}{because}"
        return JourneyStep(event, "Put off", summary, Tone.WAIT, "defer", event.reason, rule)
    return JourneyStep(event, "Blocked", f"Blocked for good{because}", Tone.WAIT, "block", event.reason, rule)


def _dispatch(
    event: DispatchAccepted | DispatchDelivered | DispatchFailed | DispatchUnknown | DispatchWaiting, clock: ZoneInfo
) -> JourneyStep:
    """Tell what became of it at the provider."""
    match event:
        case DispatchAccepted():
            parts = "1 part" if event.parts == 1 else f"{event.parts} parts"
            price = f" for {money(event.price_minor, event.currency)}" if event.price_minor is not None else ""
            how = " This was learnt by asking later." if event.reconciled else ""
            return JourneyStep(
                event, "Sent", f"The provider ({event.provider}) took it: {parts}{price}.{how}", Tone.GOOD
            )
        case DispatchDelivered():
            return JourneyStep(event, "Delivered", f"The phone has it.{_by_asking(event, clock)}", Tone.GOOD)
        case DispatchFailed():
            word = failure_word(event)
            code = f" (provider’s code {event.code})" if event.code else ""
            again = ""
            if event.retry_at:
                again = f" The gate is asked again at {moment(event.retry_at, clock, event.occurred_at)}."
            summary = f"{_failed(event)}: {meaning_of(word).words}{code}.{_by_asking(event, clock)}{again}"
            return JourneyStep(event, "Failed", summary, Tone.WAIT if event.retry_at else Tone.BAD, reason=word)
        case DispatchWaiting(reason=progress.UNANSWERED):
            at = moment(event.until, clock, event.occurred_at, seconds=True)
            summary = (
                f"The provider was called and did not say whether it has the text ({detail_words(event.detail)}). "
                f"It is asked from {at} on, and nothing is sent again before that is known."
            )
            return JourneyStep(event, "No answer", summary, Tone.WAIT, reason=event.reason)
        case DispatchWaiting():
            met = f" ({detail_words(event.detail)})" if event.detail else ""
            at = moment(event.until, clock, event.occurred_at, seconds=True)
            summary = f"It did not go yet: {meaning_of(event.reason).words}{met}. The next call may be made at {at}."
            return JourneyStep(event, "Call put off", summary, Tone.WAIT, reason=event.reason)
        case DispatchUnknown():
            summary = "The provider never said whether it has the text, so it is not sent again: better none than two."
            return JourneyStep(event, "Unknown", summary, Tone.BAD, reason=event.reason)


def _by_asking(event: DispatchDelivered | DispatchFailed, clock: ZoneInfo) -> str:
    """Return how it was learnt, where no receipt said it."""
    if event.asked_at is None:
        return ""
    return f" No receipt came: the provider was asked at {moment(event.asked_at, clock, event.occurred_at)}."


def _failed(event: DispatchFailed) -> str:
    """Return who said no."""
    if event.accepted:
        return "It was sent and did not arrive"
    return "Followup did not send it" if is_refused_here(event) else "It was not sent"


def _engagement(event: ReplyReceived | ClickRecorded | ConversionAttributed | ConversionAdjusted) -> JourneyStep:
    """Tell what people did with it."""
    match event:
        case ReplyReceived(reply_class=ReplyClass.OPT_OUT):
            return JourneyStep(event, "Opted out", "The person wrote back to stop.", Tone.BAD, reason=event.reply_class)
        case ReplyReceived():
            words = {ReplyClass.OPT_IN: "to start again", ReplyClass.HELP: "for help"}.get(event.reply_class, "")
            review = " Somebody should read it." if event.needs_review else ""
            summary = f"The person wrote back {words}".strip() + f".{review}"
            return JourneyStep(event, "Replied", summary, Tone.GLAD, reason=event.reply_class)
        case ClickRecorded(robot=True):
            return JourneyStep(event, "Previewed", "A robot looked at the link; this is not counted.", Tone.PLAIN)
        case ClickRecorded():
            return JourneyStep(event, "Clicked", "The person opened the link.", Tone.GLAD)
        case ConversionAttributed():
            touch = "after a click" if event.model is AttributionModel.LAST_CLICK else "after it arrived"
            about = f" ({event.subject})" if event.subject else ""
            amount = money(event.amount_minor, event.currency)
            summary = (
                f"A purchase of {amount}{about} is credited to this text, {touch} (within {event.window_hours} h)."
            )
            return JourneyStep(event, "Bought", summary, Tone.GLAD)
        case ConversionAdjusted():
            amount = money(event.amount_minor, event.currency)
            return JourneyStep(event, "Credit changed", f"A refund changed the credit by {amount}.", Tone.WAIT)


def _consent(
    event: ConsentReported | ConsentChanged | PrivacyRequested | RecipientErased | MerchantClosed,
) -> JourneyStep:
    """Tell what the person allows."""
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
            return JourneyStep(event, "Consent withdrawn", f"The ledger holds: no {scope} to this person.", Tone.BAD)
        case ConsentChanged():
            summary = (
                f"The ledger holds for marketing: {consent_words(event.marketing.status)}; "
                f"for texts about orders: {consent_words(event.informational.status)}."
            )
            return JourneyStep(event, "Consent recorded", summary, Tone.GOOD)
        case PrivacyRequested():
            return JourneyStep(event, "Privacy request", f"{event.right.capitalize()} was asked for.", Tone.PLAIN)
        case RecipientErased():
            return JourneyStep(event, "Erased", "This person was forgotten; only keyed marks remain.", Tone.BAD)
        case MerchantClosed():
            return _reasoned(event, "Shop closed", "Everything of this shop was stopped", event.reason, Tone.BAD)


def _reasoned(event: Event, title: str, start: str, reason: str, tone: Tone) -> JourneyStep:
    return JourneyStep(event, title, f"{start}: {meaning_of(reason).words}.", tone, reason=reason)


def moment(at: datetime, clock: ZoneInfo, told_at: datetime | None = None, *, seconds: bool = False) -> str:
    """Return an instant as people write it: Wed 2 Dec 2026, 09:00; without the year where `told_at` shares it."""
    local = at.astimezone(clock)
    year = "" if told_at is not None and told_at.astimezone(clock).year == local.year else f" {local.year}"
    return (
        f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M:%S}"
        if seconds
        else (f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}")
    )


def money(minor: int | None, currency: str | None) -> str:
    """Return an amount in major units, with the digits its currency has."""
    value = minor or 0
    digits = digits_of(currency or "")
    text = f"{abs(value) / 10**digits:,.{digits}f}"
    return f"{'−' if value < 0 else ''}{text} {currency or ''}".strip()
