"""Retention: what old texts were made of goes, once a day; their states and guards stay.

Source: compliance section 11 (the text 13 months); GDPR article 5(1)(e).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.scheduler.domain.states import ENDS
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import follow_ups, triggers_seen
from shared import ids
from shared.db.transaction import Lane
from shared.db.unit_of_work import UnitOfWork, Units

_DAY_SECONDS: Final = 86_400.0


def step_of(units: Units, settings: SchedulerSettings) -> Callable[[], Awaitable[float]]:
    """Return the step that prunes and says when to come again."""

    async def prune(uow: UnitOfWork) -> None:
        written = uow.now - timedelta(days=settings.content_days)
        table = follow_ups.c
        ended = table.state.in_(sorted(ENDS))
        old = sa.and_(table.id < _first_id(written), table.updated_at < written, ended, table.body.is_not(None))
        await uow.db.execute(sa.update(follow_ups).where(old).values(body=None, contact=None, facts=None))
        seen = uow.now - timedelta(days=settings.look_back_days)
        await uow.db.execute(sa.delete(triggers_seen).where(triggers_seen.c.occurred_at < seen))

    async def step() -> float:
        await units.run(prune, Lane.BATCHES)
        return _DAY_SECONDS

    return step


def _first_id(at: datetime) -> UUID:
    """Return the lowest id a follow-up of an instant could have: ids rise with time, so the old ones are together."""
    return UUID(int=ids.milliseconds(at) << 80)
