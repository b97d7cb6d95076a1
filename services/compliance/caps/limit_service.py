"""Bounds for everybody's sake: texts to new people and a day's spending, counted in the unit that judges.

A merchant's row of new people is held until the commit, so that two processes never both see the last place. It is
touched only for texts that could otherwise go, to people nobody knows. Spending is added up from a few rows a
merchant, each written by few processes; prices are known after the fact, so the bound is passed by what is in flight.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from services.compliance import instruments, store
from services.compliance.caps.limits import (
    Budget,
    Newcomer,
    NewPeople,
    RememberedNewcomer,
    Tally,
    day_of,
    hour_of,
    newcomer,
    packed,
    unpacked,
)
from services.compliance.gate.inputs import Limit
from services.compliance.store import RecipientState
from services.compliance.tables import newcomers, spending
from shared import phone
from shared.config.directory import MerchantDirectory
from shared.config.limits import Limits, in_micros
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.dispatch import DispatchAccepted, DispatchUnknown
from shared.events.follow_up import FollowUpDue
from shared.ids import FollowUpId, MerchantId
from shared.phone import E164
from shared.privacy import Sealer
from shared.telemetry.logs import logger

KNOWN_AFTER: Final = timedelta(hours=24)
"""A permission that the ledger has held so long makes its person known: a flood has no such past."""
SHARES: Final = 64
"""Rows in which a merchant's spending is kept."""
_WHOLE = (1 << 53) - 1

log = logger(__name__)


class LimitCandidate(NamedTuple):
    """A text that could go, if there is room."""

    due: FollowUpDue
    person: RecipientState
    number: E164
    has_past: bool
    """Whether another text to this person went or is promised."""


@dataclass(frozen=True, slots=True)
class LimitService:
    """What counting needs besides the events."""

    sealer: Sealer
    merchants: MerchantDirectory
    share: int
    """Which of the rows this process adds spending to."""

    def limits(self, merchant: MerchantId) -> Limits:
        """Return a merchant's limits; one that has left its folder has those of everybody."""
        found = self.merchants.get(merchant)
        return found.config.policies.limits if found is not None else Limits()

    async def waits(self, uow: UnitOfWork, asked: Sequence[LimitCandidate]) -> dict[FollowUpId, Limit]:
        """Return which of these texts have to wait, and count those that need not."""
        over = await self._over_budget(uow, asked)
        found = {key: limit for key, limit in over.items() if limit is not None}
        fresh = await _unknown_people(uow, [each for each in asked if each.due.follow_up_id not in found])
        if fresh:
            found |= await self._over_the_hour(uow, fresh)
        return found

    async def _over_budget(self, uow: UnitOfWork, asked: Sequence[LimitCandidate]) -> dict[FollowUpId, Limit | None]:
        spent = await spent_today(uow.db, sorted({each.due.merchant_id for each in asked}), uow.now)
        passed = {key for key, micros in spent.items() if budget_of(self.limits(key)).is_passed(micros)}
        found: dict[FollowUpId, Limit | None] = {}
        for due in (each.due for each in asked if each.due.merchant_id in passed):
            limit = budget_of(self.limits(due.merchant_id)).limit(spent[due.merchant_id], due.purpose, uow.now)
            found[due.follow_up_id] = limit
            instruments.OVER_BUDGET.labels("waits" if limit else "goes").inc()
        return found

    async def _over_the_hour(self, uow: UnitOfWork, fresh: Sequence[LimitCandidate]) -> dict[FollowUpId, Limit]:
        tallies = await _held_tallies(uow, {each.due.merchant_id for each in fresh})
        before = {key: tally.held_since for key, tally in tallies.items()}
        bounds = {key: new_people_of(self.limits(key)) for key in tallies}
        found: dict[FollowUpId, Limit] = {}
        for each in fresh:
            merchant = each.due.merchant_id
            wait = tallies[merchant].ask(self._newcomer(each), bounds[merchant], uow.now)
            if wait is not None:
                found[each.due.follow_up_id] = wait.limit
                instruments.NEW_PEOPLE_WAIT.labels(wait.bound).inc()
        await uow.db.change(newcomers, [_row(key, tally) for key, tally in tallies.items()])
        for key in (key for key, tally in tallies.items() if tally.held_since != before[key]):
            instruments.RUNS_OF_NUMBERS.inc()
            log.warning(
                "neighbouring_numbers",
                merchant=key,
                effect="texts to new people wait",
                advice="look at who they are; `followup holds` shows the hold and `--release` ends it",
            )
        return found

    def _newcomer(self, asked: LimitCandidate) -> Newcomer:
        person = asked.due.recipient_id.int & _WHOLE
        if phone.is_nobodys(asked.number):
            return Newcomer(person, None, key=asked.due.asked_by)
        block = self.sealer.keyed_hash(f"block\x1f{asked.due.merchant_id}\x1f{asked.number[:-4]}")
        return newcomer(person, asked.number, int.from_bytes(block[:8], "big"), asked.due.asked_by)

    async def spend(self, uow: UnitOfWork, texts: Sequence[DispatchAccepted | DispatchUnknown]) -> None:
        """Add what texts cost to the day."""
        costs: Counter[MerchantId] = Counter()
        for text in texts:
            budget = budget_of(self.limits(text.merchant_id))
            if isinstance(text, DispatchAccepted):
                costs[text.merchant_id] += budget.cost(text.micros, text.currency, text.parts)
            else:
                costs[text.merchant_id] += budget.estimate_micros
        day = day_of(uow.now)
        await uow.db.upsert(
            spending,
            [{"merchant_id": key, "day": day, "share": self.share, "micros": costs[key]} for key in sorted(costs)],
            add=("micros",),
        )


