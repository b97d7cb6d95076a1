"""The scheduler's entry point for time: releases what is due, at the pace of its sender number, and ends what is over.

One step is one unit of work: claim up to N due timers, decide, change states, publish. Its cost depends on how many
follow-ups are due, never on how many are pending. It holds no lease and makes no call; the transaction is enough.
"""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from services.scheduler import instruments
from services.scheduler.controls.obedience import obey_controls
from services.scheduler.lifecycle.follow_up import FollowUp, LoadedFollowUp
from services.scheduler.lifecycle.transitions import TransitionRequest, apply_transitions
from services.scheduler.release import store
from services.scheduler.release.blackouts import wait_for_blackouts
from services.scheduler.release.due_timers import (
    in_planned_order,
    is_releasable,
    release_of,
    skipped_by_flow,
    sort_due,
    sweep,
)
from services.scheduler.release.failing_follow_ups import FailingFollowUps
from services.scheduler.release.pacing import RELEASE_ANSWER_LIMIT, Queued, capacity, choose
from services.scheduler.release.waits import hold_for_unread, wait_for_one_marketing, wait_for_turns
from services.scheduler.runs.versions import Versions
from services.scheduler.settings import SchedulerSettings
from services.scheduler.store import load_with_content
from shared.bus.errors import LogUnavailable
from shared.bus.port import Assignment
from shared.bus.read_progress import ReadProgress, UnreadEvents
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.failpoints import failpoint
from shared.ids import FollowUpId
from shared.loop import LoopWaker
from shared.vocabulary.follow_up_states import FollowUpState

LONGEST_PAUSE_SECONDS = 1.0
_BUSY_PAUSE_SECONDS = 0.02
"""Between two steps while there is work: more gathers meanwhile, and one batch costs less than many."""
_QUEUE_PAUSE_SECONDS = 0.1
"""How often busy numbers are looked at again."""
_NUMBERS_PER_STEP = 64
"""Queues looked at in one step; the next step continues with the ones after them."""


