"""The states of a follow-up, each with who moves a follow-up into it and out of it, and when (design section 5)."""

from enum import StrEnum
from typing import Final


class FollowUpState(StrEnum):
    """The state of a follow-up; only the scheduler's matrix changes it."""

    PENDING = "pending"
    """It waits for its due time.

    In: the plan; later the gate's *defer*, a lapsed clearance, or a failed call that may be repeated.
    Out: the release loop releases it when it is due and its number has capacity, or ends it when it expires; a cancel
    rule, the API, an opt-out, an erasure or a closed merchant cancels it.
    """
    RELEASED = "released"
    """The scheduler has handed it to the gate, and after clearance the sender has it.

    In: the release loop, at its due time.
    Out: the first answer: deferred, lapsed or to be repeated (*pending*), blocked, expired, accepted by the provider
    (*dispatched*), refused (*failed*), or no answer of the provider (*unknown*). It may still be cancelled.
    """
    DISPATCHED = "dispatched"
    """The provider has accepted it.

    In: the sender, when the provider's answer or a later proof of acceptance arrives.
    Out: a delivery receipt (*delivered* or *failed*), a failure that may be repeated (*pending*), or 72 hours without
    a receipt (*unconfirmed*).
    """
    DELIVERED = "delivered"
    """The phone has it.

    In: a delivery receipt.
    Out: nothing.
    """
    UNCONFIRMED = "unconfirmed"
    """It was accepted, and it is not known whether it arrived.

    In: the release loop, when 72 hours have passed without a delivery receipt.
    Out: a late receipt (*delivered* or *failed*).
    """
    FAILED = "failed"
    """It was not delivered.

    In: the sender, when the provider refused it, or accepted it and could not deliver it.
    Out: only proof that the provider accepted it after all (*dispatched* or *delivered*).
    """
    UNKNOWN = "unknown"
    """Its call had no answer, and the provider could not tell what became of it; it is never sent again.

    In: the sender, when reconciliation gives up.
    Out: proof in either direction (*dispatched*, *delivered* or *failed*).
    """
    BLOCKED = "blocked"
    """It may not be sent.

    In: the gate, which found a lasting obstacle.
    Out: only proof that the provider accepted it all the same.
    """
    CANCELLED = "cancelled"
    """It is no longer wanted.

    In: a cancel rule, the API, an opt-out, an erasure or a closed merchant, before the provider accepted it.
    Out: only proof that the provider accepted it all the same.
    """
    EXPIRED = "expired"
    """It would have come too late.

    In: the release loop, when `expire_after` or the time its flow allows has passed; the gate, when it finds no
    permitted time before that.
    Out: only proof that the provider accepted it all the same.
    """


OPEN: Final = frozenset({FollowUpState.PENDING, FollowUpState.RELEASED})
"""May still be cancelled."""
RUNNING: Final = OPEN | {FollowUpState.DISPATCHED}
"""Not ended yet."""
ENDS: Final = frozenset(FollowUpState) - RUNNING
"""The terminal states: each follow-up ends in exactly one, with a reason."""
