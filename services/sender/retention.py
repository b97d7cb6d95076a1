"""Retention: what nobody may need any more goes, once a day."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.sender.attribution import store as attribution
from services.sender.links import store as links
from services.sender.tables import receipts, replies
from shared import ids
from shared.db.transaction import Lane
from shared.db.unit_of_work import UnitOfWork, Units

KEPT: Final = timedelta(days=396)
"""Texts and raw callbacks stay 13 months (compliance section 11); hashes, states and decisions stay."""
_DAY_SECONDS: Final = 86_400.0


class Retention:
    """Prunes the sender's tables."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def step(self) -> float:
        """Prune, and return the seconds until the next time."""
        await self._units.run(_prune, Lane.BATCHES)
        return _DAY_SECONDS


async def _prune(uow: UnitOfWork) -> None:
    oldest = uow.now - KEPT
    await uow.db.execute(sa.delete(receipts).where(receipts.c.id < _first_id(oldest)))
    await uow.db.execute(
        sa.update(replies).where(replies.c.received_at < oldest, replies.c.text.is_not(None)).values(text=None)
    )
    await links.prune(uow)
    await attribution.prune(uow)


def _first_id(at: datetime) -> UUID:
    """Return the lowest id that could have been minted at an instant: ids rise with time."""
    return UUID(int=ids.milliseconds(at) << 80)
