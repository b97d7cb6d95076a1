"""Concludes calls without an answer: overdue ones become unknown, unknown ones are looked up at the provider.

None is sent again before the provider has shown that it does not exist.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.sender import recipient_store
from services.sender import store as dispatch_store
from services.sender.instruments import ALARMS, RECONCILED, UNRESOLVED
from services.sender.providers.accounts import ProviderAccounts
from services.sender.providers.provider import Provider
from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import AttemptUpdate
from services.sender.queue.conclusion import AttemptObservation, Conclusion, Overdue
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import UNANSWERED_STATES, AttemptState
from services.sender.reconciliation import store
from services.sender.reconciliation.decision import (
    ASK_AGAIN,
    OVERDUE_AFTER,
    AbsentOnce,
    Adopt,
    GiveUp,
    ListedMessage,
    LookLater,
    ProvenAbsent,
    ReconcileFinding,
    decide,
)
from services.sender.reconciliation.store import UnknownCall
from services.sender.sending.answer_classification import NotSent
from services.sender.sending.composition import phone_of
from services.sender.settings import SenderSettings
from shared.bus.partitioning import partition_of
from shared.bus.port import Assignment
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, Unsealable, describe
from shared.ids import AttemptId
from shared.privacy import Sealer
from shared.telemetry.logs import logger

_LISTINGS_AT_ONCE: Final = 10
_FAILING_PAUSE: Final = timedelta(hours=1)

log = logger(__name__)


class UnknownAttempt(NamedTuple):
    """An unknown attempt with everything needed to look it up."""

    attempt: Attempt
    dispatch: Dispatch
    contact: bytes | None
    """Sealed."""
    text_key: bytes | None
    others: Sequence[Attempt]
    """The person's other attempts that a listed text of this one's time may belong to."""


class Reconciler:
    """Asks providers for the outcome of calls without an answer."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        sealer: Sealer,
        providers: ProviderAccounts,
        settings: SenderSettings,
        *,
        holding: Callable[[], Assignment],
    ) -> None:
        """Create the reconciler; of several replicas each looks up the texts of its own people."""
        self._holding = holding
        self._units = units
        self._clock = units.clock
        self._sealer = sealer
        self._providers = providers
        self._horizon = timedelta(hours=settings.horizon_hours)
        self._pause_seconds = settings.reconcile_seconds

    async def step(self) -> float:
        """Expire overdue calls, look up unknown ones, and return the seconds until the next step.

        Every change is made only over the state it was decided on, so a crash in between only repeats the look-up.
        """
        expired = await self._expire_overdue()
        reconciled = await self._reconcile_due()
        UNRESOLVED.set(await self._units.read(store.unknown_count))
        return 0.0 if store.GROUP in {expired, reconciled} else self._pause_seconds

    async def _expire_overdue(self) -> int:
        """Turn intents 30 s past their deadline into unknowns; return how many."""
        before = self._clock.now() - OVERDUE_AFTER
        overdue = await self._units.read(lambda db: store.overdue(db, before))
        if overdue:
            await self._record_overdue([AttemptUpdate(attempt, dispatch, Overdue()) for attempt, dispatch in overdue])
        return len(overdue)

    async def _record_overdue(self, updates: Sequence[AttemptUpdate]) -> None:
        """Record overdue calls; one that cannot be recorded is found by halving, and postponed alone."""
        try:
            await attempt_recording.commit(updates, self._units)
        except Exception as problem:
            if isinstance(problem, Fault):
                raise
            if len(updates) == 1:
                await self._postpone_failing(updates[0].attempt_id, problem)
                return
            middle = len(updates) // 2
            await self._record_overdue(updates[:middle])
            await self._record_overdue(updates[middle:])

    async def _reconcile_due(self) -> int:
        """Look up the unknown calls that are due; return how many."""
        now = self._clock.now()
        assigned = self._holding()
        due = await self._units.read(lambda db: store.due(db, now))
        calls = [each for each in due if partition_of(each.recipient_id, assigned.of) in assigned.numbers]
        of_person: dict[object, list[UnknownCall]] = {}
        for call in calls:
            of_person.setdefault(call.recipient_id, []).append(call)
        people = list(of_person.values())
        for start in range(0, len(people), _LISTINGS_AT_ONCE):
            await asyncio.gather(*(self._reconcile_all(each) for each in people[start : start + _LISTINGS_AT_ONCE]))
        return len(calls)

    async def _reconcile_all(self, calls: Sequence[UnknownCall]) -> None:
        """Look up one person's calls one after the other: each knows what the one before adopted."""
        for call in calls:
            try:
                await self._reconcile(call)
            except Fault:
                raise
            except Exception as problem:  # noqa: BLE001 - one row that cannot be read must not keep the others waiting
                await self._postpone_failing(call.attempt_id, problem)

    async def _postpone_failing(self, attempt_id: AttemptId, problem: Exception) -> None:
        """Postpone a call that cannot be processed by an hour, and raise an alarm."""
        ALARMS.labels("unreadable_attempt").inc()
        log.error("attempt_set_aside", attempt_id=str(attempt_id), detail=describe(problem))
        until = self._clock.now() + _FAILING_PAUSE
        await self._postpone(attempt_id, until, {"deadline": until})

    async def _reconcile(self, call: UnknownCall) -> None:
        """Ask the provider about one call, outside any transaction, and record what its listing proves."""
        unknown = await self._units.read(lambda db: self._load(db, call.attempt_id))
        if unknown is None:
            return
        now = self._clock.now()
        provider = self._providers.provider(unknown.attempt.merchant_id, unknown.attempt.provider)
        listing = await self._listing(unknown, provider)
        finding = decide(
            unknown.attempt,
            listing,
            store.message_ids(unknown.others),
            now,
            self._horizon,
            absent_at=call.absent_at,
            rivals=[other for other in unknown.others if other.state in UNANSWERED_STATES],
            sender_is_fixed=provider is None or provider.capabilities.sender_is_fixed,
        )
        await self._apply(unknown.attempt, finding, {"asked_at": now, "answer": _answer(listing, finding)})

    async def _load(self, db: Transaction, attempt_id: AttemptId) -> UnknownAttempt | None:
        """Return an attempt; None where it is no longer unknown."""
        attempt = (await dispatch_store.find_attempts(db, [attempt_id])).get(attempt_id)
        if attempt is None or attempt.state is not AttemptState.UNKNOWN:
            return None
        dispatch = (await dispatch_store.find_dispatches(db, [attempt.follow_up_id]))[attempt.follow_up_id]
        contact = await dispatch_store.contact_of(db, attempt.follow_up_id)
        people = await recipient_store.find_recipients(db, [dispatch.recipient_id])
        text_key = people[dispatch.recipient_id].text_key if people else None
        return UnknownAttempt(attempt, dispatch, contact, text_key, await store.other_attempts(db, attempt, dispatch))

    async def _listing(self, unknown: UnknownAttempt, provider: Provider | None) -> list[ListedMessage] | None:
        """Return what the provider lists; None where its account is gone, cannot list, or does not answer."""
        if provider is None or unknown.contact is None or not provider.capabilities.list_by_recipient:
            return None
        try:
            to = phone_of(unknown.contact, unknown.dispatch, self._sealer)
        except (Unsealable, ValueError):
            return None
        found = await provider.find(to, unknown.attempt.sender_number)
        return None if found is None else [listed.keyed_with(unknown.text_key) for listed in found]

    async def _apply(self, attempt: Attempt, finding: ReconcileFinding, answer: Mapping[str, object]) -> None:
        """Record what was found; `answer` is kept with a call that is looked up again."""
        RECONCILED.labels(type(finding).__name__.lower()).inc()
        match finding:
            case LookLater(look_at):
                await self._postpone(attempt.id, look_at, answer)
            case AbsentOnce(look_at):
                await self._postpone(attempt.id, look_at, {**answer, "absent_at": self._clock.now()})
            case Adopt():
                await self._adopt(attempt, finding)
            case GiveUp():
                await self._conclude(attempt, finding)
            case ProvenAbsent():
                # A call that a restored backup may have forgotten was never made: its text returns to the queue.
                was_forgotten = not attempt.body_sha256
                await self._conclude(attempt, NotSent("quarantine_passed") if was_forgotten else finding)

    async def _adopt(self, attempt: Attempt, finding: Adopt) -> None:
        """Adopt a listed text, unless another attempt to the person has adopted it since the provider was asked."""

        async def work(uow: UnitOfWork) -> list[Conclusion | None] | None:
            dispatches = await dispatch_store.find_dispatches(uow.db, [attempt.follow_up_id])
            others = await store.other_attempts(uow.db, attempt, dispatches[attempt.follow_up_id])
            if finding.listed.provider_message_id in store.message_ids(others):
                return None
            return await attempt_recording.record([AttemptUpdate(attempt.id, attempt.follow_up_id, finding)], uow)

        changes = await self._units.run(work, WritePriority.OUTCOMES)
        if changes is None:
            await self._postpone(attempt.id, self._clock.now() + ASK_AGAIN, {})
            return
        attempt_recording.raise_alarms(changes)
        log.info("unknown_concluded", attempt_id=str(attempt.id), finding=type(finding).__name__)

    async def _conclude(self, attempt: Attempt, observation: AttemptObservation) -> None:
        await attempt_recording.commit([AttemptUpdate(attempt.id, attempt.follow_up_id, observation)], self._units)
        log.info("unknown_concluded", attempt_id=str(attempt.id), finding=type(observation).__name__)

    async def _postpone(self, attempt_id: AttemptId, look_at: datetime, also: Mapping[str, object]) -> None:
        await self._units.run(lambda uow: store.postpone(attempt_id, look_at, uow, also), WritePriority.BATCHES)


def _answer(listing: Sequence[ListedMessage] | None, finding: ReconcileFinding) -> str:
    """Return what the provider said, as a constant word."""
    if listing is None:
        return "no_answer"
    return "not_listed" if isinstance(finding, AbsentOnce) or not listing else "inconclusive"
