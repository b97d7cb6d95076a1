"""Retention: what old texts were made of goes, once a day and in slices; the texts themselves go years later.

Source: compliance section 11 (the text 13 months, what was sent five years); GDPR article 5(1)(e).
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import enrollments, entries, follow_ups, state_changes, system_tables, triggers_seen
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
        "a text",
        "FOLLOWUP_SCHEDULER_RECORD_DAYS after its end; its content CONTENT_DAYS",
    ),
    swept_after(state_changes, "a state of a text", "as long as its text"),
    swept_after(enrollments, "a run", "FOLLOWUP_SCHEDULER_RECORD_DAYS; longer while it has texts"),
    swept_after(entries, "a person, flow and entry key", "FOLLOWUP_SCHEDULER_RECORD_DAYS after the latest run"),
    swept_after(triggers_seen, "a thing that happened to a person", "FOLLOWUP_SCHEDULER_LOOK_BACK_DAYS"),
    removed_with_work("scheduler_timers", "a text that waits for a moment"),
    removed_with_work("scheduler_lines", "a text whose number is busy"),
    removed_with_work("scheduler_in_flight", "a text without an answer"),
    few_rows("scheduler_pending_counts", "a merchant and partition"),
    few_rows("scheduler_flow_versions", "a version of a flow that was started"),
    kept_forever("scheduler_recipients", "a person", "what they withdrew must outlive everything else"),
    few_rows("scheduler_closed_merchants", "a shop that left"),
    *bounds_of(system_tables),
)
"""Every table of the scheduler, and what keeps it from growing for ever."""


def sweeps(now: datetime, settings: SchedulerSettings) -> list[Sweep]:
    """Return what goes now, in this order: states follow their texts, runs and entries come last."""
    texts = follow_ups.c
    written, recorded = now - CommonSettings().content_kept, now - timedelta(days=settings.record_days)
    ended = texts.state.in_(sorted(ENDS))
    full = sa.and_(texts.updated_at < written, ended, texts.body.is_not(None))
    old = first_id(recorded)
    its_text = sa.exists().where(texts.id == state_changes.c.follow_up_id)
    of_the_run = (texts.recipient_id == enrollments.c.recipient_id, texts.enrollment_id == enrollments.c.id)
    return [
        Sweep(texts.id, first_id(written), full, blank={"body": None, "contact": None, "facts": None}),
        Sweep(triggers_seen.c.occurred_at, now - timedelta(days=settings.look_back_days)),
        Sweep(texts.id, old, sa.and_(texts.updated_at < recorded, ended)),
        Sweep(state_changes.c.follow_up_id, old, ~its_text),
        Sweep(enrollments.c.id, old, sa.and_(enrollments.c.entered_at < recorded, ~sa.exists().where(*of_the_run))),
        Sweep(entries.c.entered_at, recorded),
    ]


def step_of(units: UnitOfWorkRunner, settings: SchedulerSettings) -> Callable[[], Awaitable[float]]:
    """Return the step that prunes and says when to come again."""

    async def step() -> float:
        await swept(units, sweeps(units.clock.now(), settings))
        return _DAY_SECONDS

    return step
