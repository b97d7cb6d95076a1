"""The lifecycle of one follow-up: every state by every kind of transition, as data (design section 5).

Two rules come before the matrix. A gate's answer counts only for the release it is about. An event about an attempt
counts once, and only when it says more than what is known of that attempt (`Proof`), so that repeats and disorder are
harmless. A withheld end (blocked, cancelled, expired) changes only on proof that the provider accepted the follow-up;
of two such ends the first one stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

from shared.vocabulary.follow_up_states import OPEN, FollowUpState

_WITHHELD = frozenset({FollowUpState.BLOCKED, FollowUpState.CANCELLED, FollowUpState.EXPIRED})
"""Ends by a decision of ours, without the provider."""


class TransitionKind(StrEnum):
    """What can happen to a follow-up, with who says so."""

    FIRED = "fired"
    """The release loop: its timer fired, and its sender number has capacity."""
    CANCELLED = "cancelled"
    """A cancel rule, the API, an opt-out, an erasure or a closed merchant."""
    EXPIRED = "expired"
    """The release loop: `expire_after` has passed, or the flow skips it once it is past due."""
    SILENT = "silent"
    """The release loop: no delivery receipt came in time (72 hours unless configured)."""
    DEFERRED = "deferred"
    """The gate: not now, but at a later time."""
    LAPSED = "lapsed"
    """The sender: the clearance ended before the call, so the gate is asked again."""
    BLOCKED = "blocked"
    """The gate: a lasting obstacle."""
    TOO_LATE = "too_late"
    """The gate: no permitted time before it expires (`message_expired`)."""
    ACCEPTED = "accepted"
    """The sender: the provider accepted it."""
    DELIVERED = "delivered"
    """The sender: a receipt says the phone has it."""
    UNDELIVERED = "undelivered"
    """The sender: it failed after the provider had accepted it."""
    REFUSED = "refused"
    """The sender: it failed without the provider ever accepting it, refusals before the call included."""
    RETRIED = "retried"
    """The sender: it failed, and the gate is to be asked again."""
    RETRIED_UNWANTED = "retried_unwanted"
    """The same for a follow-up that was cancelled meanwhile."""
    UNKNOWN = "unknown"
    """The sender: the call had no answer, and the provider could not tell what became of it."""
    DOUBLE_ACCEPTED = "double_accepted"
    """The sender: the provider accepted it while it has another attempt, too."""
    DOUBLE_DELIVERED = "double_delivered"
    """The sender: it was delivered while the provider has another attempt, too."""


class Proof(IntEnum):
    """What is known of one attempt; it only ever rises."""

    UNKNOWN = 1
    REFUSED = 2
    ACCEPTED = 3
    UNDELIVERED = 4
    DELIVERED = 5


class CellMark(StrEnum):
    """A cell that is not simply another state."""

    IGNORED = "ignored"
    BACK = "back"
    """Restore the terminal state it had before the provider's acceptance became known."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A double was detected, which raises an alert; `to` is the state after it."""

    to: FollowUpState | CellMark


Cell = FollowUpState | CellMark | Alarm

_NOTHING: dict[TransitionKind, Cell] = dict.fromkeys(TransitionKind, CellMark.IGNORED)
_PROVEN: dict[TransitionKind, Cell] = {
    TransitionKind.ACCEPTED: FollowUpState.DISPATCHED,
    TransitionKind.DELIVERED: FollowUpState.DELIVERED,
    TransitionKind.UNDELIVERED: FollowUpState.FAILED,
    TransitionKind.DOUBLE_ACCEPTED: Alarm(FollowUpState.DISPATCHED),
    TransitionKind.DOUBLE_DELIVERED: Alarm(FollowUpState.DELIVERED),
}
"""Proof that the provider accepted it moves every state that did not know that."""
_WITHHOLD: dict[TransitionKind, Cell] = {
    TransitionKind.CANCELLED: FollowUpState.CANCELLED,
    TransitionKind.EXPIRED: FollowUpState.EXPIRED,
    TransitionKind.UNKNOWN: FollowUpState.UNKNOWN,
}

