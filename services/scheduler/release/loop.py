"""The scheduler's third door: time. What is due is released, at the pace of its sender number; what is over, ends.

One step is one unit of work: take up to N due timers, decide, move, publish. Its cost depends on what is due, never on
what is pending. No lease is held, and nothing is called: the transaction is all there is.
"""

import contextlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa

from services.scheduler import instruments
from services.scheduler.lifecycle.transitions import settle
from services.scheduler.release.due_timers import in_planned_order, is_due, is_pending, missed, release_of, sorted_out
from services.scheduler.release.failing_follow_ups import FailingFollowUps
from services.scheduler.release.news_holds import hold_for_news
from services.scheduler.release.number_queues import Queues, waiting_of
from services.scheduler.release.pacing import RELEASE_ANSWER_LIMIT, chosen, room
from services.scheduler.release.timer_claims import claim, heads, sweep
from services.scheduler.release.turns import look_again, not_both, wait_for_turns
from services.scheduler.runs.planner import Versions
from services.scheduler.settings import SchedulerSettings
from services.scheduler.store import FollowUp, load_with_content
from services.scheduler.tables import in_flight
from shared.bus.errors import LogUnavailable
from shared.bus.port import Assignment
from shared.bus.read_progress import ReadProgress, Unread
from shared.clock import Clock
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.events.follow_up import Content
from shared.failpoints import failpoint
from shared.ids import FollowUpId
from shared.vocabulary.follow_up_states import FollowUpState
from shared.wake import LoopWaker

LONGEST_PAUSE_SECONDS = 1.0
_BUSY_PAUSE_SECONDS = 0.02
"""Between two units while there is work: company gathers, and a batch costs less than its texts one by one."""
_LINE_PAUSE_SECONDS = 0.1
"""How often numbers that were busy are looked at again."""
_Loaded = tuple[FollowUp, Content | None]


class DueWaker(LoopWaker):
    """Wakes the scheduler's loop when something becomes due soon."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wake_at(self, due_at: datetime) -> None:
        """Wake the loop at an instant less than a second away; it finds later ones by itself. Safe in any thread."""
        delay = max(_BUSY_PAUSE_SECONDS, (due_at - self._clock.now()).total_seconds())
        if delay <= LONGEST_PAUSE_SECONDS:
            self.wake_after(delay)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one unit did."""

    taken: int
    """Timers taken and texts released."""
    is_full: bool
    """There may be more."""
    is_waiting: bool
    """Texts stand in line for a busy number."""


