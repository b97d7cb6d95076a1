"""Holds back texts that news may speak against: what was committed elsewhere and did not reach us yet (promise P6)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from services.scheduler import instruments
from services.scheduler.lifecycle.transitions import earliest
from services.scheduler.store import FollowUp, timer
from services.scheduler.tables import follow_ups, timers
from shared.bus.read_progress import NewsWait, Unread
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Purpose
from shared.ids import FollowUpId
from shared.vocabulary.purposes import ANSWER_PURPOSES

TRANSACTIONAL_SECONDS: Final = 60.0
"""Longer than this, what is no marketing does not wait for news of which nobody knows whether there is any."""
_SHORTEST: Final = timedelta(seconds=0.5)
_LONGEST: Final = timedelta(seconds=10)
_SHARE: Final = 3
"""A text that has waited long is looked at less often: a long outage must not keep everybody busy."""


async def hold_for_news(uow: UnitOfWork, texts: Collection[FollowUp], news: Unread) -> set[FollowUpId]:
    """Give each text that must wait for news a new timer, say why where people look, and return them.

    Their timers fired, or they stood in line. The state does not change, so nothing is announced.
    """
    held = [(text, why) for text in texts if (why := why_held(text, news)) is not None]
    places = [(text, why, earliest(look_again_at(text.due_at, uow.now), text.expires_at)) for text, why in held]
    await uow.db.change(follow_ups, [{"id": text.id, "timer_at": at, "reason": why.value} for text, why, at in places])
    await uow.db.insert_new(timers, [timer(text, at, "due") for text, _, at in places])
    for _, why in held:
        instruments.WAITING_FOR_NEWS.labels(why.value).inc()
    return {text.id for text, _ in held}


def why_held(text: FollowUp, news: Unread) -> NewsWait | None:
    """Return why a text must wait; answers to people who just wrote never do."""
    if text.purpose in ANSWER_PURPOSES:
        return None
    if text.purpose is Purpose.MARKETING:
        return news.why_waits(text.recipient_id)
    return news.why_waits(text.recipient_id, at_most_seconds=TRANSACTIONAL_SECONDS)


def look_again_at(due_at: datetime, now: datetime) -> datetime:
    """Return when to look at a held text again."""
    return now + min(_LONGEST, max(_SHORTEST, (now - due_at) / _SHARE))
