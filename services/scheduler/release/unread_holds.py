"""Holds due follow-ups while events that may cancel them are committed elsewhere and not read here (promise P6)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from services.scheduler import instruments, store
from services.scheduler.lifecycle.follow_up import FollowUp
from shared.bus.read_progress import UnreadEvents, UnreadReason
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Purpose
from shared.ids import FollowUpId
from shared.vocabulary.purposes import ANSWER_PURPOSES

TRANSACTIONAL_SECONDS: Final = 60.0
"""After this long, only marketing still waits where it is unknown whether there are unread events."""
_SHORTEST: Final = timedelta(seconds=0.5)
_LONGEST: Final = timedelta(seconds=10)
_WAIT_FRACTION: Final = 3
"""Each wait is this part of the time already waited, so that a long outage does not keep the loop busy."""


async def hold_for_unread(uow: UnitOfWork, releasing: Iterable[FollowUp], unread: UnreadEvents) -> set[FollowUpId]:
    """Give each follow-up that must wait for unread events a new timer with the reason, and return their ids.

    Their timers fired, or they were queued. The state does not change, so no event is published.
    """
    held = []
    for follow_up in releasing:
        if (reason := why_held(follow_up, unread)) is not None:
            held.append(follow_up.waiting(check_again_at(follow_up.due_at, uow.now), reason.value))
            instruments.RELEASE_WAITS.labels(reason.value).inc()
    await store.save_waits(uow.db, held)
    return {follow_up.id for follow_up in held}


def why_held(follow_up: FollowUp, unread: UnreadEvents) -> UnreadReason | None:
    """Return why a follow-up must wait; answers to HELP and STOP never do."""
    if follow_up.purpose in ANSWER_PURPOSES:
        return None
    if follow_up.purpose is Purpose.MARKETING:
        return unread.why_waits(follow_up.recipient_id)
    return unread.why_waits(follow_up.recipient_id, at_most_seconds=TRANSACTIONAL_SECONDS)


def check_again_at(due_at: datetime, now: datetime) -> datetime:
    """Return when to look at a held follow-up again."""
    return now + min(_LONGEST, max(_SHORTEST, (now - due_at) / _WAIT_FRACTION))
