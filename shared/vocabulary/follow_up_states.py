"""The states of a follow-up, each with who moves a follow-up into it and out of it, and when (design section 5)."""

from enum import StrEnum
from typing import Final


class FollowUpState(StrEnum):
    """Where a follow-up stands; the scheduler's matrix is the only thing that moves it."""

    PENDING = "pending"
    """The plan puts it here, and so does a verdict of *defer* or a failed call that may be repeated.

    It leaves when its timer fires and its number has room (*released*), or when it is cancelled or expires.
    """
    RELEASED = "released"
    """The scheduler's loop puts it here at its due time; it is with the gate or the sender.

    It leaves with the first answer: deferred or lapsed (*pending*), blocked, expired, accepted (*dispatched*),
    refused (*failed*), or without an answer of the provider (*unknown*).
    """
    DISPATCHED = "dispatched"
    """The provider has accepted it. A delivery receipt moves it on; after 72 hours without one it is *unconfirmed*."""
    DELIVERED = "delivered"
    """A delivery receipt says that the phone has it. Nothing moves it from here."""
    UNCONFIRMED = "unconfirmed"
    """Accepted, and no receipt came within 72 hours. A late receipt still moves it to *delivered* or *failed*."""
    FAILED = "failed"
    """The provider refused it, or accepted it and could not deliver it. Only proof of acceptance moves it on."""
    UNKNOWN = "unknown"
    """The call had no answer and the provider could not tell what became of it; it is never sent again.

    Proof in either direction moves it on: accepted, delivered, undelivered or refused.
    """
    BLOCKED = "blocked"
    """The gate found a lasting obstacle. Only proof that the provider accepted it all the same moves it on."""
    CANCELLED = "cancelled"
    """A cancel rule, the API, an opt-out, an erasure or a closed shop ended it before the provider accepted it."""
    EXPIRED = "expired"
    """Its `expire_after` passed, or the gate found no permitted time before it would."""


OPEN: Final = frozenset({FollowUpState.PENDING, FollowUpState.RELEASED})
"""May still be cancelled."""
RUNNING: Final = OPEN | {FollowUpState.DISPATCHED}
"""Not ended yet."""
ENDS: Final = frozenset(FollowUpState) - RUNNING
"""The terminal states: each follow-up ends in exactly one, with a reason."""
