"""What somebody may say about a call without an answer, and what speaks against it (send-protocol, section 1). Pure.

Somebody who looked at the provider is a witness like its listing: they count no earlier than a listing does, the flow's
policy decides about a second call as it does after a listing, and a later receipt is stronger than what they say.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import AttemptState
from services.sender.reconciliation.decision import ABSENCE_COUNTS_AFTER
from shared.events.follow_up import ResendPolicy

NOT_PROVABLE: Final = "not_provable"
"""The reason of a call that nobody and nothing could conclude."""
SAID_SENT: Final = "said_sent"
SAID_NOT_SENT: Final = "said_not_sent"


@dataclass(frozen=True, slots=True)
class SaidSent:
    """Somebody says that the text was sent."""

    provider_message_id: str | None = None
    """As the provider names it; None where it is not known, so that nothing more is learned of the text."""


@dataclass(frozen=True, slots=True)
class SaidNotSent:
    """Somebody says that the provider has no such text."""

    send_again: bool = False
    """Ask the gate once more; only where the flow permits a second call after proven absence."""


Resolution: TypeAlias = SaidSent | SaidNotSent


class Objection(NamedTuple):
    """Why a call cannot be resolved like this."""

    code: str
    detail: str


def is_repeat(attempt: Attempt, said: Resolution) -> bool:
    """Return whether the call ended as it is said already: saying it again changes nothing."""
    match said:
        case SaidSent(None):
            return attempt.state is AttemptState.ACCEPTED or is_said_sent(attempt)
        case SaidSent(provider_message_id):
            return attempt.state is AttemptState.ACCEPTED and attempt.provider_message_id == provider_message_id
        case SaidNotSent():
            return attempt.state is AttemptState.PROVEN_ABSENT


def is_said_sent(attempt: Attempt) -> bool:
    """Return whether somebody said that it was sent, without the provider's id."""
    return attempt.state is AttemptState.ASSUMED_SENT and attempt.reason == SAID_SENT


def objection_to(
    said: Resolution, attempt: Attempt, dispatch: Dispatch, now: datetime, known_ids: Collection[str]
) -> Objection | None:
    """Return what speaks against a resolution; None where it may be recorded.

    `known_ids`: provider ids that other attempts to the person hold.
    """
    if attempt.state is AttemptState.INTENT:
        return Objection("under_way", "the call may still be answered; it is unknown in a minute, unless it is")
    was_given_up = attempt.state is AttemptState.ASSUMED_SENT
    if attempt.state is not AttemptState.UNKNOWN and not was_given_up:
        return Objection("already_concluded", f"its outcome is known by now: {attempt.state}")
    match said:
        case SaidSent(provider_message_id):
            if provider_message_id in known_ids:
                return Objection("id_taken", "another text to this person has this id; look for the one of this minute")
            return None
        case SaidNotSent(send_again):
            return _objection_to_absence(attempt, dispatch, now, send_again=send_again, was_given_up=was_given_up)


def _objection_to_absence(
    attempt: Attempt, dispatch: Dispatch, now: datetime, *, send_again: bool, was_given_up: bool
) -> Objection | None:
    counts_from = attempt.deadline + ABSENCE_COUNTS_AFTER
    if now < counts_from:
        at = counts_from.isoformat(timespec="seconds")
        return Objection("too_early", f"the provider may still be writing it down; look again after {at}")
    if not send_again:
        return None
    if was_given_up:
        return Objection("not_sent_again", "its follow-up has ended; resolve it without send_again, and send a new one")
    if dispatch.cancelled:
        return Objection("not_sent_again", "its follow-up was cancelled meanwhile; resolve it without send_again")
    if dispatch.resend is not ResendPolicy.RESEND_WHEN_ABSENT:
        return Objection(
            "not_sent_again", "its flow sends it at most once (marketing always is); resolve it without send_again"
        )
    return None