class DueWaker(LoopWaker):
    """Wakes the release loop when something becomes due soon."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wake_at(self, due_at: datetime) -> None:
        """Wake the loop at an instant less than a second away; it finds later ones by itself. Safe in any thread."""
        delay = max(_BUSY_PAUSE_SECONDS, (due_at - self._clock.now()).total_seconds())
        if delay <= LONGEST_PAUSE_SECONDS:
            self.wake_after(delay)


class ReleaseLoop:
    """Works on due timers and number queues of the partitions assigned to this process."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        merchants: MerchantDirectory,
        settings: SchedulerSettings,
        progress: ReadProgress,
        versions: Versions,
    ) -> None:
        self._units = units
        self._merchants = merchants
        self._settings = settings
        self._progress = progress
        self._versions = versions
        self._last_number = ""
        """Where the round of the queues continues; any value is correct, it only makes numbers take turns."""
        self._failing = FailingFollowUps(units, settings.unconfirmed_after)

    async def step(self) -> float:
        """Do what is due now, and return the seconds until the next step."""
        assignment = self._progress.assignment()
        pause = await self._idle_seconds(assignment)
        if pause > 0:
            return pause
        with contextlib.suppress(LogUnavailable):  # what is known of the log ages meanwhile, and follow-ups wait
            await self._progress.look()
        self._failing.begin()
        try:
            done, pause = await self._units.run(partial(self._work, assignment), WritePriority.BATCHES)
        except Exception as problem:
            if not await self._failing.set_aside_causes(problem):
                raise
            return _BUSY_PAUSE_SECONDS
        if done:
            failpoint("scheduler.after_release")
        return pause

    async def _idle_seconds(self, assignment: Assignment) -> float:
        """Return how long nothing will be due, at most a second, without writing."""

        async def next_due(db: Transaction) -> datetime | None:
            if await store.is_any_queued(db, assignment.numbers):
                return self._units.clock.now()
            soon = self._units.clock.now() + timedelta(seconds=LONGEST_PAUSE_SECONDS)
            return min((await store.first_timers(db, assignment.numbers, soon)).values(), default=None)

        next_at = await self._units.read(next_due) if assignment.numbers else None
        seconds = LONGEST_PAUSE_SECONDS if next_at is None else (next_at - self._units.clock.now()).total_seconds()
        instruments.OLDEST_DUE.set(max(0.0, -seconds))
        return min(LONGEST_PAUSE_SECONDS, max(0.0, seconds))

    async def _work(self, assignment: Assignment, uow: UnitOfWork) -> tuple[int, float]:
        """Claim due timers, release those whose turn it is, and queue the rest.

        Returns how many timers were claimed and follow-ups released, and the seconds until the next step.
        """
        unread = await self._progress.unread(uow.db)
        size = self._settings.batch_size
        fired = await store.claim_timers(uow, assignment.numbers, size)
        swept = 0
        if len(fired) == size:
            swept, others = await sweep(uow, assignment.numbers, self._settings.sweep_size, size, self._versions)
            fired += others
        self._failing.note_timers(fired)
        loaded = await load_with_content(uow.db, [timer.follow_up_id for timer in fired])
        skipped = await skipped_by_flow(uow, self._versions, [found.follow_up for found in loaded.values()])
        over, ready = sort_due(loaded.values(), dict(fired), uow.now, skipped)
        await apply_transitions(uow, over, self._settings.unconfirmed_after)
        waiting = await self._wait(uow, [candidate.follow_up for candidate in ready])
        releasing = {turn.follow_up.id: turn for turn in ready if turn.follow_up.id not in waiting}
        released, has_queues = await self._release(uow, assignment, releasing, unread)
        instruments.FIRED.observe(len(fired))
        is_full = len(fired) >= size or released == size
        pause = _QUEUE_PAUSE_SECONDS if has_queues and not is_full else _BUSY_PAUSE_SECONDS
        return len(fired) + swept + released, pause

    async def _wait(self, uow: UnitOfWork, due: Sequence[FollowUp]) -> set[FollowUpId]:
        """Return which do not go now: under a control, in a blackout, or behind another of their person."""
        held = await obey_controls(uow, due, self._merchants, self._settings.unconfirmed_after)
        others = [follow_up for follow_up in due if follow_up.id not in held]
        held |= await wait_for_blackouts(uow, others, self._merchants)
        return held | await wait_for_turns(uow, [follow_up for follow_up in due if follow_up.id not in held])

    async def _release(
        self, uow: UnitOfWork, assignment: Assignment, ready: Mapping[FollowUpId, LoadedFollowUp], unread: UnreadEvents
    ) -> tuple[int, bool]:
        """Release those whose turn it is, queue the others; return how many were released, and whether any wait."""
        size = self._settings.batch_size
        new = [Queued.of(turn.follow_up) for turn in ready.values()]
        capacities = await self._capacities(uow, assignment, [place.sender_number for place in new])
        from_queues = [
            place
            for number, free in capacities.items()
            if free > 0
            for place in await store.head_of_queue(uow.db, assignment.numbers, number, min(free, size))
        ]
        chosen = choose([*new, *from_queues], capacities, size)
        chosen_ids = {place.follow_up_id for place in chosen}
        dequeued = [place for place in from_queues if place.follow_up_id in chosen_ids]
        self._failing.note_dequeued(dequeued)
        loaded = await load_with_content(uow.db, [place.follow_up_id for place in dequeued])
        early = await self._wait(
            uow, [turn.follow_up for turn in loaded.values() if is_releasable(turn.follow_up, uow.now)]
        )
        known = {key: turn for key, turn in {**ready, **loaded}.items() if key not in early}
        turns = [turn for place in chosen if (turn := known.get(place.follow_up_id)) is not None]
        # A follow-up may have moved to a later time while it was queued.
        turns = in_planned_order([turn for turn in turns if turn.follow_up.due_at <= uow.now])
        waiting = await wait_for_one_marketing(uow, _pending(turns))
        turns = [turn for turn in turns if turn.follow_up.id not in waiting]
        held = await hold_for_unread(uow, _pending(turns), unread)
        turns = [turn for turn in turns if turn.follow_up.id not in held]
        requests = [request for turn in turns if (request := self._release_of(turn, uow.now)) is not None]
        applied = await apply_transitions(uow, requests, self._settings.unconfirmed_after)
        released = [follow_up for follow_up in applied if follow_up.state is FollowUpState.RELEASED]
        _measure(released, uow.now)
        await store.note_released(uow.db, released, uow.now)
        await store.dequeue(uow.db, dequeued)
        rest = [ready[place.follow_up_id].follow_up for place in new if place.follow_up_id not in chosen_ids]
        await store.enqueue(uow.db, rest)
        instruments.HELD.inc(len(rest))
        return len(released), await store.is_any_queued(uow.db, assignment.numbers)

    async def _capacities(self, uow: UnitOfWork, assignment: Assignment, numbers: list[str]) -> dict[str, int]:
        """Return how many may be released on these numbers and on the next ones with a queue."""
        since = uow.now - RELEASE_ANSWER_LIMIT
        unanswered, overdue = await store.unanswered_releases(uow.db, assignment.numbers, since)
        instruments.OVERDUE_ANSWERS.set(overdue)
        wanted = dict.fromkeys(numbers)
        for _ in range(_NUMBERS_PER_STEP):
            self._last_number = await store.next_number(uow.db, assignment.numbers, self._last_number)
            if not self._last_number:
                break
            wanted[self._last_number] = None
        return {number: capacity(self._rate(number) * assignment.share, unanswered[number]) for number in wanted}

    def _release_of(self, turn: LoadedFollowUp, now: datetime) -> TransitionRequest | None:
        """Return the release of a follow-up, or its end; what a blackout took is not counted against it."""
        merchant, follow_up = self._merchants.get(turn.follow_up.merchant_id), turn.follow_up
        since = follow_up.first_due_at
        return release_of(turn, now, merchant.config.open_since(follow_up.purpose, since, now) if merchant else since)

    def _rate(self, number: str) -> float:
        """Return the parts a second of a number; one that no file names any more is slow, and refused later."""
        found = self._merchants.by_number(number)
        return found[1].parts_per_second if found else 1.0


def _pending(turns: list[LoadedFollowUp]) -> list[FollowUp]:
    return [turn.follow_up for turn in turns if turn.follow_up.is_pending]


def _measure(released: list[FollowUp], now: datetime) -> None:
    for purpose, count in Counter(follow_up.purpose for follow_up in released).items():
        instruments.RELEASED.labels(purpose).inc(count)
    for follow_up in released:
        instruments.TIMER_LAG.observe(max(0.0, (now - follow_up.due_at).total_seconds()))
