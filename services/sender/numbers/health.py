"""The health of sender numbers: breakers in memory, each change of state stored."""

from collections.abc import Sequence
from datetime import datetime

from services.sender.instruments import NUMBERS_HELD
from services.sender.numbers import store
from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.providers.reactions import Reaction
from services.sender.queue.conclusion import Conclusion
from services.sender.sending.answer_classification import NotSent, ProviderAnswer, Refused, Unknown
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.logs import logger

_NOT_THE_PROVIDERS = frozenset({"started_too_late", "window_closed", "intent_in_doubt"})
"""Reasons for not sending that say nothing about the provider."""

_REFRESH_SECONDS = 5.0
_UNREADABLE = "unreadable"

log = logger(__name__)


class NumberHealth:
    """Knows which numbers may call."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._breakers: dict[str, Breaker] = {}
        self._stored: dict[str, Breaker] = {}
        """What the database holds, as far as this process knows."""
        self._refreshed_at = float("-inf")

    async def refresh(self) -> None:
        """Take over what was stored before the restart, and what another replica has stored since."""
        now = self._units.clock.monotonic()
        if now - self._refreshed_at < _REFRESH_SECONDS:
            return
        stored = await self._units.read(store.breakers)
        self._refreshed_at = now
        for number, known in stored.items():
            breaker = known or self._halted_as_unreadable(number)
            if self._stored.get(number) != breaker:
                self._stored[number] = self._breakers[number] = breaker
        self._measure()

    def _halted_as_unreadable(self, number: str) -> Breaker:
        """Return the breaker of a number whose stored state is unknown: it is halted, and no other number is."""
        known = self._stored.get(number)
        if known is not None and known.reason == _UNREADABLE:
            return known
        log.error("number_health_unreadable", advice="the number is held; one call tries again in 15 minutes")
        return Breaker().after_halt(_UNREADABLE, self._units.clock.now())

    def breaker(self, sender_number: str) -> Breaker:
        """Return the health of a number."""
        return self._breakers.get(sender_number, Breaker())

    def note_call(self, sender_number: str) -> None:
        """Note that calls begin; for a held number this is its one trial."""
        breaker = self._breakers.get(sender_number)
        if breaker is not None:
            self._breakers[sender_number] = breaker.after_trial_began(self._units.clock.now())

    async def note(self, sender_number: str, answer: ProviderAnswer) -> None:
        """Note the answer to a call; a change of state is stored and logged."""
        before = self.breaker(sender_number)
        after = after_answer(before, answer, self._units.clock.now())
        if after == before:
            return
        self._breakers[sender_number] = after
        if (after.state, after.opens_at) == (before.state, before.opens_at):
            return
        self._measure()
        log.warning("number_health_changed", state=after.state, reason=after.reason, failures=after.failures)
        try:
            await self._units.run(lambda uow: store.save(sender_number, after, uow), WritePriority.OUTCOMES)
            self._stored[sender_number] = after
        except Fault as fault:  # the breaker in memory holds; only a restart now would lose it
            log.warning("number_health_not_kept", code=fault.code)

    async def note_receipts(self, changes: Sequence[Conclusion | None]) -> None:
        """Note what receipts say about numbers: a registration or account fault halts one as a refusal does."""
        for change in changes:
            if change is not None and change.number_fault is not None:
                await self.note(change.attempt.sender_number, change.number_fault)

    def _measure(self) -> None:
        for state in (BreakerState.OPEN, BreakerState.HALTED):
            NUMBERS_HELD.labels(state).set(sum(breaker.state is state for breaker in self._breakers.values()))


def after_answer(breaker: Breaker, answer: ProviderAnswer, now: datetime) -> Breaker:
    """Return the breaker after a call: clear answers close it, silence is a failure, our own faults halt it."""
    match answer:
        case NotSent(reason) if reason in _NOT_THE_PROVIDERS:
            return breaker
        case NotSent(reason) | Unknown(reason):
            return breaker.after_failure(reason, now)
        case Refused() if answer.meaning.reaction is Reaction.HALT:
            return breaker.after_halt(answer.code, now)
        case Refused() if answer.meaning.reaction is Reaction.CAPPED:
            return breaker.after_cap(answer.code, now)
        case _:
            return Breaker()