MATRIX: Mapping[FollowUpState, Mapping[TransitionKind, Cell]] = {
    FollowUpState.PENDING: _NOTHING | _PROVEN | _WITHHOLD | {TransitionKind.FIRED: FollowUpState.RELEASED},
    FollowUpState.RELEASED: _NOTHING
    | _PROVEN
    | _WITHHOLD
    | {
        TransitionKind.DEFERRED: FollowUpState.PENDING,
        TransitionKind.LAPSED: FollowUpState.PENDING,
        TransitionKind.BLOCKED: FollowUpState.BLOCKED,
        TransitionKind.TOO_LATE: FollowUpState.EXPIRED,
        TransitionKind.REFUSED: FollowUpState.FAILED,
        TransitionKind.RETRIED: FollowUpState.PENDING,
        TransitionKind.RETRIED_UNWANTED: CellMark.BACK,
    },
    FollowUpState.DISPATCHED: _NOTHING
    | {
        TransitionKind.SILENT: FollowUpState.UNCONFIRMED,
        TransitionKind.DELIVERED: FollowUpState.DELIVERED,
        TransitionKind.UNDELIVERED: FollowUpState.FAILED,
        TransitionKind.RETRIED: FollowUpState.PENDING,
        TransitionKind.RETRIED_UNWANTED: CellMark.BACK,
        TransitionKind.DOUBLE_ACCEPTED: Alarm(CellMark.IGNORED),
        TransitionKind.DOUBLE_DELIVERED: Alarm(FollowUpState.DELIVERED),
    },
    FollowUpState.UNCONFIRMED: _NOTHING
    | {
        TransitionKind.DELIVERED: FollowUpState.DELIVERED,
        TransitionKind.UNDELIVERED: FollowUpState.FAILED,
        TransitionKind.RETRIED: FollowUpState.FAILED,
        TransitionKind.RETRIED_UNWANTED: FollowUpState.FAILED,
        TransitionKind.DOUBLE_ACCEPTED: Alarm(CellMark.IGNORED),
        TransitionKind.DOUBLE_DELIVERED: Alarm(FollowUpState.DELIVERED),
    },
    FollowUpState.UNKNOWN: _NOTHING
    | _PROVEN
    | {
        TransitionKind.REFUSED: FollowUpState.FAILED,
        TransitionKind.RETRIED: FollowUpState.FAILED,
        TransitionKind.RETRIED_UNWANTED: FollowUpState.FAILED,
    },
    FollowUpState.FAILED: _NOTHING | _PROVEN | {TransitionKind.UNDELIVERED: CellMark.IGNORED},
    FollowUpState.BLOCKED: _NOTHING | _PROVEN,
    FollowUpState.CANCELLED: _NOTHING | _PROVEN,
    FollowUpState.EXPIRED: _NOTHING | _PROVEN,
    FollowUpState.DELIVERED: _NOTHING
    | {
        TransitionKind.DOUBLE_ACCEPTED: Alarm(CellMark.IGNORED),
        TransitionKind.DOUBLE_DELIVERED: Alarm(CellMark.IGNORED),
    },
}
"""Every state by every kind of transition."""

_PROOFS: Mapping[TransitionKind, Proof] = {
    TransitionKind.UNKNOWN: Proof.UNKNOWN,
    TransitionKind.REFUSED: Proof.REFUSED,
    TransitionKind.ACCEPTED: Proof.ACCEPTED,
    TransitionKind.UNDELIVERED: Proof.UNDELIVERED,
    TransitionKind.DELIVERED: Proof.DELIVERED,
}
_ABOUT_ONE_RELEASE = frozenset(
    {
        TransitionKind.DEFERRED,
        TransitionKind.LAPSED,
        TransitionKind.BLOCKED,
        TransitionKind.TOO_LATE,
        TransitionKind.REFUSED,
        TransitionKind.RETRIED,
    }
)
"""Kinds that say nothing about a later release."""
_AT_THE_PROVIDER = frozenset({Proof.ACCEPTED, Proof.DELIVERED})


class Transition(NamedTuple):
    """Something that happened to a follow-up."""

    kind: TransitionKind
    reason: str
    release: int | None = None
    """The release it is about; None for decisions of the scheduler."""
    attempt: str | None = None
    """For dispatch events: the attempt they are about."""
    was_accepted: bool = False
    """For `RETRIED`: whether the provider had accepted the failed attempt."""


class Lifecycle(NamedTuple):
    """What the matrix needs to know of a follow-up."""

    state: FollowUpState = FollowUpState.PENDING
    release: int = 0
    """How many times it was released."""
    reason: str | None = None
    proofs: Mapping[str, Proof] = MappingProxyType({})
    """What is known of each attempt."""
    unwanted_as: FollowUpState | None = None
    """The withheld end it had, or would have, were it not for an attempt at the provider."""
    unwanted_reason: str | None = None
    is_too_late: bool = False
    """It was withheld, and the provider accepted it all the same."""


