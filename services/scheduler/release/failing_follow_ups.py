"""Sets aside follow-ups at which the release loop fails, one by one, so that the timers of others do not wait.

When a step fails, its follow-ups are tried again in halves, each trial rolled back, until the failing one is alone. It
loses its timer and its place in the queue and is parked: shown, counted, and given a new timer by `followup redrive`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import orjson

from services.scheduler.lifecycle.transitions import apply_transitions
from services.scheduler.release import store
from services.scheduler.release.due_timers import is_releasable, release_of, sort_due
from services.scheduler.release.pacing import Queued
from services.scheduler.release.store import DueTimer
from services.scheduler.release.waits import wait_for_turns
from services.scheduler.store import load_with_content, save_waits
from shared.bus.failures import FailureWindow
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, describe
from shared.ids import FollowUpId
from shared.telemetry.logs import logger
from shared.vocabulary.follow_up_states import ENDS

log = logger(__name__)


class _Undone(Exception):
    """Rolls a trial back."""


class FailingFollowUps:
    """Finds the follow-ups at which a step of the loop fails, and sets them aside."""

    def __init__(self, units: UnitOfWorkRunner, unconfirmed_after: timedelta) -> None:
        self._units = units
        self._unconfirmed_after = unconfirmed_after
        self._failures = FailureWindow()
        self._due: dict[FollowUpId, datetime] = {}
        self._dequeued: dict[FollowUpId, Queued] = {}

    def begin(self) -> None:
        """Forget the follow-ups of the step before."""
        self._due.clear()
        self._dequeued.clear()

    def note_timers(self, fired: Iterable[DueTimer]) -> None:
        """Remember the timers that the step claimed."""
        self._due |= dict(fired)

    def note_dequeued(self, dequeued: Iterable[Queued]) -> None:
        """Remember the follow-ups that the step takes out of the queues."""
        self._dequeued |= {place.follow_up_id: place for place in dequeued}

    async def set_aside_causes(self, problem: Exception) -> bool:
        """Set aside the follow-ups that made a step fail.

        Returns false where none of them did, or where so many fail that the fault is probably ours.
        """
        if isinstance(problem, Fault) and problem.retryable:
            return False
        failing = await self._failing(sorted({*self._due, *self._dequeued}))
        for key, why in failing.items():
            park = partial(store.park, key=key, why=why, due_at=self._due.get(key), place=self._dequeued.get(key))
            merchant = await self._units.run(park, WritePriority.BATCHES)
            log.error("text_set_aside", follow_up_id=str(key), detail=why)
            self._failures.note_failed(merchant, self._units.clock.now())
        return bool(failing) and not self._failures.is_ours(self._units.clock.now())

    async def _failing(self, keys: Sequence[FollowUpId]) -> dict[FollowUpId, str]:
        """Return which of these fail, and why, in as many trials as halving takes."""
        if not keys:
            return {}
        try:
            await self._units.run(partial(self._try, keys), WritePriority.BATCHES)
        except _Undone:
            return {}
        except Exception as problem:
            if isinstance(problem, Fault) and problem.retryable:
                raise
            if len(keys) == 1:
                return {keys[0]: describe(problem)}
        middle = len(keys) // 2
        return await self._failing(keys[:middle]) | await self._failing(keys[middle:])

    async def _try(self, keys: Sequence[FollowUpId], uow: UnitOfWork) -> None:
        """Do what a step does with these follow-ups.

        Raises:
            _Undone: always, at the end.
        """
        loaded = await load_with_content(uow.db, keys)
        own = {key: at for key, found in loaded.items() if (at := found.follow_up.timer_at) is not None}
        over, _ = sort_due(loaded.values(), {**self._due, **own}, uow.now)
        await apply_transitions(uow, over, self._unconfirmed_after)
        ready = [found for found in loaded.values() if is_releasable(found.follow_up, uow.now)]
        waiting = await wait_for_turns(uow, [found.follow_up for found in ready])
        requests = [release_of(found, uow.now) for found in ready if found.follow_up.id not in waiting]
        await apply_transitions(uow, [request for request in requests if request is not None], self._unconfirmed_after)
        await uow.flush(self._units.publisher)
        raise _Undone


async def resume(body: bytes, uow: UnitOfWork) -> None:
    """Give a follow-up that was set aside a new timer; fails where it still cannot be read."""
    key = FollowUpId(UUID(orjson.loads(body)["follow_up_id"]))
    for follow_up, _ in (await load_with_content(uow.db, [key])).values():
        if follow_up.state not in ENDS:
            at = uow.now if follow_up.is_pending else follow_up.timer_at or uow.now
            await save_waits(uow.db, [follow_up._replace(timer_at=at)])
