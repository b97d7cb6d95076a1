"""Retention: what has been kept long enough goes, once a day; the ledger and opt-outs never do.

Source: compliance section 3 (opt-outs never expire) and section 11 (verdicts five years); GDPR article 5(1)(e).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.compliance.rights import store as rights
from services.compliance.settings import ComplianceSettings
from services.compliance.tables import decisions, send_slots
from shared import ids
from shared.db.transaction import Lane
from shared.db.unit_of_work import UnitOfWork, Units

_DAY_SECONDS: Final = 86_400.0


def step_of(units: Units, settings: ComplianceSettings) -> Callable[[], Awaitable[float]]:
    """Return the step that prunes and says when to come again."""

    async def prune(uow: UnitOfWork) -> None:
        await rights.prune_exports(uow.db, uow.now - timedelta(days=settings.export_days))
        judged = uow.now - timedelta(days=settings.decision_days)
        old_verdict = sa.and_(decisions.c.follow_up_id < _first_id(judged), decisions.c.decided_at < judged)
        await uow.db.execute(sa.delete(decisions).where(old_verdict))
        counted = uow.now - timedelta(days=settings.history_days)
        went = sa.or_(send_slots.c.sent_at.is_(None), send_slots.c.sent_at < counted)
        old_slot = sa.and_(send_slots.c.follow_up_id < _first_id(counted), send_slots.c.reserved_at < counted, went)
        await uow.db.execute(sa.delete(send_slots).where(old_slot))

    async def step() -> float:
        await units.run(prune, Lane.BATCHES)
        return _DAY_SECONDS

    return step


def _first_id(at: datetime) -> UUID:
    """Return the lowest id a follow-up of an instant could have: ids rise with time, so the old ones are together."""
    return UUID(int=ids.milliseconds(at) << 80)
