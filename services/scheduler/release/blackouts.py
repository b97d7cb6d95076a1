"""Keeps due follow-ups whose merchant has a blackout, until it is over."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from services.scheduler import store
from services.scheduler.lifecycle.follow_up import FollowUp
from shared.config.directory import MerchantDirectory
from shared.db.unit_of_work import UnitOfWork
from shared.ids import FollowUpId
from shared.progress import BLACKOUT

_LOOK_AGAIN: Final = timedelta(hours=6)
"""A blackout may be shortened or taken back while texts wait for its end."""


async def wait_for_blackouts(uow: UnitOfWork, due: Iterable[FollowUp], merchants: MerchantDirectory) -> set[FollowUpId]:
    """Give each due follow-up that is under a blackout a new timer, and return their ids.

    Their timers fired, or they were queued. The state does not change, so no event is published.
    """
    waiting = []
    for follow_up in due:
        merchant = merchants.get(follow_up.merchant_id)
        if merchant is None or not follow_up.is_pending:
            continue
        end = merchant.config.blackout_end(follow_up.purpose, uow.now)
        if end is not None:
            waiting.append(follow_up.waiting(min(end, uow.now + _LOOK_AGAIN), BLACKOUT))
    await store.save_waits(uow.db, waiting)
    return {follow_up.id for follow_up in waiting}
