"""The health of sender numbers: breakers in memory, every change of state kept.

So a halt outlives a restart, and other replicas hear of it.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from services.sender.instruments import NUMBERS_HELD
from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.providers.reactions import Reaction
from services.sender.queue.conclusion import Conclusion
from services.sender.sending.answer_classification import NotSent, ProviderAnswer, Refused, Unknown
from services.sender.tables import number_health
from shared.db.transaction import Row, WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.logs import logger

_OURS = frozenset({"started_too_late", "window_closed", "intent_in_doubt"})
"""Reasons for not sending that say nothing about the provider."""

_REFRESH_SECONDS = 5.0
_UNREADABLE = "unreadable"

log = logger(__name__)


class NumberHealth:
    """Knows which numbers may call."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._breakers: dict[str, Breaker] = {}
        self._kept: dict[str, Breaker] = {}
        """What the database holds, as far as we know."""
        self._looked_at = float("-inf")

    async def refresh(self) -> None:
        """Take over what was kept before the restart, and what another replica has learnt since."""
        now = self._units.clock.monotonic()
        if now - self._looked_at < _REFRESH_SECONDS:
            return
        rows = await self._units.read(lambda db: db.rows(sa.select(number_health)))
        self._looked_at = now
        for row in rows:
            breaker = self._read(row)
            if self._kept.get(row["sender_number"]) != breaker:
                self._kept[row["sender_number"]] = self._breakers[row["sender_number"]] = breaker
        self._measure()

    def _read(self, row: Row) -> Breaker:
        """Return the breaker a row holds; a state that nobody knows holds its own number, and no other."""
        if row["state"] in frozenset(BreakerState):
            return Breaker(BreakerState(row["state"]), row["failures"], row["reason"], row["opens_at"])
        known = self._kept.get(row["sender_number"])
        if known is not None and known.reason == _UNREADABLE:
            return known
        log.error("number_health_unreadable", advice="the number is held; one call tries again in 15 minutes")
        return Breaker().after_halt(_UNREADABLE, self._units.clock.now())

    def allowance(self, sender_number: str) -> int | None:
        """Return how many calls may start now; None for no bound."""
        return self._breakers.get(sender_number, Breaker()).allowance(self._units.clock.now())

    def is_halted(self, sender_number: str) -> bool:
        """Return whether a number waits for somebody to mend its account or registration."""
        return self._breakers.get(sender_number, Breaker()).state is BreakerState.HALTED

    def held_by(self, sender_number: str) -> str | None:
        """Return what keeps a number from calling: halted, or resting after failures; None where nothing does."""
        return held_by(self._breakers.get(sender_number, Breaker()).state)

    def note_call(self, sender_number: str) -> None:
        """Take note that calls begin; of a number that is held it is the one trial."""
        breaker = self._breakers.get(sender_number)
        if breaker is not None:
            self._breakers[sender_number] = breaker.after_trial_began(self._units.clock.now())

    async def note(self, sender_number: str, answer: ProviderAnswer) -> None:
        """Take note of what a call met; a change of state is kept and told."""
        before = self._breakers.get(sender_number, Breaker())
        after = after_answer(before, answer, self._units.clock.now())
        if after == before:
            return
        self._breakers[sender_number] = after
        if (after.state, after.opens_at) == (before.state, before.opens_at):
            return
        self._measure()
        log.warning("number_health_changed", state=after.state, reason=after.reason, failures=after.failures)
        try:
            await self._keep(sender_number, after)
        except Fault as fault:  # the breaker in memory holds; only a restart now would forget it
            log.warning("number_health_not_kept", code=fault.code)

    async def note_receipts(self, changes: Sequence[Conclusion | None]) -> None:
        """Take note of what receipts say of numbers: a registration or account fault halts one as a refusal does."""
        for change in changes:
            if change is not None and change.number_fault is not None:
                await self.note(change.attempt.sender_number, change.number_fault)

    async def _keep(self, sender_number: str, breaker: Breaker) -> None:
        row = {
            "sender_number": sender_number,
            "state": breaker.state,
            "failures": breaker.failures,
            "reason": breaker.reason,
            "opens_at": breaker.opens_at,
        }
        await self._units.run(
            lambda uow: uow.db.upsert(number_health, [{**row, "changed_at": uow.now}]), WritePriority.OUTCOMES
        )
        self._kept[sender_number] = breaker

    def _measure(self) -> None:
        for state in (BreakerState.OPEN, BreakerState.HALTED):
            NUMBERS_HELD.labels(state).set(sum(breaker.state is state for breaker in self._breakers.values()))


def held_by(state: str) -> str | None:
    """Return the word for a number that does not call; None where it may."""
    return {BreakerState.HALTED: "sender_halted", BreakerState.OPEN: "number_paused"}.get(BreakerState(state))


def after_answer(breaker: Breaker, answer: ProviderAnswer, now: datetime) -> Breaker:
    """Return the breaker after a call: clear answers heal, silence wears, our own faults halt."""
    match answer:
        case NotSent(reason) if reason in _OURS:
            return breaker
        case NotSent(reason) | Unknown(reason):
            return breaker.after_failure(reason, now)
        case Refused() if answer.meaning.reaction is Reaction.HALT:
            return breaker.after_halt(answer.code, now)
        case Refused() if answer.meaning.reaction is Reaction.CAPPED:
            return breaker.after_cap(answer.code, now)
        case _:
            return breaker.after_answer()
