"""What an event is worth telling a merchant (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, assert_never
from uuid import UUID

from shared.controls import ControlAction
from shared.events.consent import MerchantClosed
from shared.events.control import ApprovalAsked, ControlChanged
from shared.events.dispatch import DispatchUnknown
from shared.events.engagement import ReplyReceived, ReplyReviewed
from shared.ids import MerchantId, RecipientId
from shared.vocabulary.notification_kinds import NotificationKind

NotifiedEvent: TypeAlias = (
    ReplyReceived | ReplyReviewed | DispatchUnknown | ControlChanged | ApprovalAsked | MerchantClosed
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing a merchant is told: ids and words, no text of a person's and no number in clear."""

    kind: NotificationKind
    merchant_id: MerchantId
    """`EVERY_MERCHANT` where it concerns all of them."""
    cause: UUID
    """The id of what happened: the same event again is the same notice."""
    at: datetime
    sentence: str
    data: Mapping[str, Any]
    recipient_id: RecipientId | None = None
    """The person it is about, if it is about one."""
    told_at: datetime | None = None
    """The instant that is shown, where `at` is the beginning of its day."""


def notices_of(event: NotifiedEvent, number: str | None) -> list[Notice]:
    """Return what an event is worth telling.

    Args:
        event: as it was published.
        number: the person's, masked; None where it is not known.
    """
    match event:
        case ReplyReceived():
            return _of_reply(event, number)
        case ReplyReviewed():
            return [_of_review(event)]
        case DispatchUnknown():
            return [_of_unknown(event)]
        case ControlChanged():
            return [_of_control(event)]
        case ApprovalAsked():
            return [_of_question(event)]
        case MerchantClosed():
            return [_of_closing(event)]
        case _:
            assert_never(event)


def _of_reply(event: ReplyReceived, number: str | None) -> list[Notice]:
    data = {
        "recipient_id": str(event.recipient_id),
        "number": number,
        "sender_number": event.sender_number,
        "reply_class": event.reply_class.value,
        "needs_review": event.needs_review,
        "follow_up_id": None if event.follow_up_id is None else str(event.follow_up_id),
    }
    who = number or "A person"
    common = (event.merchant_id, event.event_id, event.occurred_at)
    received = f"{who} wrote to {event.sender_number} ({event.reply_class.value.replace('_', '-')})."
    found = [Notice(NotificationKind.REPLY_RECEIVED, *common, received, data, event.recipient_id)]
    if event.needs_review:
        unclear = f"{who} wrote what may be an opt-out: marketing to them is held until you decide."
        found.append(Notice(NotificationKind.REPLY_NEEDS_REVIEW, *common, unclear, data, event.recipient_id))
    return found


def _of_review(event: ReplyReviewed) -> Notice:
    data = {
        "recipient_id": str(event.recipient_id),
        "reply_id": str(event.reply_id),
        "was_opt_out": event.was_opt_out,
        "reviewed_by": event.reviewed_by,
    }
    decided = "was an opt-out" if event.was_opt_out else "was no opt-out, and marketing to the person goes on"
    return Notice(
        NotificationKind.REPLY_REVIEWED,
        event.merchant_id,
        event.event_id,
        event.occurred_at,
        f"An unclear reply {decided}, says {event.reviewed_by}.",
        data,
        event.recipient_id,
    )


def _of_unknown(event: DispatchUnknown) -> Notice:
    data = {
        "recipient_id": str(event.recipient_id),
        "follow_up_id": str(event.follow_up_id),
        "flow": event.flow,
        "step": event.step,
        "purpose": event.purpose.value,
        "provider": event.provider,
        "sender_number": event.sender_number,
        "reason": event.reason,
    }
    return Notice(
        NotificationKind.TEXT_UNKNOWN,
        event.merchant_id,
        event.event_id,
        event.occurred_at,
        f"Whether the text {event.flow}/{event.step} was sent is unknown: {event.provider} never said. "
        "It is not sent again.",
        data,
        event.recipient_id,
    )


def _of_control(event: ControlChanged) -> Notice:
    scope = {name: str(value) for name, value in event.scope.model_dump().items() if value is not None}
    is_lifted = event.lifted_at is not None
    data = {
        "control_id": str(event.control_id),
        "action": event.action.value,
        "is_lifted": is_lifted,
        "scope": scope,
        "until": None if event.until is None else event.until.isoformat(),
    }
    what = " ".join(f"{name.removesuffix('_id')} {value}" for name, value in scope.items())
    texts = f"Texts of {what}" if what else "All texts"
    done = "go on" if is_lifted else "are paused" if event.action is ControlAction.PAUSE else "are stopped"
    until = f" until {event.until:%Y-%m-%d %H:%M} UTC" if event.until is not None and not is_lifted else ""
    return Notice(
        NotificationKind.CONTROL_CHANGED,
        event.merchant_id,
        event.event_id,
        event.occurred_at,
        f"{texts} {done}{until}.",
        data,
        event.scope.recipient_id,
    )


def _of_question(event: ApprovalAsked) -> Notice:
    scope = {name: str(value) for name, value in event.scope.model_dump().items() if value is not None}
    data = {
        "approval_id": str(event.approval_id),
        "texts": event.texts,
        "scope": scope,
        "asked_by": event.asked_by,
        "expires_at": event.expires_at.isoformat(),
    }
    what = " of " + " ".join(f"{name} {value}" for name, value in scope.items()) if scope else ""
    return Notice(
        NotificationKind.APPROVAL_ASKED,
        event.merchant_id,
        event.event_id,
        event.occurred_at,
        f"{event.asked_by.removeprefix('user:')} asks to let {event.texts:,} texts{what} go: another user says "
        f"yes or no, until {event.expires_at:%Y-%m-%d %H:%M} UTC.",
        data,
    )


def _of_closing(event: MerchantClosed) -> Notice:
    return Notice(
        NotificationKind.SHOP_CLOSED,
        event.merchant_id,
        event.event_id,
        event.occurred_at,
        f"The shop has left its platform ({event.reason}): nothing is sent for it any more.",
        {"reason": event.reason},
    )
