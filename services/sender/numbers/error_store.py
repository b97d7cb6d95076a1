"""Errors of calls by number and hour: which class a change of an attempt counts under, and the counts of a day."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.sender.queue.dispatches import Attempt
from services.sender.queue.states import AttemptState
from services.sender.tables import QUEUED, dispatches, number_errors
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.ids import MerchantId

KEPT: Final = timedelta(days=2)
"""Of the counts: the last 24 hours are shown."""
MOST_COUNTED: Final = 1000
"""How far the queue of a number is counted."""
UNANSWERED: Final = "unanswered"
NOT_SENT: Final = "not_sent"
_WAITING: Final = (
    sa.select(dispatches.c.follow_up_id)
    .where(QUEUED, dispatches.c.sender_number == sa.bindparam("sender_number"))
    .limit(MOST_COUNTED)
    .subquery()
)
_QUEUE: Final = sa.select(sa.func.count().label("n")).select_from(_WAITING)


def error_of(before: Attempt, after: Attempt) -> str | None:
    """Return the class of the error that a change of an attempt reveals; None where it reveals none."""
    if after.error_class is not None and after.error_class != before.error_class:
        return after.error_class
    if after.state is before.state:
        return None
    return {AttemptState.UNKNOWN: UNANSWERED, AttemptState.NOT_SENT: NOT_SENT}.get(after.state)


def count_errors(uow: UnitOfWork, changed: Sequence[tuple[Attempt, Attempt]]) -> None:
    """Count the errors that changes of attempts (before, after) reveal; written at the very end of the unit."""
    hour = uow.now.replace(minute=0, second=0, microsecond=0)
    for before, after in changed:
        if (error := error_of(before, after)) is not None:
            key = {
                "merchant_id": after.merchant_id,
                "sender_number": after.sender_number,
                "hour": hour,
                "error": error,
                "provider": after.provider,
            }
            uow.add_later(number_errors, key, "attempts", 1)


async def counted(db: Transaction, merchant: MerchantId, since: datetime) -> Counter[tuple[str, str, str]]:
    """Return a merchant's errors since an instant by number, provider and class."""
    wanted = sa.select(number_errors).where(number_errors.c.merchant_id == merchant, number_errors.c.hour >= since)
    found: Counter[tuple[str, str, str]] = Counter()
    for row in await db.rows(wanted):
        found[row["sender_number"], row["provider"], row["error"]] += row["attempts"]
    return found


async def queue_length(db: Transaction, sender_number: str) -> int:
    """Return how many texts wait for a number, at most `MOST_COUNTED`."""
    [row] = await db.rows(_QUEUE, {"sender_number": sender_number})
    return int(row["n"])