class TransitionEffect(NamedTuple):
    """What a transition does to a follow-up."""

    after: Lifecycle
    moved: bool
    """Whether the state changed (a release counts as a change)."""
    alarm: bool = False
    """A double was detected."""
    stops_release: bool = False
    """The current release must be stopped, since an older one turned out to have reached the provider."""


def effect_of(before: Lifecycle, transition: Transition) -> TransitionEffect | None:
    """Return what a transition changes; None where it is stale, known, or ignored.

    Total and deterministic. For what is said about one release, the result does not depend on order or repeats; a
    double raises one alarm for each attempt that reveals it.
    """
    if transition.release is not None and transition.release < before.release and transition.kind in _ABOUT_ONE_RELEASE:
        return None
    proof = _proof_of(transition)
    known = before
    if proof is not None:
        attempt = transition.attempt or f"release-{transition.release}"
        if before.proofs.get(attempt, 0) >= proof:
            return None
        others = {name: held for name, held in before.proofs.items() if name != attempt}
        known = before._replace(proofs={**others, attempt: proof})
        is_elsewhere = bool(others) and not _AT_THE_PROVIDER.isdisjoint(others.values())
        is_double = is_elsewhere and proof in _AT_THE_PROVIDER
        if is_elsewhere and not is_double:
            return TransitionEffect(known, moved=False)
        was_counted = before.proofs.get(attempt) in _AT_THE_PROVIDER
        kind = _column_of(transition.kind, before, is_double=is_double)
    else:
        was_counted = False
        kind = transition.kind
    cell = MATRIX[before.state][kind]
    alarm = isinstance(cell, Alarm) and not was_counted
    target = cell.to if isinstance(cell, Alarm) else cell
    if target is CellMark.IGNORED:
        return _ignored(before, known, transition, alarm=alarm)
    if target is CellMark.BACK:
        after = known._replace(
            state=known.unwanted_as or FollowUpState.CANCELLED, reason=known.unwanted_reason or transition.reason
        )
        return TransitionEffect(after, moved=True)
    return _state_changed(before, known, target, transition, alarm=alarm)


def _proof_of(transition: Transition) -> Proof | None:
    """Return what a transition says about its attempt."""
    if transition.kind is TransitionKind.RETRIED:
        return Proof.UNDELIVERED if transition.was_accepted else Proof.REFUSED
    return _PROOFS.get(transition.kind)


def _column_of(kind: TransitionKind, before: Lifecycle, *, is_double: bool) -> TransitionKind:
    """Return the kind to look up in the matrix, given what is known already."""
    if kind is TransitionKind.RETRIED and before.unwanted_as is not None:
        return TransitionKind.RETRIED_UNWANTED
    if is_double:
        return TransitionKind.DOUBLE_DELIVERED if kind is TransitionKind.DELIVERED else TransitionKind.DOUBLE_ACCEPTED
    return kind


def _ignored(before: Lifecycle, known: Lifecycle, transition: Transition, *, alarm: bool) -> TransitionEffect | None:
    """Return what is stored of a transition that leaves the state as it is."""
    if (
        before.state is FollowUpState.DISPATCHED
        and transition.kind is TransitionKind.CANCELLED
        and before.unwanted_as is None
    ):
        known = known._replace(unwanted_as=FollowUpState.CANCELLED, unwanted_reason=transition.reason)
    return None if known == before and not alarm else TransitionEffect(known, moved=False, alarm=alarm)


def _state_changed(
    before: Lifecycle, known: Lifecycle, to: FollowUpState, transition: Transition, *, alarm: bool
) -> TransitionEffect:
    """Return the follow-up in its new state."""
    release = known.release + 1 if transition.kind is TransitionKind.FIRED else known.release
    after = known._replace(state=to, reason=transition.reason, release=release)
    if before.state in _WITHHELD and before.unwanted_as is None:
        after = after._replace(unwanted_as=before.state, unwanted_reason=before.reason)
    if after.unwanted_as is not None and to not in OPEN | _WITHHELD:
        after = after._replace(is_too_late=True)
    is_older = transition.release is not None and transition.release < before.release
    return TransitionEffect(
        after,
        moved=to is not before.state,
        alarm=alarm,
        stops_release=is_older and before.state is FollowUpState.RELEASED,
    )
