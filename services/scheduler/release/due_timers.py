"""What becomes of follow-ups whose timer fired: which end, which are ready for release, and in which order.

Timers know neither merchant nor number, so that they need no index but their key. Where one merchant planned ten
thousand follow-ups for the same instant, they are not worked on in that order: the sweep moves those beyond one batch,
without their content, into the queues of their sender numbers, where merchants take turns.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from services.scheduler import store as follow_ups
from services.scheduler.lifecycle.follow_up import FollowUp, LoadedFollowUp, SweptFollowUp
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest
from services.scheduler.release import store
from services.scheduler.release.store import DueTimer
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


async def skipped_by_flow(
    uow: UnitOfWork, versions: Versions, found: Iterable[FollowUp | SweptFollowUp]
) -> set[FollowUpId]:
    """Return the pending follow-ups that their flow skips now that they are past due (`if_past: skip`).

    The time counts from the present due time: a deferral by the gate makes no follow-up late.
    """
    late = [
        follow_up
        for follow_up in found
        if follow_up.state is FollowUpState.PENDING and uow.now > follow_up.due_at + PAST_AFTER
    ]
    terms = await versions.terms(uow.db, {follow_up.flow_version for follow_up in late})
    return {follow_up.id for follow_up in late if terms[follow_up.flow_version].skips(follow_up.step)}


async def sweep(
    uow: UnitOfWork, partitions: Iterable[int], most: int, most_others: int, versions: Versions
) -> tuple[int, list[DueTimer]]:
    """Move up to `most` due timers of pending follow-ups into the queues; return how many, and the other timers.

    The others belong to follow-ups that are not pending, or whose flow skips them once they are past due. At most
    `most_others` of them are returned, to be worked on now; the rest get their timers back. A timer that is not its
    follow-up's current one is dropped.
    """
    claimed = dict(await store.claim_timers(uow, partitions, most))
    found = [swept for swept in await store.load_swept(uow, [*claimed]) if swept.timer_at == claimed[swept.id]]
    skipped = await skipped_by_flow(uow, versions, found)
    pending: list[SweptFollowUp] = []
    others: list[SweptFollowUp] = []
    for swept in found:
        is_queued = swept.state is FollowUpState.PENDING and swept.id not in skipped
        (pending if is_queued else others).append(swept)
    await store.enqueue(uow.db, pending)
    restored = others[most_others:]
    await follow_ups.insert_timers(uow.db, restored)
    now = [DueTimer(swept.id, claimed[swept.id]) for swept in others[:most_others]]
    return len(claimed) - len(restored), now


def in_planned_order(turns: Sequence[LoadedFollowUp]) -> list[LoadedFollowUp]:
    """Return follow-ups in their turns, but each person's in the order they were planned in.

    Two that the gate deferred to the same instant are due together, and their ids do not say which comes first.
    """
    of_person: dict[RecipientId, deque[LoadedFollowUp]] = defaultdict(deque)
    for candidate in sorted(turns, key=lambda turn: (turn.follow_up.priority, turn.follow_up.first_due_at)):
        of_person[candidate.follow_up.recipient_id].append(candidate)
    return [of_person[turn.follow_up.recipient_id].popleft() for turn in turns]


def release_of(loaded: LoadedFollowUp, now: datetime, open_since: datetime | None = None) -> TransitionRequest | None:
    """Return the release of a follow-up whose turn it is, or its end; None where it ended in the queue.

    `open_since`: from when the gate counts how long it may defer it; None: from when it was first due.
    """
    follow_up, content = loaded
    if not follow_up.is_pending:
        return None
    if is_expired(follow_up, now):
        return _timed(follow_up, TransitionKind.EXPIRED, "expire_after")
    if content is None:
        return _timed(follow_up, TransitionKind.CANCELLED, "erased")
    return _timed(follow_up, TransitionKind.FIRED, DUE)._replace(content=content, open_since=open_since)


def is_releasable(follow_up: FollowUp, now: datetime) -> bool:
    """Return whether a follow-up is pending and has not expired."""
    return follow_up.is_pending and not is_expired(follow_up, now)


def is_expired(follow_up: FollowUp, now: datetime) -> bool:
    """Return whether a follow-up's expiry has passed."""
    return follow_up.expires_at is not None and follow_up.expires_at <= now