class Firing:
    """Takes due timers, and turns at busy numbers, of the people this process looks after."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        merchants: MerchantDirectory,
        settings: SchedulerSettings,
        reading: ReadProgress,
        versions: Versions,
    ) -> None:
        self._units = units
        self._merchants = merchants
        self._settings = settings
        self._reading = reading
        self._versions = versions
        self._unconfirmed_after = timedelta(hours=settings.unconfirmed_hours)
        self._queues = Queues()
        self._aside = FailingFollowUps(units, self._unconfirmed_after)

    async def step(self) -> float:
        """Do what is due now, and return the seconds until the next look."""
        holding = self._reading.holding()
        pause = await self._idle_seconds(holding)
        if pause > 0:
            return pause
        with contextlib.suppress(LogUnavailable):  # what was seen grows old, and texts wait
            await self._reading.look()
        self._aside.begin()
        try:
            step = await self._units.run(partial(self._fire, holding), WritePriority.BATCHES)
        except Exception as problem:
            if not await self._aside.found_guilty(problem):
                raise
            return _BUSY_PAUSE_SECONDS
        if step.taken:
            failpoint("scheduler.after_release")
        if step.is_full or (step.taken and not step.is_waiting):
            return _BUSY_PAUSE_SECONDS
        return _LINE_PAUSE_SECONDS if step.is_waiting else _BUSY_PAUSE_SECONDS

    async def _idle_seconds(self, holding: Assignment) -> float:
        """Return how long nothing will be due, at most a second, without writing."""

        async def look(db: Transaction) -> datetime | None:
            if await self._queues.holds_any(db, holding.numbers):
                return self._units.clock.now()
            soon = self._units.clock.now() + timedelta(seconds=LONGEST_PAUSE_SECONDS)
            return min((await heads(db, holding.numbers, soon)).values(), default=None)

        next_at = await self._units.read(look) if holding.numbers else None
        seconds = LONGEST_PAUSE_SECONDS if next_at is None else (next_at - self._units.clock.now()).total_seconds()
        instruments.OLDEST_DUE.set(max(0.0, -seconds))
        return min(LONGEST_PAUSE_SECONDS, max(0.0, seconds))

    async def _fire(self, holding: Assignment, uow: UnitOfWork) -> _Step:
        """Take what is due, release what has its turn, put the rest in line."""
        news = await self._reading.news(uow.db)
        size = self._settings.batch_size
        fired = await claim(uow, holding.numbers, size)
        swept = 0
        if len(fired) == size:
            swept, others = await sweep(uow, holding.numbers, self._settings.sweep_size, size, self._versions)
            fired += others
        self._aside.note_timers(fired)
        loaded = await load_with_content(uow.db, [row["follow_up_id"] for row in fired])
        past = await missed(uow, self._versions, [text for text, _ in loaded.values()])
        over, ready = sorted_out(loaded.values(), {row["follow_up_id"]: row["due_at"] for row in fired}, uow.now, past)
        await settle(uow, over, self._unconfirmed_after)
        waiting = await wait_for_turns(uow, [text for text, _ in ready])
        going = {each[0].id: each for each in ready if each[0].id not in waiting}
        released, held = await self._release(uow, holding, going, news)
        instruments.FIRED.observe(len(fired))
        is_full = len(fired) >= size or released == size
        return _Step(len(fired) + swept + released, is_full=is_full, is_waiting=held)

    async def _release(
        self, uow: UnitOfWork, ours: Assignment, ready: dict[FollowUpId, _Loaded], news: Unread
    ) -> tuple[int, bool]:
        """Release those whose turn it is; return how many, and whether others wait."""
        size = self._settings.batch_size
        unanswered = await self._unanswered(uow, ours)
        new = [waiting_of(text) for text, _ in ready.values()]
        following = await self._queues.next_numbers(uow.db, ours.numbers)
        numbers = [*dict.fromkeys((*(each.sender_number for each in new), *following))]
        rooms = {number: room(self._rate(number) * ours.share, unanswered[number]) for number in numbers}
        in_line = [
            each for number in numbers for each in await self._queues.head(uow.db, ours.numbers, number, rooms, size)
        ]
        going = chosen([*new, *in_line], rooms, size)
        gone = {each.follow_up_id for each in going}
        called = [each for each in in_line if each.follow_up_id in gone]
        self._aside.note_called(called)
        loaded = await load_with_content(uow.db, [each.follow_up_id for each in called])
        early = await wait_for_turns(uow, [text for text, _ in loaded.values() if is_pending(text, uow.now)])
        texts = {key: each for key, each in {**ready, **loaded}.items() if key not in early}
        turns = in_planned_order(
            [found for each in going if (found := texts.get(each.follow_up_id)) and is_due(found[0], uow.now)]
        )
        waiting = not_both([text for text, _ in turns if text.standing.state is FollowUpState.PENDING], uow.now)
        await look_again(uow, waiting)
        waits = {text.id for text, _ in waiting}
        turns = [loaded for loaded in turns if loaded[0].id not in waits]
        unheard = await hold_for_news(
            uow, [text for text, _ in turns if text.standing.state is FollowUpState.PENDING], news
        )
        turns = [loaded for loaded in turns if loaded[0].id not in unheard]
        moves = [move for loaded in turns if (move := release_of(loaded, uow.now)) is not None]
        settled = await settle(uow, moves, self._unconfirmed_after)
        under_way = [each.follow_up for each in settled if each.follow_up.standing.state is FollowUpState.RELEASED]
        for purpose, count in Counter(text.purpose for text in under_way).items():
            instruments.RELEASED.labels(purpose).inc(count)
        for text in under_way:
            instruments.TIMER_LAG.observe(max(0.0, (uow.now - text.due_at).total_seconds()))
        await uow.db.upsert(in_flight, [in_flight_row(text, uow.now) for text in under_way])
        await self._queues.leave(uow.db, called)
        held = [ready[each.follow_up_id][0] for each in new if each.follow_up_id not in gone]
        await self._queues.join(uow.db, held)
        instruments.HELD.inc(len(held))
        return len(under_way), await self._queues.holds_any(uow.db, ours.numbers)

    async def _unanswered(self, uow: UnitOfWork, ours: Assignment) -> Counter[str]:
        """Return how many texts are under way on each number, counted from rows; overdue ones raise an alarm."""
        rows = await uow.db.rows(_under_way(ours.numbers), {"since": uow.now - RELEASE_ANSWER_LIMIT})
        unanswered = Counter({str(row["sender_number"]): int(row["lately"]) for row in rows})
        instruments.OVERDUE_ANSWERS.set(sum(row["in_all"] for row in rows) - unanswered.total())
        return unanswered

    def _rate(self, number: str) -> float:
        """Return the parts a second of a number; one that left the files is slow, and refused later."""
        found = self._merchants.by_number(number)
        return found[1].parts_per_second if found else 1.0


@lru_cache(maxsize=256)
def _under_way(numbers: frozenset[int]) -> sa.Select[Any]:
    """Return the question how many texts are under way by number, in all and since an instant; put together once.

    They are counted where they are: in a herd they are thousands, and every step asks.
    """
    table = in_flight.c
    lately = table.released_at > sa.bindparam("since", type_=table.released_at.type)
    counts = (sa.func.count().label("in_all"), sa.func.count().filter(lately).label("lately"))
    return sa.select(table.sender_number, *counts).where(table.partition.in_(numbers)).group_by(table.sender_number)


def in_flight_row(text: FollowUp, released_at: datetime) -> dict[str, Any]:
    """Return a row of `in_flight`."""
    return {
        "follow_up_id": text.id,
        "partition": text.partition,
        "sender_number": text.sender_number,
        "released_at": released_at,
    }
