"""The routes of holds: what limits a merchant's texts to new people now, and the release of a hold."""

from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.compliance.caps import store
from services.compliance.caps.limits import hour_of, next_day
from services.compliance.gate.evaluation import rfc3339
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.config.limits import Limits
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem
from shared.http.strict_json import StrictRoute
from shared.ids import MerchantId
from shared.money import MICROS
from shared.telemetry.logs import logger

_LOOK_SECONDS = 5.0
_MOST_NAMED = 20

log = logger(__name__)


class HeldMerchants:
    """Which merchants' texts to new people are held; asks the database at most every few seconds."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._known: str | None = None
        self._looked_at = float("-inf")

    async def worry(self) -> str | None:
        """Return who is held, for an operator; the last known answer while the database does not respond."""
        now = self._units.clock.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return self._known
        self._looked_at = now
        with suppress(Fault):
            names = await self._units.read(lambda db: store.held_merchants(db, _MOST_NAMED))
            who = ", ".join(names)
            self._known = (
                f"texts to new people are held: {who}; see docs/runbooks/texts-to-strangers.md" if who else None
            )
        return self._known


def create_router(units: UnitOfWorkRunner, audit: AuditLog) -> APIRouter:
    """Return the routes of holds."""
    router = APIRouter(tags=["gate"], route_class=StrictRoute)

    @router.get(
        "/v1/holds", summary="Show what limits texts to new people and the day's spending, and which limit is met"
    )
    async def holds(caller: Annotated[Caller, Depends(requires("holds:read"))]) -> dict[str, Any]:
        limits, now = caller.merchant.config.policies.limits, units.clock.now()
        return await units.read(lambda db: _answer(db, caller.merchant.id, limits, now))

    @router.post("/v1/holds/release", summary="Release texts to new people that neighbouring numbers held")
    async def release(caller: Annotated[Caller, Depends(requires("holds:write"))]) -> dict[str, Any]:
        async def work(uow: UnitOfWork) -> dict[str, Any]:
            since = await store.release(uow.db, caller.merchant.id, uow.now)
            if since is None:
                raise HTTPProblem(HTTPStatus.CONFLICT, "nothing_held", "no run of neighbouring numbers holds any text")
            subject = AuditSubject(AuditSubjectKind.MERCHANT, caller.merchant.id)
            audit.record(uow, caller.actor, Deed(caller.merchant.id, AuditAction.HOLD_RELEASED, subject))
            return {"held_since": rfc3339(since), "released_at": rfc3339(uow.now)}

        answer = await units.run(work, WritePriority.STOP)
        log.warning("hold_released", merchant=caller.merchant.id, by=caller.key_id, held_since=answer["held_since"])
        return answer

    return router


async def _answer(db: Transaction, merchant: MerchantId, limits: Limits, now: datetime) -> dict[str, Any]:
    tally = await store.tally_of(db, merchant, now=now)
    spent = (await store.spent_today(db, [merchant], now))[merchant]
    is_this_hour = tally.hour == hour_of(now)
    return {
        "neighbouring_numbers": {
            "held_since": None if tally.held_since is None else rfc3339(tally.held_since),
            "of_the_last": len(tally.recent),
            "most": limits.adjacent_numbers,
        },
        "new_people": {
            "this_hour": tally.asked if is_this_hour else 0,
            "per_hour": limits.new_people_per_hour,
            "by_key": dict(tally.by_key) if is_this_hour else {},
            "per_key_per_hour": limits.new_people_per_key_per_hour,
            "per_prefix_per_hour": limits.new_people_per_prefix_per_hour,
        },
        "spend": {
            "currency": limits.spend.currency,
            "today": f"{spent // MICROS}.{spent % MICROS:06d}",
            "per_day": str(limits.spend.per_day),
            "hard_per_day": str(limits.spend.hard_per_day),
            "until": rfc3339(next_day(now)),
        },
    }