def budget_of(limits: Limits) -> Budget:
    """Return a merchant's budget in millionths."""
    spend = limits.spend
    return Budget(
        spend.currency, in_micros(spend.per_day), in_micros(spend.hard_per_day), in_micros(spend.estimate_per_part)
    )


def new_people_of(limits: Limits) -> NewPeople:
    """Return a merchant's bounds on new people."""
    return NewPeople(
        limits.new_people_per_hour,
        limits.new_people_per_key_per_hour,
        limits.new_people_per_prefix_per_hour,
        limits.adjacent_numbers,
    )


async def spent_today(db: Transaction, merchants: Sequence[MerchantId], now: datetime) -> dict[MerchantId, int]:
    """Return what these merchants' texts have cost since midnight UTC, in millionths."""
    spent = dict.fromkeys(merchants, 0)
    day = day_of(now)
    for row in await db.fetch_keys(spending, [{"merchant_id": key, "day": day} for key in merchants]):
        spent[MerchantId(row["merchant_id"])] += row["micros"]
    return spent


async def tally_of(db: Transaction, merchant: MerchantId, *, now: datetime, is_held: bool = False) -> Tally:
    """Return what a merchant's new people add up to; `is_held` keeps the row until the commit."""
    rows = await db.fetch(newcomers, "merchant_id", [merchant], lock="update" if is_held else None)
    return _tally(rows[0]) if rows else Tally(hour_of(now))


async def held_merchants(db: Transaction, most: int) -> list[str]:
    """Return merchants whose texts to new people are held, the first of them by name."""
    held = sa.select(newcomers.c.merchant_id).where(newcomers.c.held_since.is_not(None))
    return [row["merchant_id"] for row in await db.rows(held.order_by(newcomers.c.merchant_id).limit(most))]


async def release(db: Transaction, merchant: MerchantId, now: datetime) -> datetime | None:
    """Let a merchant's texts to new people go again, and return since when they were held."""
    tally = await tally_of(db, merchant, now=now, is_held=True)
    since = tally.held_since
    if since is not None:
        tally.release()
        await db.change(newcomers, [_row(merchant, tally)])
    return since


async def _unknown_people(uow: UnitOfWork, asked: Sequence[LimitCandidate]) -> list[LimitCandidate]:
    """Return the texts to people who were never texted, never wrote, and of whom the ledger knew nothing a day ago."""
    fresh = [each for each in asked if not (each.has_past or each.person.texted_at or each.person.wrote_at)]
    since = await store.known_since(uow.db, [each.due.recipient_id for each in fresh])
    known_before = uow.now - KNOWN_AFTER
    return [each for each in fresh if since.get(each.due.recipient_id, uow.now) > known_before]


async def _held_tallies(uow: UnitOfWork, merchants: set[MerchantId]) -> dict[MerchantId, Tally]:
    """Return the tallies of merchants, held until the commit; rows are added before any is locked, in order."""
    wanted = sorted(merchants)
    known = {row["merchant_id"] for row in await uow.db.fetch(newcomers, "merchant_id", wanted, columns=_KEY)}
    missing = [key for key in wanted if key not in known]
    await uow.db.insert_new(newcomers, [_row(key, Tally(hour_of(uow.now))) for key in missing])
    rows = await uow.db.fetch(newcomers, "merchant_id", wanted, lock="update")
    return {MerchantId(row["merchant_id"]): _tally(row) for row in rows}


_KEY = ("merchant_id",)


def _tally(row: Row) -> Tally:
    return Tally(
        row["hour"],
        row["asked"],
        Counter(row["by_key"]),
        unpacked(bytes(row["by_prefix"])),
        deque(RememberedNewcomer(at, person, tuple(blocks)) for at, person, *blocks in row["recent"]),
        row["held_since"],
    )


def _row(merchant: MerchantId, tally: Tally) -> dict[str, Any]:
    return {
        "merchant_id": merchant,
        "hour": tally.hour,
        "asked": tally.asked,
        "by_key": dict(tally.by_key),
        "by_prefix": packed(tally.by_prefix),
        "recent": [[each.at_seconds, each.person, *each.blocks] for each in tally.recent],
        "held_since": tally.held_since,
    }
