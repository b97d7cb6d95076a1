"""Retention: what nobody may need any more goes, once a day, in slices.

Source: compliance section 11 (the text 13 months, what was sent five years); GDPR article 5(1)(e).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.sender.engagement.attribution.store import TOUCHES_KEPT
from services.sender.engagement.attribution.tables import conversions, touches
from services.sender.engagement.links.store import LINK_LIFETIME
from services.sender.engagement.links.tables import clicks, short_links
from services.sender.queue.states import AttemptState, DispatchState
from services.sender.settings import SenderSettings
from services.sender.tables import attempts, dispatches, receipts, replies, system_tables, unassigned_replies
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, kept_forever, removed_with_work, swept_after
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.ids import first_id
from shared.settings import CommonSettings

CONTENT_DAYS: Final = "FOLLOWUP_SCHEDULER_CONTENT_DAYS"
TOMBSTONES_KEPT: Final = timedelta(days=30)
"""The log keeps a clearance seven days, and one is good for ten minutes: after this none can come any more."""
_DAY_SECONDS: Final = 86_400.0

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(touches, "a delivery or a person's click", f"{TOUCHES_KEPT.days} days"),
    swept_after(conversions, "a purchase that could be credited", "FOLLOWUP_SENDER_RECORD_DAYS"),
    swept_after(
        dispatches,
        "a text that was cleared, or called off before",
        "FOLLOWUP_SENDER_RECORD_DAYS; one that was never cleared 30 days",
    ),
    swept_after(attempts, "a provider call", "FOLLOWUP_SENDER_RECORD_DAYS"),
    swept_after(receipts, "a callback", CONTENT_DAYS),
    swept_after(replies, "a reply", f"FOLLOWUP_SENDER_RECORD_DAYS; its text {CONTENT_DAYS}"),
    swept_after(unassigned_replies, "a reply that names nobody we can find", CONTENT_DAYS),
    swept_after(short_links, "a link in a text", f"{LINK_LIFETIME.days} days"),
    swept_after(clicks, "a link, sort of visitor and minute", f"{LINK_LIFETIME.days} days"),
    removed_with_work("sender_in_flight", "a call without an answer"),
    kept_forever("sender_recipients", "a person", "the suppression must outlive everything else"),
    few_rows("sender_number_health", "a sender number"),
    few_rows("sender_heard_until", "a sender number and its account"),
    few_rows("sender_closed_merchants", "a shop that left"),
    *bounds_of(system_tables),
)
"""Every table of the sender, and what keeps it from growing for ever."""


def sweeps(now: datetime, settings: SenderSettings) -> list[Sweep]:
    """Return what goes now."""
    oldest, recorded = now - CommonSettings().content_kept, now - timedelta(days=settings.record_days)
    untouched, followed = now - TOUCHES_KEPT, now - LINK_LIFETIME
    buried = now - TOMBSTONES_KEPT
    never_cleared = sa.and_(
        dispatches.c.state == DispatchState.CANCELLED.value,
        dispatches.c.sender_number.is_(None),
        dispatches.c.attempts == 0,
        dispatches.c.changed_at < buried,
    )
    under_way = [DispatchState.QUEUED.value, DispatchState.INTENT.value, DispatchState.UNKNOWN.value]
    over = sa.and_(dispatches.c.state.not_in(under_way), dispatches.c.changed_at < recorded)
    unanswered = [AttemptState.INTENT.value, AttemptState.UNKNOWN.value]
    concluded = sa.and_(attempts.c.state.not_in(unanswered), attempts.c.intent_at < recorded)
    return [
        Sweep(receipts.c.id, first_id(oldest)),
        Sweep(replies.c.received_at, oldest, replies.c.text.is_not(None), blank={"text": None}),
        Sweep(replies.c.received_at, recorded),
        Sweep(unassigned_replies.c.received_at, oldest),
        Sweep(clicks.c.id, first_id(followed), clicks.c.at < followed),
        Sweep(short_links.c.expires_at, now),
        Sweep(touches.c.id, first_id(untouched), touches.c.at < untouched),
        Sweep(conversions.c.purchased_at, recorded),
        Sweep(dispatches.c.follow_up_id, first_id(buried), never_cleared),
        Sweep(dispatches.c.follow_up_id, first_id(recorded), over),
        Sweep(attempts.c.id, first_id(recorded), concluded),
    ]


class Retention:
    """Prunes the sender's tables."""

    def __init__(self, units: UnitOfWorkRunner, settings: SenderSettings) -> None:
        self._units = units
        self._settings = settings

    async def step(self) -> float:
        """Prune, and return the seconds until the next time."""
        await swept(self._units, sweeps(self._units.clock.now(), self._settings))
        return _DAY_SECONDS
