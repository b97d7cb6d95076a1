"""Moves due timers beyond one batch into the queues of their sender numbers.

Timers know neither merchant nor number, so that they need no index but their key. Where one merchant planned ten
thousand follow-ups for the same instant, they are not worked on in that order: the sweep moves them, without their
content, into the queues, where merchants take turns.
"""

from collections.abc import Iterable, Sequence

from services.scheduler.release import store
from services.scheduler.release.store import DueTimer, SweptFollowUp
from services.scheduler.runs.plan import PAST_AFTER
from services.scheduler.runs.versions import Versions
from shared.db.unit_of_work import UnitOfWork
from shared.ids import FollowUpId
from shared.vocabulary.follow_up_states import FollowUpState


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
    skipped = await _skipped(uow, versions, found)
    pending: list[SweptFollowUp] = []
    others: list[SweptFollowUp] = []
    for swept in found:
        is_queued = swept.state is FollowUpState.PENDING and swept.id not in skipped
        (pending if is_queued else others).append(swept)
    await store.queue_swept(uow.db, pending)
    restored = others[most_others:]
    await store.restore_timers(uow.db, restored)
    now = [DueTimer(swept.id, claimed[swept.id]) for swept in others[:most_others]]
    return len(claimed) - len(restored), now


async def _skipped(uow: UnitOfWork, versions: Versions, found: Sequence[SweptFollowUp]) -> set[FollowUpId]:
    """Return the pending ones whose flow skips them now that they are past due."""
    late = [swept for swept in found if swept.state is FollowUpState.PENDING and uow.now > swept.due_at + PAST_AFTER]
    terms = await versions.terms(uow.db, {swept.flow_version for swept in late})
    return {swept.id for swept in late if terms[swept.flow_version].skips(swept.step)}
