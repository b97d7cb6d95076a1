"""What becomes of follow-ups whose timer fired: which end, which are ready for release, and in which order."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from services.scheduler.lifecycle.follow_up import FollowUp, LoadedFollowUp
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest
from services.scheduler.runs.plan import PAST_AFTER
from services.scheduler.runs.versions import Versions
from shared.db.unit_of_work import UnitOfWork
from shared.ids import FollowUpId, RecipientId
from shared.vocabulary.follow_up_states import FollowUpState

DUE = "due"
"""The reason of a released follow-up about which no answer has come yet."""


def sort_due(
    loaded: Iterable[LoadedFollowUp],
    fired_at: Mapping[FollowUpId, datetime],
    now: datetime,
    skipped: Collection[FollowUpId] = (),
) -> tuple[list[TransitionRequest], list[LoadedFollowUp]]:
    """Return the ends of those that are over, and those that are ready for their turn.

    Args:
        loaded: follow-ups whose timer fired; a timer that is not its follow-up's current one is ignored.
        fired_at: when each timer was due.
        now: the instant of the unit.
        skipped: those that their flow skips now (`if_past: skip`).
    """
    over: list[TransitionRequest] = []
    ready: list[LoadedFollowUp] = []
    for candidate in loaded:
        follow_up = candidate.follow_up
        if follow_up.timer_at != fired_at[follow_up.id]:
            continue
        if follow_up.state is FollowUpState.DISPATCHED:
            over.append(_timed(follow_up, TransitionKind.SILENT, "no_receipt"))
        elif is_expired(follow_up, now):
            over.append(_timed(follow_up, TransitionKind.EXPIRED, "expire_after"))
        elif follow_up.id in skipped:
            over.append(_timed(follow_up, TransitionKind.EXPIRED, "past_due"))
        elif follow_up.is_pending:
            ready.append(candidate)
    return over, ready


def _timed(follow_up: FollowUp, kind: TransitionKind, reason: str) -> TransitionRequest:
    return TransitionRequest(follow_up, Transition(kind, reason), timer_is_gone=True)


async def skipped_by_flow(uow: UnitOfWork, versions: Versions, follow_ups: Iterable[FollowUp]) -> set[FollowUpId]:
    """Return the pending follow-ups that their flow skips now that they are past due (`if_past: skip`).

    The time counts from the present due time: a deferral by the gate makes no follow-up late.
    """
    late = [follow_up for follow_up in follow_ups if follow_up.is_pending and uow.now > follow_up.due_at + PAST_AFTER]
    terms = await versions.terms(uow.db, {follow_up.flow_version for follow_up in late})
    return {follow_up.id for follow_up in late if terms[follow_up.flow_version].skips(follow_up.step)}


def in_planned_order(turns: Sequence[LoadedFollowUp]) -> list[LoadedFollowUp]:
    """Return follow-ups in their turns, but each person's in the order they were planned in.

    Two that the gate deferred to the same instant are due together, and their ids do not say which comes first.
    """
    of_person: dict[RecipientId, deque[LoadedFollowUp]] = defaultdict(deque)
    for candidate in sorted(turns, key=lambda turn: (turn.follow_up.priority, turn.follow_up.first_due_at)):
        of_person[candidate.follow_up.recipient_id].append(candidate)
    return [of_person[turn.follow_up.recipient_id].popleft() for turn in turns]


def release_of(loaded: LoadedFollowUp, now: datetime) -> TransitionRequest | None:
    """Return the release of a follow-up whose turn it is, or its end; None where it ended in the queue."""
    follow_up, content = loaded
    if not follow_up.is_pending:
        return None
    if is_expired(follow_up, now):
        return _timed(follow_up, TransitionKind.EXPIRED, "expire_after")
    if content is None:
        return _timed(follow_up, TransitionKind.CANCELLED, "erased")
    return _timed(follow_up, TransitionKind.FIRED, DUE)._replace(content=content)


def is_releasable(follow_up: FollowUp, now: datetime) -> bool:
    """Return whether a follow-up is pending and has not expired."""
    return follow_up.is_pending and not is_expired(follow_up, now)


def is_expired(follow_up: FollowUp, now: datetime) -> bool:
    """Return whether a follow-up's expiry has passed."""
    return follow_up.expires_at is not None and follow_up.expires_at <= now
