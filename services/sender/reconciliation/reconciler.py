"""Reaper and reconciler: unanswered calls become unknown, and unknowns are asked after, never resent blindly."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from services.sender import store
from services.sender.instruments import ALARMS, RECONCILED, UNRESOLVED
from services.sender.providers.book import ProviderBook
from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import Item
from services.sender.queue.conclusion import AttemptNews, Conclusion, Overdue
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import AttemptState
from services.sender.reconciliation.findings import (
    ASK_AGAIN,
    REAPED_AFTER,
    AbsentOnce,
    Adopt,
    GiveUp,
    Listed,
    LookLater,
    ProvenAbsent,
    ReconcileFinding,
    Unresolved,
    decide,
)
from services.sender.sending.answer_classification import NotSent
from services.sender.sending.composition import phone_of
from services.sender.tables import in_flight
from shared.bus.partitioning import partition_of
from shared.bus.port import Assignment
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault, Unsealable, describe
from shared.ids import AttemptId
from shared.privacy import Sealer
from shared.telemetry.logs import logger

_GROUP: Final = 50
_LISTINGS_AT_ONCE: Final = 10
_NEIGHBOURHOOD: Final = timedelta(hours=1)
"""Texts that were written down as changed this long before an intent cannot be taken for it: clocks differ less."""
_ASIDE: Final = timedelta(hours=1)
_WITHOUT_CONCLUSION: Final = frozenset({AttemptState.INTENT, AttemptState.UNKNOWN})
_OVERDUE = (
    sa.select(in_flight.c.attempt_id, in_flight.c.follow_up_id)
    .where(in_flight.c.state == AttemptState.INTENT, in_flight.c.deadline < sa.bindparam("before"))
    .limit(_GROUP)
)
_DUE = (
    sa.select(in_flight)
    .where(in_flight.c.state == AttemptState.UNKNOWN, in_flight.c.look_at <= sa.bindparam("now"))
    .order_by(in_flight.c.look_at)
    .limit(_GROUP)
)
_UNKNOWNS = sa.select(sa.func.count().label("n")).where(in_flight.c.state == AttemptState.UNKNOWN)

log = logger(__name__)


class Reconciler:
    """Asks providers what became of calls without an answer."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        sealer: Sealer,
        book: ProviderBook,
        *,
        holding: Callable[[], Assignment],
        horizon: timedelta,
        pause_seconds: float,
    ) -> None:
        """Put the reconciler together; of several replicas each asks after the texts of its own people."""
        self._holding = holding
        self._units = units
        self._clock = units.clock
        self._sealer = sealer
        self._book = book
        self._horizon = horizon
        self._pause_seconds = pause_seconds

    async def step(self) -> float:
        """Reap, look, and return the seconds until the next time.

        Every change is made only over the state it was decided on, so a crash in between only repeats the look.
        """
        reaped = await self.reap()
        looked = await self.look()
        await self._measure()
        return 0.0 if _GROUP in {reaped, looked} else self._pause_seconds

    async def reap(self) -> int:
        """Turn intents 30 s past their deadline into unknowns; return how many."""
        before = self._clock.now() - REAPED_AFTER
        rows = await self._units.read(lambda db: db.rows(_OVERDUE, {"before": before}))
        items = [Item(row["attempt_id"], row["follow_up_id"], Overdue()) for row in rows]
        if items:
            await self._reap(items)
        return len(items)

    async def _reap(self, items: list[Item]) -> None:
        """Write down that nobody answered; what cannot be written down puts itself off alone, and the others go on."""
        try:
            await self._record(items)
        except Exception as problem:
            if isinstance(problem, Fault):
                raise
            if len(items) == 1:
                await self._set_aside(items[0].attempt_id, problem)
                return
            middle = len(items) // 2
            await self._reap(items[:middle])
            await self._reap(items[middle:])

    async def look(self) -> int:
        """Ask after the unknowns whose time has come; return how many."""
        now = self._clock.now()
        ours = self._holding()
        due = await self._units.read(lambda db: db.rows(_DUE, {"now": now}))
        rows = [row for row in due if partition_of(row["recipient_id"], ours.of) in ours.numbers]
        of_person: dict[object, list[Mapping[str, Any]]] = {}
        for row in rows:
            of_person.setdefault(row["recipient_id"], []).append(row)
        people = list(of_person.values())
        for start in range(0, len(people), _LISTINGS_AT_ONCE):
            await asyncio.gather(*(self._look_after_each(rows) for rows in people[start : start + _LISTINGS_AT_ONCE]))
        return len(rows)

    async def _look_after_each(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Ask after one person's attempts one by one: what the first adopts, the next knows."""
        for row in rows:
            try:
                await self._look_after(row)
            except Fault:
                raise
            except Exception as problem:  # noqa: BLE001 - one row that cannot be read must not keep the others waiting
                await self._set_aside(AttemptId(row["attempt_id"]), problem)

    async def _set_aside(self, attempt_id: AttemptId, problem: Exception) -> None:
        """Put an attempt off that cannot be worked on: it is told, and tried again in an hour."""
        ALARMS.labels("unreadable_attempt").inc()
        log.error("attempt_set_aside", attempt_id=str(attempt_id), detail=describe(problem))
        later = self._clock.now() + _ASIDE
        await self._put_off(attempt_id, {"look_at": later, "deadline": later})

    async def _look_after(self, row: Mapping[str, Any]) -> None:
        """Ask the provider about one attempt, outside any transaction, and write down what it means."""
        attempt_id = AttemptId(row["attempt_id"])
        loaded = await self._units.read(lambda db: self._load(db, attempt_id))
        if loaded is None:
            return
        attempt, dispatch, contact, text_key, others = loaded
        now = self._clock.now()
        listing = await self._listing(attempt, dispatch, contact, text_key)
        finding = decide(
            _unresolved(attempt, row["absent_at"]),
            listing,
            _ids_of(others),
            now,
            self._horizon,
            rivals=[_unresolved(other, None) for other in others if other.state in _WITHOUT_CONCLUSION],
            sender_is_fixed=self._sender_is_fixed(attempt),
        )
        await self._apply(attempt, finding)

    async def _load(
        self, db: Transaction, attempt_id: AttemptId
    ) -> tuple[Attempt, Dispatch, bytes | None, bytes | None, list[Attempt]] | None:
        """Return an unknown attempt, its dispatch, the person's contact and key, and their other attempts since."""
        attempt = (await store.find_attempts(db, [attempt_id])).get(attempt_id)
        if attempt is None or attempt.state is not AttemptState.UNKNOWN:
            return None
        dispatches = await store.find_dispatches(db, [attempt.follow_up_id])
        dispatch = dispatches[attempt.follow_up_id]
        contact = await store.contact_of(db, attempt.follow_up_id)
        people = await store.find_people(db, [dispatch.recipient_id])
        text_key = people[dispatch.recipient_id]["text_key"] if people else None
        return attempt, dispatch, contact, text_key, await self._others(db, attempt, dispatch)

    @staticmethod
    async def _others(db: Transaction, attempt: Attempt, dispatch: Dispatch) -> list[Attempt]:
        """Return the person's other attempts that a listed text of this one's time may belong to."""
        theirs = await store.dispatches_of(db, dispatch.recipient_id, since=attempt.intent_at - _NEIGHBOURHOOD)
        theirs[dispatch.follow_up_id] = dispatch
        found = await store.find_attempts(
            db, {d.attempt_id(n) for d in theirs.values() for n in range(1, d.attempts + 1)}
        )
        return [other for other in found.values() if other.id != attempt.id]

    def _sender_is_fixed(self, attempt: Attempt) -> bool:
        provider = self._book.provider(attempt.merchant_id, attempt.provider)
        return provider is None or provider.capabilities.sender_is_fixed

    async def _listing(
        self, attempt: Attempt, dispatch: Dispatch, contact: bytes | None, text_key: bytes | None
    ) -> list[Listed] | None:
        """Return what the provider lists, or None where it cannot be asked: gone, unable, or silent."""
        provider = self._book.provider(attempt.merchant_id, attempt.provider)
        if provider is None or contact is None or not provider.capabilities.list_by_recipient:
            return None
        try:
            to = phone_of(contact, dispatch, self._sealer)
        except (Unsealable, ValueError):
            return None
        found = await provider.find(to, attempt.sender_number)
        return None if found is None else [listed.under(text_key) for listed in found]

    async def _apply(self, attempt: Attempt, finding: ReconcileFinding) -> None:
        RECONCILED.labels(type(finding).__name__.lower()).inc()
        match finding:
            case LookLater(look_at):
                await self._put_off(attempt.id, {"look_at": look_at})
            case AbsentOnce(look_at):
                await self._put_off(attempt.id, {"look_at": look_at, "absent_at": self._clock.now()})
            case Adopt(listed):
                await self._adopt(attempt, listed.provider_message_id, finding)
            case GiveUp():
                await self._conclude(attempt, finding)
            case ProvenAbsent():
                # A call that a restore may have forgotten was never made: its text goes back to the queue.
                was_forgotten = not attempt.body_sha256
                await self._conclude(attempt, NotSent("quarantine_passed") if was_forgotten else finding)

    async def _adopt(self, attempt: Attempt, provider_message_id: str, finding: Adopt) -> None:
        """Adopt a listed text, unless another attempt to the person got hold of it while the provider was asked."""

        async def work(uow: UnitOfWork) -> list[Conclusion | None] | None:
            dispatches = await store.find_dispatches(uow.db, [attempt.follow_up_id])
            others = await self._others(uow.db, attempt, dispatches[attempt.follow_up_id])
            if provider_message_id in _ids_of(others):
                return None
            return await attempt_recording.record([Item(attempt.id, attempt.follow_up_id, finding)], uow)

        changes = await self._units.run(work, WritePriority.OUTCOMES)
        if changes is None:
            await self._put_off(attempt.id, {"look_at": self._clock.now() + ASK_AGAIN})
            return
        attempt_recording.raise_alarms(changes)
        log.info("unknown_concluded", attempt_id=str(attempt.id), finding=type(finding).__name__)

    async def _conclude(self, attempt: Attempt, news: AttemptNews) -> None:
        await self._record([Item(attempt.id, attempt.follow_up_id, news)])
        log.info("unknown_concluded", attempt_id=str(attempt.id), finding=type(news).__name__)

    async def _record(self, items: list[Item]) -> list[Conclusion | None]:
        changes = await self._units.run(lambda uow: attempt_recording.record(items, uow), WritePriority.OUTCOMES)
        attempt_recording.raise_alarms(changes)
        return changes

    async def _put_off(self, attempt_id: AttemptId, columns: Mapping[str, Any]) -> None:
        async def work(uow: UnitOfWork) -> None:
            await uow.db.change(in_flight, [{"attempt_id": attempt_id, **columns}])

        await self._units.run(work, WritePriority.BATCHES)

    async def _measure(self) -> None:
        counted = await self._units.read(lambda db: db.rows(_UNKNOWNS))
        UNRESOLVED.set(counted[0]["n"])


def _unresolved(attempt: Attempt, absent_at: datetime | None) -> Unresolved:
    return Unresolved(attempt.sender_number, attempt.body_sha256, attempt.intent_at, attempt.deadline, absent_at)


def _ids_of(attempts: Iterable[Attempt]) -> frozenset[str]:
    """Return the provider's ids that attempts hold."""
    return frozenset(one.provider_message_id for one in attempts if one.provider_message_id)
