"""Works off what a control leaves to be done: a stop cancels what waits, and the end of a pause lets due texts go on.

One step is one unit for one control, with a bounded number of rows, and merchants take turns; what the process leaves
undone, the next one or another replica continues from what was committed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from services.scheduler import store as follow_up_store
from services.scheduler.controls import announcements, store
from services.scheduler.controls.obedience import is_under
from services.scheduler.controls.store import WORKED_OFF, StoredControl
from services.scheduler.lifecycle.follow_up import FollowUp
from services.scheduler.lifecycle.states import Transition, TransitionKind
from services.scheduler.lifecycle.transitions import TransitionRequest, apply_transitions
from services.scheduler.release.loop import DueWaker
from shared.config.directory import MerchantDirectory
from shared.controls import TEXTS_STOPPED, ControlAction
from shared.db import control_store
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.events.follow_up import Purpose
from shared.failpoints import failpoint
from shared.progress import TEXTS_PAUSED
from shared.vocabulary.follow_up_states import ENDS

TOO_LATE: Final = "too_late"
"""The reason of a text that waited for a pause until it was worth nothing any more."""
_LATE_LIMITS: Final = {Purpose.MARKETING: timedelta(hours=24)}
_LATE_LIMIT: Final = timedelta(hours=6)
"""How late a paused text may still go (flows section 4: 24 h for marketing, 6 h for others)."""
_WAKING: Final = 200
"""Follow-ups that one step lets go on: so long a person's reply may wait for SQLite's one writer."""
_LOOKING: Final = 2_000
"""Follow-ups that one step of a stop looks at."""
_CANCELLING: Final = 200
"""Follow-ups that one step of a stop cancels."""
_IDLE_SECONDS: Final = 1.0


class ControlLoop:
    """Does the open work of controls, a step for each merchant in turn, and of a merchant the oldest control first."""

    def __init__(
        self, units: UnitOfWorkRunner, merchants: MerchantDirectory, unconfirmed_after: timedelta, waker: DueWaker
    ) -> None:
        self._units = units
        self._merchants = merchants
        self._unconfirmed_after = unconfirmed_after
        self._waker = waker
        self._last_merchant = ""
        """Whose turn it was; any value is correct."""

    async def step(self) -> float:
        """Do one piece of work, and return the seconds until the next."""
        now = self._units.clock.now()
        work = await self._units.read(partial(store.next_work, now=now, after=self._last_merchant))
        if work is None:
            return _IDLE_SECONDS
        self._last_merchant = work.control.scope.merchant_id
        await self._units.run(partial(self._work, work), WritePriority.BATCHES)
        failpoint("scheduler.after_control_work")
        self._waker.wake_at(now)
        return 0.0

    async def _work(self, chosen: StoredControl, uow: UnitOfWork) -> None:
        if chosen.lifted_at is None:
            # Alone where its time is over: nothing may begin to wait for what has ended. Shared where it cancels: once
            # a resume was answered, nothing is cancelled any more.
            await (control_store.lock_alone if _is_over(chosen, uow.now) else control_store.lock_shared)(uow.db)
        stored = await store.load(uow.db, chosen.control.id)
        if stored is None or not has_work(stored, uow.now):
            return
        if stored.lifted_at is not None:
            await self._let_go(stored, uow)
        elif _is_over(stored, uow.now):
            if await store.end_by_time(uow.db, stored):
                uow.publish(announcements.changed(stored._replace(lifted_at=stored.control.until), uow.now))
        else:
            await self._cancel_waiting(stored, uow)

    async def _let_go(self, stored: StoredControl, uow: UnitOfWork) -> None:
        """Give the next follow-ups that waited for a control their turn; those that are too late end."""
        ids = await store.waiting_for(uow.db, stored.control.id, _WAKING)
        if not ids:
            await store.close(uow.db, stored)
            return
        waiting = [
            follow_up
            for follow_up in (await follow_up_store.load(uow.db, "id", ids)).values()
            if follow_up.is_pending and follow_up.lifecycle.reason == TEXTS_PAUSED
        ]
        late = [follow_up for follow_up in waiting if is_too_late(follow_up, uow.now)]
        await self._end(uow, late, Transition(TransitionKind.EXPIRED, TOO_LATE))
        ready = [follow_up for follow_up in waiting if not is_too_late(follow_up, uow.now)]
        await follow_up_store.give_timers(uow.db, ready, uow.now)
        await store.forget_waiting(uow.db, stored.control.id, ids)

    async def _cancel_waiting(self, stored: StoredControl, uow: UnitOfWork) -> None:
        """Cancel the next of what waits and is stopped; what becomes due later ends at its release."""
        ids, last = await store.follow_ups_after(
            uow.db, stored.control.scope, stored.worked_to, look_at=_LOOKING, most=_CANCELLING
        )
        found = await follow_up_store.load(uow.db, "id", ids)
        stopped = [each for each in found.values() if is_under(each, stored.control, self._merchants)]
        ended = await self._end(uow, stopped, Transition(TransitionKind.CANCELLED, TEXTS_STOPPED))
        await store.note_cancelled(uow.db, stored, ended, WORKED_OFF if last is None else last)

    async def _end(self, uow: UnitOfWork, follow_ups: Sequence[FollowUp], transition: Transition) -> int:
        """Apply a transition that ends follow-ups, and return how many it ended."""
        requests = [TransitionRequest(follow_up, transition) for follow_up in follow_ups]
        applied = await apply_transitions(uow, requests, self._unconfirmed_after)
        return sum(after.state in ENDS for after in applied)


def has_work(stored: StoredControl, now: datetime) -> bool:
    """Return whether something can be done for a control now."""
    if stored.lifted_at is not None:
        return stored.open_work
    is_unfinished_stop = stored.control.action is ControlAction.STOP and stored.worked_to != WORKED_OFF
    return is_unfinished_stop or _is_over(stored, now)


def is_too_late(follow_up: FollowUp, now: datetime) -> bool:
    """Return whether a text has waited since its due time for longer than it is worth."""
    return now - follow_up.due_at > _LATE_LIMITS.get(follow_up.purpose, _LATE_LIMIT)


def _is_over(stored: StoredControl, now: datetime) -> bool:
    return stored.control.until is not None and stored.control.until <= now
