"""Sends what is queued: claims ready dispatches, commits their intents, and starts the calls to providers."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from services.sender import store
from services.sender.instruments import DECISIONS, INTENT_TEXTS, QUEUE_SECONDS
from services.sender.numbers.backpressure import Backpressure
from services.sender.numbers.breaker import BreakerState
from services.sender.numbers.bucket import Bucket
from services.sender.numbers.health import NumberHealth
from services.sender.providers.accounts import ProviderAccounts, Route
from services.sender.queue.dispatches import MARKETING_PRIORITY, Dispatch
from services.sender.queue.store import park_dispatch
from services.sender.sending.answer_classification import NotSent
from services.sender.sending.composition import ComposedText, compose
from services.sender.sending.intent_decision import LEAST_CLEARANCE, Refuse
from services.sender.sending.intents import IntentGroup, PreparedDispatch, commit_intents
from services.sender.sending.provider_calls import ProviderCalls
from services.sender.sending.readiness import SendReadiness
from services.sender.settings import SenderSettings
from shared import ids
from shared.bus.failures import FailureWindow
from shared.bus.port import Assignment
from shared.db.transaction import Row, WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault, describe
from shared.events.dispatch import ErrorClass
from shared.failpoints import failpoint
from shared.ids import AttemptId, FollowUpId
from shared.privacy import Sealer
from shared.telemetry.logs import logger

HALTED_FOR: Final = timedelta(hours=24)
"""How long a follow-up waits for its halted number; after that it fails with `sender_halted`."""
_FOREVER: Final = timedelta(days=3650)

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class NumberBudget:
    """What one number may do in one pass."""

    sender_number: str
    route: Route | None
    max_calls: int
    """How many calls may start; with 0, clearances that run out may lapse and nothing else happens."""
    is_cut_short: bool = False
    """The number's rate allows more calls than this process has free."""


