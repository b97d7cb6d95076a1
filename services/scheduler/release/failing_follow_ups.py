"""Texts that cannot be worked on are set aside one by one, so that nobody else's timer waits for them.

What a failing step had in hand is tried again in halves, and undone each time, until the guilty text stands alone. It
loses its timer and its place in line, and is parked: shown, counted, and given a new timer by `followup redrive`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from services.scheduler.lifecycle.transitions import TIMER_KINDS, settle
from services.scheduler.release.due_timers import is_pending, release_of, sorted_out
from services.scheduler.release.number_queues import Queues
from services.scheduler.release.pacing import Waiting
from services.scheduler.release.turns import wait_for_turns
from services.scheduler.store import load_with_content, timer
from services.scheduler.tables import follow_ups, system_tables, timers
from shared.bus import parked
from shared.bus.failures import FailureWindow
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, describe
from shared.ids import FollowUpId, MerchantId
from shared.telemetry.logs import logger
from shared.vocabulary.follow_up_states import ENDS, FollowUpState

PARKED_AS = "scheduler.text"
"""What stands in a parked row instead of an event's type."""

log = logger(__name__)


class _Undone(Exception):
    """Rolls a trial back."""


class FailingFollowUps:
    """Finds the texts at which a step of the loop fails, and sets them aside."""

    def __init__(self, units: UnitOfWorkRunner, unconfirmed_after: timedelta) -> None:
        self._units = units
        self._unconfirmed_after = unconfirmed_after
        self._failures = FailureWindow()
        self._due: dict[FollowUpId, datetime] = {}
        self._called: dict[FollowUpId, Waiting] = {}

    def begin(self) -> None:
        """Forget what the step before had in hand."""
        self._due.clear()
        self._called.clear()

    def note_timers(self, fired: Iterable[Mapping[str, Any]]) -> None:
        """Remember whose timers a step took, and when they were due."""
        self._due |= {row["follow_up_id"]: row["due_at"] for row in fired}

    def note_called(self, called: Iterable[Waiting]) -> None:
        """Remember who a step called out of the lines."""
        self._called |= {each.follow_up_id: each for each in called}

    async def found_guilty(self, problem: Exception) -> bool:
        """Set aside what made a step fail; false where it was no text, or where so many fail that it is our fault."""
        if isinstance(problem, Fault) and problem.retryable:
            return False
        guilty = await self._guilty(sorted({*self._due, *self._called}))
        for key, why in guilty.items():
            merchant = await self._units.run(partial(self._set_aside, key=key, why=why), WritePriority.BATCHES)
            log.error("text_set_aside", follow_up_id=str(key), detail=why)
            self._failures.note_failed(merchant, self._units.clock.now())
        return bool(guilty) and not self._failures.is_ours(self._units.clock.now())

    async def _guilty(self, keys: Sequence[FollowUpId]) -> dict[FollowUpId, str]:
        """Return which of these fail, and why: in as many trials as halving takes."""
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
        return await self._guilty(keys[:middle]) | await self._guilty(keys[middle:])

    async def _try(self, keys: Sequence[FollowUpId], uow: UnitOfWork) -> None:
        """Do with these texts what a step does.

        Raises:
            _Undone: always, at the end.
        """
        loaded = await load_with_content(uow.db, keys)
        own = {key: text.timer_at for key, (text, _) in loaded.items() if text.timer_at is not None}
        over, _ = sorted_out(loaded.values(), {**self._due, **own}, uow.now)
        await settle(uow, over, self._unconfirmed_after)
        ready = [each for each in loaded.values() if is_pending(each[0], uow.now)]
        waiting = await wait_for_turns(uow, [text for text, _ in ready])
        moves = [release_of(each, uow.now) for each in ready if each[0].id not in waiting]
        await settle(uow, [move for move in moves if move is not None], self._unconfirmed_after)
        await uow.flush(self._units.publisher)
        raise _Undone

    async def _set_aside(self, uow: UnitOfWork, *, key: FollowUpId, why: str) -> MerchantId:
        """Take a text's timer and place, and park it; return whose it is."""
        [row] = await uow.db.fetch(follow_ups, "id", [key], columns=("partition", "recipient_id", "merchant_id"))
        if key in self._due:
            place = {"partition": row["partition"], "due_at": self._due[key], "follow_up_id": key}
            await uow.db.delete_keys(timers, [place])
        if key in self._called:
            await Queues().leave(uow.db, [self._called[key]])
        work = parked.Work(PARKED_AS, row["merchant_id"], row["recipient_id"], orjson.dumps({"follow_up_id": str(key)}))
        await parked.set_aside(uow, system_tables, work, why)
        return MerchantId(row["merchant_id"])


async def take_again(body: bytes, uow: UnitOfWork) -> None:
    """Give a text that was set aside a new timer; fails where it still cannot be read."""
    key = FollowUpId(UUID(orjson.loads(body)["follow_up_id"]))
    for text, _ in (await load_with_content(uow.db, [key])).values():
        if text.standing.state in ENDS:
            continue
        at = uow.now if text.standing.state is FollowUpState.PENDING else text.timer_at or uow.now
        await uow.db.change(follow_ups, [{"id": key, "timer_at": at}])
        await uow.db.insert_new(timers, [timer(text, at, TIMER_KINDS[text.standing.state])])
