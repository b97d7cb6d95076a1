"""Retention: once a day, old content is blanked, and much older follow-ups and runs are deleted, in slices.

Source: compliance section 11 (content 13 months, records five years); GDPR article 5(1)(e).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.scheduler.runs.conversations import REPLY_LIFE
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import (
    approvals,
    audit_tables,
    controls,
    enrollments,
    entries,
    follow_ups,
    recipients,
    state_changes,
    system_tables,
    triggers_seen,
)
from shared.db.audit_store import audit_bounds_of, audit_sweeps
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, kept_forever, removed_with_work, swept_after
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.ids import first_id
from shared.settings import CommonSettings
from shared.vocabulary.follow_up_states import ENDS

_DAY_SECONDS: Final = 86_400.0

BOUNDS: Final[Sequence[TableBound]] = (
    swept_after(
        follow_ups,
        "a follow-up",
        "FOLLOWUP_SCHEDULER_RECORD_DAYS after its end; its content CONTENT_DAYS",
    ),
    swept_after(state_changes, "a state of a follow-up", "as long as its follow-up"),
    swept_after(enrollments, "a run", "FOLLOWUP_SCHEDULER_RECORD_DAYS; longer while it has follow-ups"),
    swept_after(entries, "a recipient, flow and entry key", "FOLLOWUP_SCHEDULER_RECORD_DAYS after the latest run"),
    swept_after(triggers_seen, "a trigger of a recipient", "FOLLOWUP_SCHEDULER_LOOK_BACK_DAYS"),
    removed_with_work("scheduler_timers", "a follow-up that waits for a moment"),
    removed_with_work("scheduler_lines", "a due follow-up whose number is busy"),
    removed_with_work("scheduler_in_flight", "a release without an answer"),
    few_rows("scheduler_pending_counts", "a merchant, flow and partition"),
    swept_after(controls, "a control", "FOLLOWUP_SCHEDULER_RECORD_DAYS, once it is lifted"),
    swept_after(approvals, "a question for a second person", "FOLLOWUP_SCHEDULER_RECORD_DAYS after it was asked"),
    removed_with_work("scheduler_paused", "a due follow-up that waits for the end of a pause"),
    few_rows("scheduler_flow_files", "a flow that was ever in the merchant files"),
    few_rows("scheduler_flow_versions", "a version of a flow that was started"),
    kept_forever("scheduler_recipients", "a recipient", "withdrawals and erasures must outlive everything else"),
    few_rows("scheduler_closed_merchants", "a merchant that closed"),
    *audit_bounds_of(audit_tables),
    *bounds_of(system_tables),
)
"""Every table of the scheduler, and what bounds it."""


def sweeps(now: datetime, settings: SchedulerSettings) -> list[Sweep]:
    """Return what is blanked or deleted now, in order: states after their follow-ups, runs and entries last."""
    table = follow_ups.c
    written, recorded = now - CommonSettings().content_kept, now - timedelta(days=settings.record_days)
    ended = table.state.in_(sorted(ENDS))
    full = sa.and_(table.updated_at < written, ended, table.body.is_not(None))
    old = first_id(recorded)
    its_follow_up = sa.exists().where(table.id == state_changes.c.follow_up_id)
    of_the_run = (table.recipient_id == enrollments.c.recipient_id, table.enrollment_id == enrollments.c.id)
    return [
        Sweep(table.id, first_id(written), full, blank={"body": None, "contact": None, "facts": None}),
        Sweep(recipients.c.replied_at, now - REPLY_LIFE, recipients.c.contact.is_not(None), {"contact": None}),
        Sweep(triggers_seen.c.occurred_at, now - timedelta(days=settings.look_back_days)),
        Sweep(table.id, old, sa.and_(table.updated_at < recorded, ended)),
        Sweep(controls.c.id, old, sa.and_(controls.c.lifted_at.is_not(None), controls.c.open_work.is_(False))),
        Sweep(approvals.c.id, old),
        Sweep(state_changes.c.follow_up_id, old, ~its_follow_up),
        Sweep(enrollments.c.id, old, sa.and_(enrollments.c.entered_at < recorded, ~sa.exists().where(*of_the_run))),
        Sweep(entries.c.entered_at, recorded),
        *audit_sweeps(audit_tables, now),
    ]


async def prune(units: UnitOfWorkRunner, settings: SchedulerSettings) -> float:
    """Blank and delete what is old, and return the seconds until the next time."""
    await swept(units, sweeps(units.clock.now(), settings))
    return _DAY_SECONDS
