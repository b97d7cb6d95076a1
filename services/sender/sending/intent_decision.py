"""The last checks before a call: go, wait, lapse or refuse (send-protocol, section 1, step 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from services.sender.queue.dispatches import Dispatch
from services.sender.queue.states import AttemptState, DispatchState
from services.sender.replies.send_permission import SendPermission
from shared.controls import TEXTS_STOPPED, ControlAction
from shared.events.dispatch import ErrorClass
from shared.events.follow_up import Purpose
from shared.progress import BLACKOUT, TEXTS_PAUSED
from shared.vocabulary.purposes import ANSWER_PURPOSES, NEWS_BOUND_PURPOSES

LEAST_CLEARANCE: Final = timedelta(seconds=45)
"""`valid_until` must lie this far ahead: 2 s to start, 10 s to call, and the provider's own queue."""
CLOSE_GUARD_WITHOUT_VALIDITY: Final = timedelta(minutes=15)
"""A provider without a validity period must not get a text this close to quiet hours."""
VALIDITY_MARGIN_SECONDS: Final = 15
WAIT_FOR_OTHER: Final = timedelta(seconds=2)
WAIT_FOR_UNREAD_EVENTS: Final = timedelta(seconds=1)
ERASED: Final = "erased"
"""The obstacle of a dispatch whose person was erased after the clearance."""
NO_SENDER: Final = frozenset({"sender_unknown", "sender_halted"})
"""Obstacles that no new clearance removes: they are reported before a lapse."""


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """Another attempt to the same person without a conclusion."""

    attempt_id: UUID
    state: AttemptState
    body_sha256: bytes


class SendCircumstances(NamedTuple):
    """Everything else that the decision depends on."""

    body_sha256: bytes
    """The text's hash under the person's key."""
    unkeyed_sha256: bytes | None = None
    """The text's hash itself, which attempts of earlier versions store."""
    open_attempts: Sequence[OpenAttempt] = ()
    merchant_closed: bool = False
    control: ControlAction | None = None
    """What people decided about such texts; answers to HELP and STOP are under no control."""
    in_blackout: bool = False
    """Its shop sends no texts of its purpose today."""
    has_unread_events: bool = False
    """An event about the person is in the log unread, or may be on its way there; marketing, and a shop's own answer,
    then wait."""
    obstacle: "Refuse | None" = None
    """What was found outside the transaction: rendering, registration, allow-list."""
    provider_has_validity: bool = True
    hold_reason: str | None = None
    """What keeps its number from calling; a clearance that runs out meanwhile lapses for this reason."""


@dataclass(frozen=True, slots=True)
class Go:
    """Commit the intent."""


@dataclass(frozen=True, slots=True)
class Skip:
    """It changed since it was claimed; nothing is to be done."""


@dataclass(frozen=True, slots=True)
class StayQueued:
    """Stay queued until then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Lapse:
    """The clearance ran out; the gate is asked again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not be sent."""

    reason: str
    error_class: ErrorClass | None = None
    retry_at: datetime | None = None


IntentDecision: TypeAlias = Go | Skip | StayQueued | Lapse | Refuse


def decide(
    dispatch: Dispatch, permission: SendPermission, circumstances: SendCircumstances, now: datetime
) -> IntentDecision:
    """Decide on one queued dispatch; a lasting obstacle is reported before a passing one."""
    if dispatch.state is not DispatchState.QUEUED:
        return Skip()
    if refusal := _lasting_refusal(dispatch, permission, circumstances, now):
        return refusal
    if circumstances.obstacle is not None and circumstances.obstacle.reason in NO_SENDER:
        return circumstances.obstacle
    if lapse := _lapse(dispatch, circumstances, now):
        return lapse
    if circumstances.obstacle is not None:
        return circumstances.obstacle
    closes = dispatch.window_closes_at
    if closes is not None and validity_seconds(closes, now) < 1:
        return Lapse("window_closed")
    if closes is not None and not circumstances.provider_has_validity and closes < now + CLOSE_GUARD_WITHOUT_VALIDITY:
        return Refuse("window_closing", retry_at=closes)
    if circumstances.has_unread_events and dispatch.purpose in NEWS_BOUND_PURPOSES:
        return StayQueued(now + WAIT_FOR_UNREAD_EVENTS)
    if any(_collides(other, circumstances) for other in circumstances.open_attempts):
        return StayQueued(now + WAIT_FOR_OTHER)
    return Go()


def _lapse(dispatch: Dispatch, circumstances: SendCircumstances, now: datetime) -> Lapse | None:
    """Return why the scheduler should keep the text, or ask the gate again."""
    if circumstances.control is ControlAction.PAUSE:
        return Lapse(TEXTS_PAUSED)
    if circumstances.in_blackout:
        return Lapse(BLACKOUT)
    if dispatch.valid_until < now + LEAST_CLEARANCE:
        return Lapse(circumstances.hold_reason or "clearance_ran_out")
    return None


def validity_seconds(closes: datetime, now: datetime) -> int:
    """Return how long the provider may keep trying: until the window closes, less a margin."""
    return int((closes - now).total_seconds()) - VALIDITY_MARGIN_SECONDS


def _lasting_refusal(
    dispatch: Dispatch, permission: SendPermission, circumstances: SendCircumstances, now: datetime
) -> Refuse | None:
    if circumstances.merchant_closed:
        return Refuse("merchant_closed")
    if circumstances.obstacle is not None and circumstances.obstacle.reason == ERASED:
        return circumstances.obstacle
    if circumstances.control is ControlAction.STOP:
        return Refuse(TEXTS_STOPPED)
    if dispatch.expires_at is not None and dispatch.expires_at <= now:
        return Refuse("expired")
    return None if dispatch.purpose in ANSWER_PURPOSES else _not_permitted(dispatch.purpose, permission)


def _not_permitted(purpose: Purpose, permission: SendPermission) -> Refuse | None:
    """Return why this person may not get a text of this purpose; answers to HELP and STOP are never checked here.

    A shop's own answer needs what a service text needs: a person who wants no more offers can still ask a question.
    """
    marketing = purpose is Purpose.MARKETING
    informational = purpose in {Purpose.INFORMATIONAL, Purpose.CONVERSATION}
    if (
        permission.suppressed is not None
        or (marketing and permission.marketing_suppressed)
        or (informational and permission.informational_suppressed)
    ):
        return Refuse("suppressed", ErrorClass.OPTED_OUT)
    return Refuse("needs_review") if purpose in NEWS_BOUND_PURPOSES and permission.needs_review else None


def _collides(other: OpenAttempt, circumstances: SendCircumstances) -> bool:
    """Return whether the other attempt must be concluded first.

    One call a person at a time, and never two unknowns with one text, which no listing could tell apart
    (providers section 7).
    """
    own = (circumstances.body_sha256, circumstances.unkeyed_sha256)
    return other.state is AttemptState.INTENT or other.body_sha256 in own
