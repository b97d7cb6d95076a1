"""The life of one follow-up: every state by every happening, as data (design section 5).

Two rules stand before the matrix. A gate's answer counts only for the release it is about. News about an attempt
counts once, and only when it says more than what is known of that attempt (`Proof`), so repeats and disorder are
harmless. An end of ours (blocked, cancelled, expired) gives way to nothing but proof that the provider took the text;
where two such ends compete, the first one stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

from shared.vocabulary.follow_up_states import OPEN, FollowUpState

_ENDS_OF_OURS = frozenset({FollowUpState.BLOCKED, FollowUpState.CANCELLED, FollowUpState.EXPIRED})


class TransitionKind(StrEnum):
    """What can happen to a follow-up."""

    FIRED = "fired"
    """Its timer, and its turn at the sender number."""
    CANCELLED = "cancelled"
    """A cancel rule, the API, an opt-out, an erasure, a closed shop."""
    EXPIRED = "expired"
    """Our own timer: `expire_after` has passed."""
    SILENT = "silent"
    """No receipt in 72 hours."""
    DEFERRED = "deferred"
    LAPSED = "lapsed"
    BLOCKED = "blocked"
    TOO_LATE = "too_late"
    """The gate blocked it as `message_expired`."""
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    """Failed after the provider had taken it."""
    REFUSED = "refused"
    """Failed without the provider ever taking it, refusals at intent included."""
    RETRIED = "retried"
    """Failed, and the gate should be asked again."""
    RETRIED_UNWANTED = "retried_unwanted"
    """The same, but nobody wants the text any more."""
    UNKNOWN = "unknown"
    DOUBLE_ACCEPTED = "double_accepted"
    """The provider took it while another attempt is with the provider, too."""
    DOUBLE_DELIVERED = "double_delivered"


class Proof(IntEnum):
    """What is known of one attempt; more is never taken back."""

    UNKNOWN = 1
    REFUSED = 2
    ACCEPTED = 3
    UNDELIVERED = 4
    DELIVERED = 5


class CellMark(StrEnum):
    """A cell that is not simply another state."""

    IGNORED = "ignored"
    BACK = "back"
    """To the end it had before the provider turned out to have taken it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A double was detected: somebody is paged; `to` is where the follow-up goes."""

    to: FollowUpState | CellMark


Cell = FollowUpState | CellMark | Alarm

_NOTHING: dict[TransitionKind, Cell] = dict.fromkeys(TransitionKind, CellMark.IGNORED)
_TAKEN: dict[TransitionKind, Cell] = {
    TransitionKind.ACCEPTED: FollowUpState.DISPATCHED,
    TransitionKind.DELIVERED: FollowUpState.DELIVERED,
    TransitionKind.UNDELIVERED: FollowUpState.FAILED,
    TransitionKind.DOUBLE_ACCEPTED: Alarm(FollowUpState.DISPATCHED),
    TransitionKind.DOUBLE_DELIVERED: Alarm(FollowUpState.DELIVERED),
}
"""Proof that the provider took the text moves every state that did not know it."""
_WANTED: dict[TransitionKind, Cell] = {
    TransitionKind.CANCELLED: FollowUpState.CANCELLED,
    TransitionKind.EXPIRED: FollowUpState.EXPIRED,
    TransitionKind.UNKNOWN: FollowUpState.UNKNOWN,
}

MATRIX: Mapping[FollowUpState, Mapping[TransitionKind, Cell]] = {
    FollowUpState.PENDING: _NOTHING | _TAKEN | _WANTED | {TransitionKind.FIRED: FollowUpState.RELEASED},
    FollowUpState.RELEASED: _NOTHING
    | _TAKEN
    | _WANTED
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
    | _TAKEN
    | {
        TransitionKind.REFUSED: FollowUpState.FAILED,
        TransitionKind.RETRIED: FollowUpState.FAILED,
        TransitionKind.RETRIED_UNWANTED: FollowUpState.FAILED,
    },
    FollowUpState.FAILED: _NOTHING | _TAKEN | {TransitionKind.UNDELIVERED: CellMark.IGNORED},
    FollowUpState.BLOCKED: _NOTHING | _TAKEN,
    FollowUpState.CANCELLED: _NOTHING | _TAKEN,
    FollowUpState.EXPIRED: _NOTHING | _TAKEN,
    FollowUpState.DELIVERED: _NOTHING
    | {
        TransitionKind.DOUBLE_ACCEPTED: Alarm(CellMark.IGNORED),
        TransitionKind.DOUBLE_DELIVERED: Alarm(CellMark.IGNORED),
    },
}
"""Every state by every happening."""

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
"""Say nothing about a later release."""
_AT_THE_PROVIDER = frozenset({Proof.ACCEPTED, Proof.DELIVERED})


class Transition(NamedTuple):
    """Something that happened to a follow-up."""

    kind: TransitionKind
    reason: str
    release: int | None = None
    """The release it is about; None for what is ours."""
    attempt: str | None = None
    """For dispatch events: the attempt they are about."""
    was_taken: bool = False
    """For `RETRIED`: whether the provider had taken the failed text."""


class Lifecycle(NamedTuple):
    """What the matrix needs to know of a follow-up."""

    state: FollowUpState = FollowUpState.PENDING
    release: int = 0
    """How many times it was handed to the gate."""
    reason: str | None = None
    proofs: Mapping[str, Proof] = MappingProxyType({})
    """What is known of each attempt."""
    unwanted_as: FollowUpState | None = None
    """The end it would have, were it not for a text on its way."""
    unwanted_reason: str | None = None
    is_too_late: bool = False
    """It was cancelled, and the provider had it all the same."""


class TransitionEffect(NamedTuple):
    """What a piece of news does to a follow-up."""

    after: Lifecycle
    moved: bool
    """Whether the state changed (a release counts as a change)."""
    alarm: bool = False
    """A double was detected."""
    stops_release: bool = False
    """A text under way must be stopped: an older release turned out to have reached the provider."""


def effect_of(before: Lifecycle, transition: Transition) -> TransitionEffect | None:
    """Return what the news changes; None where it is stale, known, or ignored.

    Total and deterministic. For what the outside says about one release the end does not depend on order or
    repeats; a double is told once for each attempt that reveals it.
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
    """Return what the news says about its attempt."""
    if transition.kind is TransitionKind.RETRIED:
        return Proof.UNDELIVERED if transition.was_taken else Proof.REFUSED
    return _PROOFS.get(transition.kind)


def _column_of(kind: TransitionKind, before: Lifecycle, *, is_double: bool) -> TransitionKind:
    """Return the column of the matrix, once it is known what else is known."""
    if kind is TransitionKind.RETRIED and before.unwanted_as is not None:
        return TransitionKind.RETRIED_UNWANTED
    if is_double:
        return TransitionKind.DOUBLE_DELIVERED if kind is TransitionKind.DELIVERED else TransitionKind.DOUBLE_ACCEPTED
    return kind


def _ignored(before: Lifecycle, known: Lifecycle, transition: Transition, *, alarm: bool) -> TransitionEffect | None:
    """Return what is remembered of news that moves nothing."""
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
    if before.state in _ENDS_OF_OURS and before.unwanted_as is None:
        after = after._replace(unwanted_as=before.state, unwanted_reason=before.reason)
    if after.unwanted_as is not None and to not in OPEN | _ENDS_OF_OURS:
        after = after._replace(is_too_late=True)
    is_older = transition.release is not None and transition.release < before.release
    return TransitionEffect(
        after,
        moved=to is not before.state,
        alarm=alarm,
        stops_release=is_older and before.state is FollowUpState.RELEASED,
    )
