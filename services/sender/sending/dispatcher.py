"""The sender's third door: time. Claims what may go, commits intents, calls providers, commits outcomes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from services.sender import store
from services.sender.clock_skew import DatabaseClock
from services.sender.instruments import DECISIONS, INTENT_TEXTS, QUEUE_SECONDS
from services.sender.numbers.backpressure import Backpressure
from services.sender.numbers.bucket import Bucket
from services.sender.numbers.health import NumberHealth
from services.sender.providers.book import ProviderBook, Route
from services.sender.queue.dispatches import MARKETING_PRIORITY, Dispatch
from services.sender.queue.failing_dispatches import FailingDispatches
from services.sender.sending.composition import Composed, compose
from services.sender.sending.intent_decision import LEAST_CLEARANCE, Refuse
from services.sender.sending.intents import Group, Prepared, commit_intents
from services.sender.sending.provider_calls import Calls
from services.sender.settings import SenderSettings
from shared import ids
from shared.bus.port import Assignment
from shared.bus.read_progress import Unread
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault
from shared.events.dispatch import ErrorClass
from shared.failpoints import failpoint
from shared.ids import AttemptId, FollowUpId
from shared.privacy import Sealer
from shared.telemetry.logs import logger

HALTED_FOR: Final = timedelta(hours=24)
"""So long a text waits for its number to be mended; after that it ends, and says so."""
_FOREVER: Final = timedelta(days=3650)


log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Share:
    """What one number may do in one pass."""

    sender_number: str
    route: Route | None
    most: int
    """How many calls may start; 0 lets clearances that run out lapse, and no more."""
    is_cut_short: bool = False
    """The number could push more than this process has calls for."""


class Dispatcher:
    """Steps through the numbers with texts in their queues."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        sealer: Sealer,
        book: ProviderBook,
        calls: Calls,
        numbers: NumberHealth,
        settings: SenderSettings,
        backpressure: Backpressure,
        *,
        process_url: str,
        holding: Callable[[], Assignment],
        is_hearing: Callable[[], Awaitable[bool]],
        news: Callable[[UnitOfWork], Awaitable[Unread]],
    ) -> None:
        """Put the dispatcher together; while `is_hearing` says no, opt-outs may be unheard and marketing waits.

        Marketing also waits for people about whom there is unread `news`, as asked in the intent's own transaction.
        Only the texts of those people are taken whom `holding` names, with their share of each number's rate.
        """
        self._holding = holding
        self._is_hearing = is_hearing
        self._news = news
        self._units = units
        self._clock = units.clock
        self._sealer = sealer
        self._book = book
        self._calls = calls
        self._numbers = numbers
        self._settings = settings
        self._backpressure = backpressure
        self._process_url = process_url
        self._started_at = self._clock.now()
        self._aside = FailingDispatches(units)
        self._database_clock = DatabaseClock(units)
        self._turn = 0
        self._may_market = False
        self._buckets: dict[str, tuple[float, Bucket]] = {}
        self._mark = ids.minted(self._started_at)
        """Signs our intents: another replica's must not be taken for ones that were not called."""
        self._doubtful: dict[AttemptId, FollowUpId] = {}
        """Attempts whose intent may or may not be on disk, and which were not called."""

    async def step(self) -> float:
        """Do one pass and return the seconds until the next."""
        await self._database_clock.require_near()
        await self._settle_doubts()
        await self._numbers.refresh()
        now, holding = self._clock.now(), self._holding()
        numbers = await self._units.read(lambda db: store.ready_numbers(db, holding.numbers, now))
        if not numbers:
            return self._settings.idle_seconds
        # No marketing while the wall clock is in doubt, or consents go unread (design, sections 1 and 6).
        self._may_market = self._clock.is_trustworthy() and await self._is_hearing()
        self._turn += 1
        first = self._turn % len(numbers)
        shares = self._shares([*numbers[first:], *numbers[:first]], holding)
        done = await asyncio.gather(*(self._dispatch(share, holding) for share in shares), return_exceptions=True)
        failures = [problem for problem in done if isinstance(problem, BaseException)]
        for problem in failures:
            log.error("number_pass_failed", error=type(problem).__name__)
        if len(failures) == len(done):
            raise failures[0]  # nobody could do anything: the loop waits a little longer each time
        return self._settings.pass_seconds if any(done) else self._settings.idle_seconds

    def pause(self, sender_number: str, seconds: float) -> None:
        """Let a number rest: its provider asked for it."""
        if sender_number in self._buckets:
            self._buckets[sender_number][1].pause(self._clock.monotonic() + seconds)

    def _shares(self, numbers: Sequence[str], holding: Assignment) -> list[Share]:
        """Divide the free calls among the numbers, each within its rate and its health; the first one changes."""
        free = self._calls.free
        shares = []
        for number in numbers:
            route = self._book.route(number)
            most = pushes = 0
            if route is not None:
                bucket = self._bucket(number, route.number.parts_per_second * holding.share)
                allowance = self._numbers.allowance(number)
                pushes = bucket.available(self._clock.monotonic())
                pushes = pushes if allowance is None else min(pushes, allowance)
                most = min(pushes, free, self._settings.group_texts)
            free -= most
            shares.append(Share(number, route, most, is_cut_short=0 < most < pushes))
        return shares

    async def _dispatch(self, share: Share, holding: Assignment) -> bool:
        """Take one number's next texts as far as their calls; return whether anything was done."""
        rows = await self._claim(share, holding)
        if not rows:
            return False
        if share.is_cut_short and len(rows) == share.most:
            self._backpressure.note()
        failpoint("sender.after_claim")
        now = self._clock.now()
        prepared: list[Prepared] = []
        unreadable: dict[FollowUpId, Exception] = {}
        for row in rows:
            try:
                prepared.append(self._prepare(row, share, now))
            except Exception as problem:  # noqa: BLE001 - one text that cannot be read must not hold a number's queue
                unreadable[FollowUpId(row["follow_up_id"])] = problem
        await self._aside.take(unreadable)
        if not prepared:
            return True
        return await self._calls.undisturbed(self._commit_and_call(prepared, share, now))

    async def _commit_and_call(self, prepared: Sequence[Prepared], share: Share, now: datetime) -> bool:
        """Commit intents and begin their calls; whatever happens to the pass, the one follows the other."""
        try:
            group = await self._units.run(
                lambda uow: commit_intents(prepared, self._clock, self._mark, self._news, uow), WritePriority.INTENTS
            )
        except Fault:
            self._doubtful |= {
                p.dispatch.attempt_id(p.dispatch.attempts + 1): p.dispatch.follow_up_id for p in prepared
            }
            raise
        except Exception as problem:  # noqa: BLE001 - nothing was committed: whose fault it is, halving finds out
            return await self._without_the_guilty(prepared, share, now, problem)
        failpoint("sender.after_intent")
        self._count(group, now)
        if group.committed:
            self._numbers.note_call(share.sender_number)
        for committed in group.committed:
            self._buckets[share.sender_number][1].take(committed.composed.parts)
            self._calls.start(committed, self.pause)
        return bool(group.decisions)

    async def _without_the_guilty(
        self, prepared: Sequence[Prepared], share: Share, now: datetime, problem: Exception
    ) -> bool:
        """Try a group that could not be written down in halves; what fails alone is set aside."""
        if len(prepared) == 1:
            await self._aside.take({prepared[0].dispatch.follow_up_id: problem})
            return True
        middle = len(prepared) // 2
        for half in (prepared[:middle], prepared[middle:]):
            await self._commit_and_call(half, share, now)
        return True

    async def _claim(self, share: Share, holding: Assignment) -> Sequence[Any]:
        """Read what is next; without a call to spare, only what is about to lapse."""
        now = self._clock.now()
        clearance_until = now + (_FOREVER if share.most or share.route is None else LEAST_CLEARANCE)
        last = MARKETING_PRIORITY if self._may_market else MARKETING_PRIORITY - 1
        most = share.most or self._settings.group_texts
        return await self._units.read(
            lambda db: store.claim(
                db,
                share.sender_number,
                holding.numbers,
                now,
                most=most,
                last_priority=last,
                valid_until=clearance_until,
            )
        )

    def _prepare(self, row: Any, share: Share, now: datetime) -> Prepared:
        """Render outside any transaction, and note what stands against sending."""
        dispatch = store.dispatch_of(row)
        route = share.route
        if route is None:
            return Prepared(dispatch, None, None, Refuse("sender_unknown"))
        if not share.most:
            is_given_up = self._numbers.is_halted(share.sender_number) and now - dispatch.first_due_at > HALTED_FOR
            refusal = Refuse("sender_halted") if is_given_up else None
            return Prepared(dispatch, route, None, refusal, self._numbers.held_by(share.sender_number))
        if route.merchant.id != dispatch.merchant_id:
            return Prepared(dispatch, None, None, Refuse("sender_unknown"))
        composed = self._composed(row, dispatch, route, now)
        if isinstance(composed, Refuse):
            return Prepared(dispatch, route, None, composed)
        obstacle = route.obstacle(composed.to, self._settings.allowed_numbers)
        restored_at = self._settings.restored_at
        is_suspect = restored_at is not None and not dispatch.attempts and dispatch.first_due_at <= self._started_at
        return Prepared(dispatch, route, composed, obstacle, quarantined_since=restored_at if is_suspect else None)

    def _composed(self, row: Any, dispatch: Dispatch, route: Route, now: datetime) -> Composed | Refuse:
        """Compose, and let no text that cannot be composed stand in the way of the others."""
        try:
            return compose(row, dispatch, route.merchant, self._sealer, self._process_url, now)
        except Exception as problem:  # noqa: BLE001 - one poisoned text must not hold a number's queue
            log.error("compose_crashed", follow_up_id=str(dispatch.follow_up_id), error=type(problem).__name__)  # noqa: TRY400 - a traceback may hold the text
            return Refuse("compose_crashed", ErrorClass.CONTENT)

    async def _settle_doubts(self) -> None:
        """Look up our intents whose commit was in doubt; none was called, so those that are there were not sent."""
        if not self._doubtful:
            return
        asked = sorted(self._doubtful)
        found = await self._units.read(lambda db: store.attempts_made_by(db, self._mark, asked))
        for attempt_id in asked:
            if attempt_id in found:
                await self._calls.not_made(attempt_id, self._doubtful[attempt_id], "intent_in_doubt")
            self._doubtful.pop(attempt_id, None)

    def _bucket(self, number: str, rate: float) -> Bucket:
        known = self._buckets.get(number)
        if known is None:
            known = self._buckets[number] = (rate, Bucket(rate, self._clock.monotonic()))
        elif known[0] != rate:
            known[1].change_rate(rate)
            self._buckets[number] = (rate, known[1])
        return known[1]

    @staticmethod
    def _count(group: Group, now: datetime) -> None:
        for decision, times in Counter(group.decisions).items():
            DECISIONS.labels(decision).inc(times)
        if group.committed:
            INTENT_TEXTS.observe(len(group.committed))
        for committed in group.committed:
            QUEUE_SECONDS.observe(max(0.0, (now - committed.dispatch.ready_at).total_seconds()))
