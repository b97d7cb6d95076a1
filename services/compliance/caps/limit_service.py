"""Limits that protect a merchant: texts to new people an hour, and a day's spending, counted in the unit that judges.

A limit on new people is asked only for follow-ups that could go otherwise, to people the merchant does not know.
Prices are known after the fact, so spending may exceed its limit by what was in flight.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from services.compliance import instruments
from services.compliance import store as recipients
from services.compliance.caps import store
from services.compliance.caps.limits import Budget, Newcomer, newcomer
from services.compliance.gate.inputs import Limit
from services.compliance.store import RecipientState
from shared import phone
from shared.config.directory import MerchantDirectory
from shared.config.limits import Limits
from shared.db.unit_of_work import UnitOfWork
from shared.events.dispatch import DispatchAccepted, DispatchUnknown
from shared.events.follow_up import FollowUpDue
from shared.ids import FollowUpId, MerchantId
from shared.phone import E164
from shared.privacy import Sealer
from shared.telemetry.logs import logger

KNOWN_AFTER: Final = timedelta(hours=24)
"""Once the ledger has held a permission for so long, its person is known: numbers of a flood have no such past."""
SHARES: Final = 64
"""Rows in which a merchant's spending is kept, so that processes seldom wait for each other."""
_WHOLE = (1 << 53) - 1

log = logger(__name__)


class LimitCandidate(NamedTuple):
    """A follow-up that could go, unless it meets a limit."""

    due: FollowUpDue
    person: RecipientState
    number: E164
    has_past: bool
    """Whether another text to this person was sent or is promised."""


@dataclass(frozen=True, slots=True)
class LimitService:
    """Counts against limits."""

    sealer: Sealer
    merchants: MerchantDirectory
    share: int
    """Which of the rows this process adds spending to."""

    def limits(self, merchant: MerchantId) -> Limits:
        """Return a merchant's limits; the defaults for one that has left the merchants folder."""
        found = self.merchants.get(merchant)
        return found.config.policies.limits if found is not None else Limits()

    async def waits(self, uow: UnitOfWork, candidates: Sequence[LimitCandidate]) -> dict[FollowUpId, Limit]:
        """Return which of these follow-ups have to wait, and count the others."""
        waits = await self._over_budget(uow, candidates)
        unknown = await _unknown_people(
            uow, [candidate for candidate in candidates if candidate.due.follow_up_id not in waits]
        )
        return waits | await self._over_the_hour(uow, unknown) if unknown else waits

    async def _over_budget(self, uow: UnitOfWork, candidates: Sequence[LimitCandidate]) -> dict[FollowUpId, Limit]:
        merchants = sorted({candidate.due.merchant_id for candidate in candidates})
        spent = await store.spent_today(uow.db, merchants, uow.now)
        budgets = {key: Budget.of(self.limits(key).spend) for key in merchants}
        waits: dict[FollowUpId, Limit] = {}
        for due in (candidate.due for candidate in candidates):
            budget, micros = budgets[due.merchant_id], spent[due.merchant_id]
            if micros >= budget.micros:
                limit = budget.limit(micros, due.purpose, uow.now)
                instruments.OVER_BUDGET.labels("waits" if limit else "goes").inc()
                if limit:
                    waits[due.follow_up_id] = limit
        return waits

    async def _over_the_hour(self, uow: UnitOfWork, unknown: Sequence[LimitCandidate]) -> dict[FollowUpId, Limit]:
        merchants = {candidate.due.merchant_id for candidate in unknown}
        tallies = await store.lock_tallies(uow.db, merchants, uow.now)
        before = {key: tally.held_since for key, tally in tallies.items()}
        limits = {key: self.limits(key) for key in tallies}
        found: dict[FollowUpId, Limit] = {}
        for candidate in unknown:
            merchant = candidate.due.merchant_id
            wait = tallies[merchant].ask(self._newcomer(candidate), limits[merchant], uow.now)
            if wait is not None:
                found[candidate.due.follow_up_id] = wait.limit
                instruments.NEW_PEOPLE_WAIT.labels(wait.bound).inc()
        await store.save_tallies(uow.db, tallies)
        for key in (key for key, tally in tallies.items() if tally.held_since != before[key]):
            instruments.RUNS_OF_NUMBERS.inc()
            log.warning(
                "neighbouring_numbers",
                merchant=key,
                effect="texts to new people wait",
                advice="look at who they are; `followup holds` shows the hold and `--release` ends it",
            )
        return found

    def _newcomer(self, candidate: LimitCandidate) -> Newcomer:
        due, number = candidate.due, candidate.number
        person = due.recipient_id.int & _WHOLE
        if phone.is_reserved(number):
            return Newcomer(person, None, key=due.asked_by)
        block = self.sealer.keyed_hash(f"block\x1f{due.merchant_id}\x1f{number[:-4]}")
        return newcomer(person, number, int.from_bytes(block[:8], "big"), due.asked_by)

    async def spend(self, uow: UnitOfWork, dispatches: Sequence[DispatchAccepted | DispatchUnknown]) -> None:
        """Add what texts cost to the day's spending."""
        costs: Counter[MerchantId] = Counter()
        for dispatch in dispatches:
            budget = Budget.of(self.limits(dispatch.merchant_id).spend)
            if isinstance(dispatch, DispatchAccepted):
                costs[dispatch.merchant_id] += budget.cost(dispatch.micros, dispatch.currency, dispatch.parts)
            else:
                costs[dispatch.merchant_id] += budget.estimate_micros
        await store.spend(uow.db, costs, self.share, uow.now)


async def _unknown_people(uow: UnitOfWork, candidates: Sequence[LimitCandidate]) -> list[LimitCandidate]:
    """Return those to people who were never texted, never wrote, and of whom the ledger knew nothing a day ago."""
    fresh = [
        candidate
        for candidate in candidates
        if not (candidate.has_past or candidate.person.texted_at or candidate.person.wrote_at)
    ]
    since = await recipients.known_since(uow.db, [candidate.due.recipient_id for candidate in fresh])
    known_before = uow.now - KNOWN_AFTER
    return [candidate for candidate in fresh if since.get(candidate.due.recipient_id, uow.now) > known_before]
