"""The ledger checked by HTTP, some days at a time, the newest first."""

from datetime import UTC, date, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.compliance.ledger.day_check import DayCheck, DayState, checked
from services.compliance.ledger.day_store import days_entries, newest_signed_day, root_of
from shared.clock import Clock
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.http.problems import unprocessable
from shared.http.strict_json import StrictRoute
from shared.ids import MerchantId
from shared.instants import Day
from shared.worker_thread import in_worker_thread

MOST_DAYS: Final = 31
"""Days that one request checks."""
MOST_ENTRIES: Final = 5_000
"""Entries that one request reads."""
_ENTRY_BYTES: Final = 1_000
_DAY: Final = timedelta(days=1)


class CheckedDay(BaseModel):
    """A day in UTC with entries or a root."""

    day: date
    state: DayState = Field(description="`too_large`: more entries than a request reads; `followup ledger verify`.")
    entries: int
    problems: list[str]
    signed_by: str | None = Field(description="The public key that its root names.")


class CheckedDays(BaseModel):
    """Days that were checked, the newest first; `next_to` goes on, and is null once `from` was reached."""

    days: list[CheckedDay]
    next_to: date | None


def create_router(units: UnitOfWorkRunner) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["consent"], route_class=StrictRoute)

    @router.get("/v1/consents/verification", summary="Check the ledger's chains, daily roots and signatures")
    async def verified(
        caller: Annotated[Caller, Depends(requires("consents:read"))],
        since: Annotated[Day | None, Query(alias="from", description="The first day; 30 days ago.")] = None,
        until: Annotated[Day | None, Query(alias="to", description="The last day, included; today.")] = None,
    ) -> CheckedDays:
        """Check days of the ledger, the newest first: up to 31 days or 5,000 entries at once."""
        last = until or _today(units.clock)
        first = since or last - 30 * _DAY
        if last < first:
            raise unprocessable("to", "the last day is before the first")
        return await _checked(units, caller.merchant.id, first, last)

    return router


async def _checked(units: UnitOfWorkRunner, merchant: MerchantId, first: date, last: date) -> CheckedDays:
    """Return the days from `last` backwards, until one would read too much."""
    days: list[CheckedDay] = []
    day, left = last, MOST_ENTRIES
    for _ in range(MOST_DAYS):
        if day < first:
            return CheckedDays(days=days, next_to=None)
        found = await _one(units, merchant, day, left)
        if found is not None and found.state is DayState.TOO_LARGE and left < MOST_ENTRIES:
            break
        if found is not None:
            days.append(found)
            left -= found.entries
        day -= _DAY
        if left <= 0:
            break
    return CheckedDays(days=days, next_to=day if day >= first else None)


async def _one(units: UnitOfWorkRunner, merchant: MerchantId, day: date, most: int) -> CheckedDay | None:
    """Return how a day stands; None if it has neither entries nor a root."""

    async def read(db: Transaction) -> CheckedDay | None:
        entries, root = await days_entries(db, merchant, day, most + 1), await root_of(db, merchant, day)
        if not entries and root is None:
            return None
        key = root.public_key if root else None
        if len(entries) > most:
            return CheckedDay(day=day, state=DayState.TOO_LARGE, entries=most, problems=[], signed_by=key)
        signed = await newest_signed_day(db, merchant)
        must = signed is not None and day.isoformat() < signed

        def judge() -> DayCheck:
            return checked(merchant, day.isoformat(), entries, root, must_be_signed=must)

        found = await in_worker_thread(judge, len(entries) * _ENTRY_BYTES)
        return CheckedDay(day=day, state=found.state, entries=found.entries, problems=[*found.problems], signed_by=key)

    return await units.read(read)


def _today(clock: Clock) -> date:
    return clock.now().astimezone(UTC).date()
