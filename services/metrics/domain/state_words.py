"""The states of a follow-up in a shop owner's words, each with its tone."""

from typing import Final

from services.metrics.domain.journey_steps import Tone
from shared.progress import Doing, Progress
from shared.vocabulary.follow_up_states import FollowUpState

STATES: Final = {
    FollowUpState.PENDING: (Tone.PLAIN, "waiting for their time"),
    FollowUpState.RELEASED: (Tone.PLAIN, "being checked or sent"),
    FollowUpState.DISPATCHED: (Tone.PLAIN, "with the provider"),
    FollowUpState.DELIVERED: (Tone.GOOD, "on the phone"),
    FollowUpState.UNCONFIRMED: (Tone.WAIT, "sent, no receipt"),
    FollowUpState.FAILED: (Tone.BAD, "not sent or not delivered"),
    FollowUpState.UNKNOWN: (Tone.BAD, "no answer; not sent again"),
    FollowUpState.BLOCKED: (Tone.WAIT, "refused by the gate"),
    FollowUpState.CANCELLED: (Tone.PLAIN, "no longer wanted"),
    FollowUpState.EXPIRED: (Tone.PLAIN, "too late to send"),
}
"""The tone of each state, and its words, in the order of a follow-up's life."""


def tone_at(state: FollowUpState, progress: Progress) -> Tone:
    """Return the tone of a follow-up: waiting ones have their own, the others that of their state."""
    return Tone.WAIT if progress.doing in {Doing.WAITING, Doing.UNANSWERED} else STATES[state][0]
