"""The states of a dispatch and of its attempts, and which change is possible (send-protocol, section 3)."""

from enum import StrEnum
from typing import Final


class DispatchState(StrEnum):
    """The state of one cleared follow-up."""

    QUEUED = "queued"
    INTENT = "intent"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"
    """Final; a tombstone where the cancellation came before the clearance."""


class AttemptState(StrEnum):
    """The state of one provider call."""

    INTENT = "intent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    PROVEN_ABSENT = "proven_absent"
    ASSUMED_SENT = "assumed_sent"
    """Reconciliation ended without proof: treated as sent from then on."""
    RETURNED = "returned"
    """Accepted, then reported as never sent; the follow-up may have another attempt."""


UNANSWERED_STATES: Final = frozenset({AttemptState.INTENT, AttemptState.UNKNOWN})
"""Without an outcome."""
LIVE_STATES: Final = frozenset(
    {AttemptState.INTENT, AttemptState.UNKNOWN, AttemptState.ACCEPTED, AttemptState.ASSUMED_SENT}
)
"""A follow-up has at most one attempt in these; the database refuses a second."""

_S = AttemptState
TRANSITIONS: Final[dict[AttemptState, frozenset[AttemptState]]] = {
    _S.INTENT: frozenset({_S.ACCEPTED, _S.REFUSED, _S.NOT_SENT, _S.UNKNOWN}),
    # Refused and not sent out of unknown: the call's own answer, committed late (send-protocol 1.5).
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.PROVEN_ABSENT, _S.ASSUMED_SENT, _S.REFUSED, _S.NOT_SENT}),
    _S.ACCEPTED: frozenset({_S.RETURNED}),
    # The provider reports, or somebody looked there, after we gave up: proof beats every assumption.
    _S.PROVEN_ABSENT: frozenset({_S.ACCEPTED}),
    _S.ASSUMED_SENT: frozenset({_S.ACCEPTED, _S.PROVEN_ABSENT}),
    _S.NOT_SENT: frozenset({_S.ACCEPTED}),
    _S.REFUSED: frozenset({_S.ACCEPTED}),
    _S.RETURNED: frozenset(),
}


def may_become(state: AttemptState, wanted: AttemptState) -> bool:
    """Return whether an attempt may change from `state` to `wanted`."""
    return wanted in TRANSITIONS[state]


def is_concluded(state: AttemptState) -> bool:
    """Return whether an attempt has an outcome."""
    return state not in UNANSWERED_STATES