class Dispatcher:
    """Steps through the numbers that have ready dispatches."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        sealer: Sealer,
        providers: ProviderAccounts,
        calls: ProviderCalls,
        numbers: NumberHealth,
        settings: SenderSettings,
        backpressure: Backpressure,
        readiness: SendReadiness,
        *,
        process_url: str,
        holding: Callable[[], Assignment],
    ) -> None:
        """Create the dispatcher; it sends for the people that `holding` assigns, with their share of each rate."""
        self._holding = holding
        self._readiness = readiness
        self._units = units
        self._clock = units.clock
        self._sealer = sealer
        self._providers = providers
        self._calls = calls
        self._numbers = numbers
        self._settings = settings
        self._backpressure = backpressure
        self._process_url = process_url
        self._started_at = self._clock.now()
        self._failures = FailureWindow()
        self._pass = 0
        self._may_market = False
        self._buckets: dict[str, Bucket] = {}
        self._made_by = ids.minted(self._started_at)
        """Marks this run's intents: another replica's must not be taken for ones that were not called."""
        self._doubtful: dict[AttemptId, FollowUpId] = {}
        """Attempts that were not called and whose intent may or may not have been committed."""

    async def step(self) -> float:
        """Do one pass and return the seconds until the next."""
        await self._readiness.require_near_clocks()
        await self._resolve_doubtful_intents()
        await self._numbers.refresh()
        now, assigned = self._clock.now(), self._holding()
        numbers = await self._units.read(lambda db: store.ready_numbers(db, assigned.numbers, now))
        if not numbers:
            return self._settings.idle_seconds
        self._may_market = await self._readiness.may_market()
        self._pass += 1
        first = self._pass % len(numbers)
        budgets = self._budgets([*numbers[first:], *numbers[:first]], assigned)
        done = await asyncio.gather(*(self._dispatch(budget, assigned) for budget in budgets), return_exceptions=True)
        failures = [problem for problem in done if isinstance(problem, BaseException)]
        for problem in failures:
            log.error("number_pass_failed", error=type(problem).__name__)
        if len(failures) == len(done):
            raise failures[0]  # every number failed: the loop waits a little longer each time
        return self._settings.pass_seconds if any(done) else self._settings.idle_seconds

    def pause(self, sender_number: str, seconds: float) -> None:
        """Start no call of a number for a while: its provider asked for it."""
        if sender_number in self._buckets:
            self._buckets[sender_number].pause(self._clock.monotonic() + seconds)

    def _budgets(self, numbers: Sequence[str], assigned: Assignment) -> list[NumberBudget]:
        """Divide the free calls among the numbers in their order, each within its rate and its health."""
        free = self._calls.free
        budgets = []
        for number in numbers:
            route = self._providers.route(number)
            max_calls = allowed = 0
            if route is not None:
                rate, at = route.number.parts_per_second * assigned.share, self._clock.monotonic()
                bucket = self._buckets.setdefault(number, Bucket(rate, at))
                bucket.change_rate(rate)
                allowance = self._numbers.breaker(number).allowance(self._clock.now())
                allowed = bucket.available(at)
                allowed = allowed if allowance is None else min(allowed, allowance)
                max_calls = min(allowed, free, self._settings.group_texts)
            free -= max_calls
            budgets.append(NumberBudget(number, route, max_calls, is_cut_short=0 < max_calls < allowed))
        return budgets

    async def _dispatch(self, budget: NumberBudget, assigned: Assignment) -> bool:
        """Take one number's next dispatches as far as starting their calls; return whether there were any."""
        rows = await self._claim(budget, assigned)
        if not rows:
            return False
        if budget.is_cut_short and len(rows) == budget.max_calls:
            self._backpressure.note()
        failpoint("sender.after_claim")
        now = self._clock.now()
        prepared: list[PreparedDispatch] = []
        unreadable: dict[FollowUpId, Exception] = {}
        for row in rows:
            try:
                prepared.append(self._prepare(row, budget, now))
            except Exception as problem:  # noqa: BLE001 - one row that cannot be read must not hold a number's queue
                unreadable[FollowUpId(row["follow_up_id"])] = problem
        await self._park(unreadable)
        if not prepared:
            return True
        return await self._calls.shielded(self._commit_and_call(prepared, budget, now))

    async def _commit_and_call(self, prepared: Sequence[PreparedDispatch], budget: NumberBudget, now: datetime) -> bool:
        """Commit intents and begin their calls; once committed, the calls begin whatever happens to the pass."""
        try:
            group = await self._units.run(
                lambda uow: commit_intents(prepared, self._clock, self._made_by, self._readiness.unread, uow),
                WritePriority.INTENTS,
            )
        except Fault:
            for each in prepared:
                attempt_id = each.dispatch.attempt_id(each.dispatch.attempts + 1)
                self._doubtful[attempt_id] = each.dispatch.follow_up_id
            raise
        except Exception as problem:  # noqa: BLE001 - nothing was committed; halving finds the dispatch at fault
            return await self._commit_halves(prepared, budget, now, problem)
        failpoint("sender.after_intent")
        self._count(group, now)
        if group.committed:
            self._numbers.note_call(budget.sender_number)
        for intent in group.committed:
            self._buckets[budget.sender_number].take(intent.composed.parts)
            self._calls.start(intent, self.pause)
        return bool(group.decisions)

    async def _commit_halves(
        self, prepared: Sequence[PreparedDispatch], budget: NumberBudget, now: datetime, problem: Exception
    ) -> bool:
        """Commit a failing group in halves; a dispatch that fails alone is parked."""
        if len(prepared) == 1:
            await self._park({prepared[0].dispatch.follow_up_id: problem})
            return True
        middle = len(prepared) // 2
        for half in (prepared[:middle], prepared[middle:]):
            await self._commit_and_call(half, budget, now)
        return True

    async def _park(self, failed: Mapping[FollowUpId, Exception]) -> None:
        """Park dispatches that cannot be read or written, so that the others of their number go on.

        The row stays queued but is not ready; it is listed as parked, and `followup redrive` makes it ready again.

        Raises:
            Exception: dispatches of so many merchants fail that the fault must be ours; the loop then fails, and
                health reports it.
        """
        for follow_up_id, problem in failed.items():
            reason = describe(problem)
            merchant = await self._units.run(partial(park_dispatch, follow_up_id, reason), WritePriority.OUTCOMES)
            log.error("text_set_aside", follow_up_id=str(follow_up_id), detail=reason)
            self._failures.note_failed(merchant, self._clock.now())
            if self._failures.is_ours(self._clock.now()):
                raise problem

    async def _claim(self, budget: NumberBudget, assigned: Assignment) -> Sequence[Row]:
        """Read what is next; without a free call, only what is about to lapse."""
        now = self._clock.now()
        clearance_until = now + (_FOREVER if budget.max_calls or budget.route is None else LEAST_CLEARANCE)
        last = MARKETING_PRIORITY if self._may_market else MARKETING_PRIORITY - 1
        most = budget.max_calls or self._settings.group_texts
        return await self._units.read(
            lambda db: store.claim(
                db,
                budget.sender_number,
                assigned.numbers,
                now,
                most=most,
                last_priority=last,
                valid_until=clearance_until,
            )
        )

    def _prepare(self, row: Row, budget: NumberBudget, now: datetime) -> PreparedDispatch:
        """Render outside any transaction, and note what speaks against sending."""
        dispatch = store.dispatch_of(row)
        route = budget.route
        if route is None:
            return PreparedDispatch(dispatch, None, None, Refuse("sender_unknown"))
        if not budget.max_calls:
            breaker = self._numbers.breaker(budget.sender_number)
            is_given_up = breaker.state is BreakerState.HALTED and now - dispatch.first_due_at > HALTED_FOR
            refusal = Refuse("sender_halted") if is_given_up else None
            return PreparedDispatch(dispatch, route, None, refusal, breaker.hold_reason)
        if route.merchant.id != dispatch.merchant_id:
            return PreparedDispatch(dispatch, None, None, Refuse("sender_unknown"))
        composed = self._composed(row, dispatch, route, now)
        if isinstance(composed, Refuse):
            return PreparedDispatch(dispatch, route, None, composed)
        obstacle = route.obstacle(composed.to, self._settings.allowed_numbers)
        restored_at = self._settings.restored_at
        is_suspect = restored_at is not None and not dispatch.attempts and dispatch.first_due_at <= self._started_at
        quarantined_since = restored_at if is_suspect else None
        return PreparedDispatch(dispatch, route, composed, obstacle, quarantined_since=quarantined_since)

    def _composed(self, row: Row, dispatch: Dispatch, route: Route, now: datetime) -> ComposedText | Refuse:
        """Render a text; one that cannot be rendered is refused, and does not stop the others."""
        try:
            return compose(store.sealed_content_of(row), dispatch, route.merchant, self._sealer, self._process_url, now)
        except Exception as problem:  # noqa: BLE001 - one poisoned text must not hold a number's queue
            log.error("compose_crashed", follow_up_id=str(dispatch.follow_up_id), error=type(problem).__name__)  # noqa: TRY400 - a traceback may hold the text
            return Refuse("compose_crashed", ErrorClass.CONTENT)

    async def _resolve_doubtful_intents(self) -> None:
        """Look up our intents whose commit was in doubt; none was called, so those that exist were not sent."""
        if not self._doubtful:
            return
        asked = sorted(self._doubtful)
        found = await self._units.read(lambda db: store.attempts_made_by(db, self._made_by, asked))
        for attempt_id in asked:
            if attempt_id in found:
                await self._calls.record(attempt_id, self._doubtful[attempt_id], NotSent("intent_in_doubt"))
            self._doubtful.pop(attempt_id, None)

    @staticmethod
    def _count(group: IntentGroup, now: datetime) -> None:
        for decision, times in Counter(group.decisions).items():
            DECISIONS.labels(decision).inc(times)
        if group.committed:
            INTENT_TEXTS.observe(len(group.committed))
        for intent in group.committed:
            QUEUE_SECONDS.observe(max(0.0, (now - intent.dispatch.ready_at).total_seconds()))
