"""Retention of the sender: which rows are deleted or blanked once a day, by which age and setting.

Source: compliance section 11 (the text 13 months, what was sent five years); GDPR article 5(1)(e).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.sender.engagement.attribution.store import TOUCHES_KEPT
from services.sender.engagement.links.store import LINK_LIFETIME
from services.sender.numbers.error_store import KEPT as ERRORS_KEPT
from services.sender.queue.states import UNANSWERED_STATES, DispatchState
from services.sender.settings import SenderSettings
from services.sender.tables import (
    attempts,
    audit_tables,
    clicks,
    controls,
    conversations,
    conversions,
    dispatches,
    number_errors,
    receipts,
    replies,
    short_links,
    system_tables,
    touches,
    unassigned_replies,
)
from shared.db.audit_store import audit_bounds_of, audit_sweeps
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, kept_forever, removed_with_work, swept_after
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.ids import first_id
from shared.settings import CommonSettings

CONTENT_DAYS: Final = "FOLLOWUP_SCHEDULER_CONTENT_DAYS"
TOMBSTONES_KEPT: Final = timedelta(days=30)
"""The log keeps a clearance seven days, and one is valid for ten minutes: after this, none can arrive."""
_DAY_SECONDS: Final = 86_400.0
_TOMBSTONE: Final = sa.and_(
    dispatches.c.state == DispatchState.CANCELLED, dispatches.c.sender_number.is_(None), dispatches.c.attempts == 0
)
"""Cancelled, and never cleared."""
_FINISHED: Final = dispatches.c.state.not_in([DispatchState.QUEUED, DispatchState.INTENT, DispatchState.UNKNOWN])
_CONCLUDED: Final = attempts.c.state.not_in(sorted(UNANSWERED_STATES))

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(touches, "a delivery or a person's click", f"{TOUCHES_KEPT.days} days"),
    swept_after(conversions, "a purchase that could be credited", "FOLLOWUP_SENDER_RECORD_DAYS"),
    swept_after(
        dispatches,
        "a cleared follow-up, or one cancelled before it was cleared",
        "FOLLOWUP_SENDER_RECORD_DAYS; one that was never cleared 30 days",
    ),
    swept_after(attempts, "a provider call", f"FOLLOWUP_SENDER_RECORD_DAYS; its text {CONTENT_DAYS}"),
    swept_after(receipts, "a callback", CONTENT_DAYS),
    swept_after(replies, "a reply", f"FOLLOWUP_SENDER_RECORD_DAYS; its text {CONTENT_DAYS}"),
    swept_after(
        conversations,
        "a person who has written",
        f"FOLLOWUP_SENDER_RECORD_DAYS after the last reply; the number {CONTENT_DAYS}",
    ),
    few_rows("sender_saved_answers", "an answer that a shop keeps, 100 at most"),
    swept_after(unassigned_replies, "a reply without a known recipient", CONTENT_DAYS),
    swept_after(short_links, "a link in a text", f"{LINK_LIFETIME.days} days"),
    swept_after(clicks, "a link, kind of visitor and minute", f"{LINK_LIFETIME.days} days"),
    removed_with_work("sender_in_flight", "a call without an answer"),
    kept_forever("sender_recipients", "a person", "the suppression must outlive everything else"),
    few_rows("sender_number_health", "a sender number"),
    swept_after(number_errors, "an hour of a number, and a class of error", f"{ERRORS_KEPT.days} days"),
    few_rows("sender_heard_until", "a sender number and its account"),
    swept_after(controls, "a control", "FOLLOWUP_SENDER_RECORD_DAYS, once it is lifted"),
    few_rows("sender_closed_merchants", "a merchant that has closed"),
    *audit_bounds_of(audit_tables),
    *bounds_of(system_tables),
)
"""Every table of the sender, and what bounds it."""


def sweeps(now: datetime, settings: SenderSettings) -> list[Sweep]:
    """Return what is deleted or blanked now: by which column of age, before when, and which rows."""
    content_before = now - CommonSettings().content_kept
    records_before = now - timedelta(days=settings.record_days)
    touches_before = now - TOUCHES_KEPT
    clicks_before = now - LINK_LIFETIME
    tombstones_before, changed_at = now - TOMBSTONES_KEPT, dispatches.c.changed_at
    return [
        Sweep(receipts.c.id, first_id(content_before)),
        Sweep(replies.c.received_at, content_before, replies.c.text.is_not(None), blank={"text": None}),
        Sweep(replies.c.received_at, records_before),
        Sweep(
            attempts.c.id,
            first_id(content_before),
            attempts.c.text.is_not(None) & (attempts.c.intent_at < content_before),
            blank={"text": None},
        ),
        Sweep(
            conversations.c.newest_at,
            content_before,
            conversations.c.contact.is_not(None) | conversations.c.assigned_to.is_not(None),
            blank={"contact": None, "assigned_to": None, "assignee_key": None},
        ),
        Sweep(conversations.c.newest_at, records_before),
        Sweep(unassigned_replies.c.received_at, content_before),
        Sweep(clicks.c.id, first_id(clicks_before), clicks.c.at < clicks_before),
        Sweep(short_links.c.expires_at, now),
        Sweep(touches.c.id, first_id(touches_before), touches.c.at < touches_before),
        Sweep(conversions.c.purchased_at, records_before),
        Sweep(dispatches.c.follow_up_id, first_id(tombstones_before), _TOMBSTONE & (changed_at < tombstones_before)),
        Sweep(dispatches.c.follow_up_id, first_id(records_before), _FINISHED & (changed_at < records_before)),
        Sweep(controls.c.id, first_id(records_before), controls.c.lifted_at.is_not(None)),
        Sweep(attempts.c.id, first_id(records_before), _CONCLUDED & (attempts.c.intent_at < records_before)),
        Sweep(number_errors.c.hour, now - ERRORS_KEPT),
        *audit_sweeps(audit_tables, now),
    ]


async def prune(units: UnitOfWorkRunner, settings: SenderSettings) -> float:
    """Delete what is old enough, and return the seconds until the next run."""
    await swept(units, sweeps(units.clock.now(), settings))
    return _DAY_SECONDS
