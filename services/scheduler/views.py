"""What is shown of follow-ups and runs over HTTP. Each view sees one merchant only."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.scheduler import view_store as store
from services.scheduler.api_models import (
    ChangeAnswer,
    FollowUpAnswer,
    FollowUpPage,
    FollowUpStory,
    RunAnswer,
    RunPage,
    WaitsForAnswer,
)
from services.scheduler.controls import store as control_store
from services.scheduler.lifecycle.follow_up import earliest
from services.scheduler.release.due_timers import DUE
from services.scheduler.runs.plan import follow_up_id
from services.scheduler.runs.versions import Versions
from shared.config.merchant import MerchantConfig
from shared.db.transaction import Row, Transaction
from shared.http.problems import unprocessable
from shared.http.progress import ProgressAnswer
from shared.ids import MerchantId, RecipientId
from shared.progress import BLACKOUT, EARLIER_TEXT, TEXTS_PAUSED, Progress, ProgressFacts, WaitsFor, progress_of
from shared.vocabulary.follow_up_states import RUNNING, FollowUpState

LARGEST_PAGE = 200
_RUNS_LOOKED_AT = 1000
"""A page filtered by flow or state reads at most this many runs, and its cursor says where to continue."""


@dataclass(frozen=True, slots=True)
class ViewContext:
    """Which merchant asks, and when."""

    merchant: MerchantId
    config: MerchantConfig
    now: datetime


async def answers_of(db: Transaction, rows: Sequence[Row], context: ViewContext) -> list[FollowUpAnswer]:
    """Return the state of follow-ups, and what each waits for."""
    due = [row for row in rows if row["state"] == FollowUpState.PENDING and row["due_at"] <= context.now]
    queued = await store.queued(db, due)
    control_of = await control_store.controls_of(db, [row["id"] for row in due if row["reason"] == TEXTS_PAUSED])
    return [_answer_of(row, context, control_of.get(row["id"]), is_queued=row["id"] in queued) for row in rows]


def _answer_of(
    row: Row, context: ViewContext, control: tuple[UUID, datetime] | None, *, is_queued: bool
) -> FollowUpAnswer:
    zone = ZoneInfo(row["time_zone"])
    progress = progress_of(_progress_facts(row, context, is_queued=is_queued), context.now)
    return FollowUpAnswer(
        follow_up_id=row["id"],
        due_local=row["due_at"].astimezone(zone).isoformat(),
        progress=ProgressAnswer(**asdict(progress)),
        waits_for=_waits_for(row, progress, control),
        **{name: row[name] for name in FollowUpAnswer.model_fields if name not in store.COMPUTED},
    )


def _waits_for(row: Row, progress: Progress, control: tuple[UUID, datetime] | None) -> WaitsForAnswer | None:
    """Return what a due follow-up waits for, and since when."""
    if control is not None:
        return WaitsForAnswer(kind="control", id=str(control[0]), since=max(control[1], row["due_at"]))
    if progress.waits_for == EARLIER_TEXT:
        return WaitsForAnswer(kind="earlier_text", id=None, since=row["due_at"])
    if progress.waits_for == WaitsFor.NUMBER_BUSY:
        return WaitsForAnswer(kind="number", id=row["sender_number"], since=row["due_at"])
    return None


def _progress_facts(row: Row, context: ViewContext, *, is_queued: bool) -> ProgressFacts:
    """Return what the scheduler knows: no clearances, and of a call only what the sender reports while it waits."""
    is_released = row["state"] == FollowUpState.RELEASED
    has_report = is_released and row["reason"] not in {None, DUE}
    until, detail = row["waits_until"] if is_released else row["timer_at"], row["waits_detail"] if has_report else None
    if row["reason"] == BLACKOUT and (end := context.config.blackout_end(row["purpose"], context.now)) is not None:
        blackout = context.config.blackout_at(row["purpose"], context.now)
        until, detail = earliest(end, row["expires_at"]), blackout and blackout.why
    return ProgressFacts(
        state=row["state"],
        reason=row["reason"] if has_report or not is_released else None,
        due_at=row["due_at"],
        since=row["updated_at"],
        until=until,
        detail=detail,
        in_line=is_queued,
    )


async def story(db: Transaction, context: ViewContext, key: UUID) -> FollowUpStory | None:
    """Return one follow-up with its history; None where this merchant has none of that id."""
    row = await store.follow_up(db, context.merchant, key)
    if row is None:
        return None
    changes = await store.history(db, key)
    history = [ChangeAnswer(**{name: change[name] for name in ChangeAnswer.model_fields}) for change in changes]
    [answer] = await answers_of(db, [row], context)
    return FollowUpStory(**answer.model_dump(), changes=history)


async def page(
    db: Transaction,
    context: ViewContext,
    subject: str | None,
    state: FollowUpState | None,
    limit: int,
    cursor: UUID | None,
) -> FollowUpPage:
    """Return a merchant's follow-ups, the newest first."""
    rows = await store.newest_follow_ups(
        db, context.merchant, limit=limit + 1, subject=subject, state=state, before=cursor
    )
    more = len(rows) > limit
    return FollowUpPage(
        follow_ups=await answers_of(db, rows[:limit], context),
        next_cursor=cursor_of(rows[limit - 1]["id"]) if more else None,
    )


async def of_recipient(
    db: Transaction, context: ViewContext, recipient_id: RecipientId, state: FollowUpState | None
) -> FollowUpPage:
    """Return everything planned for one recipient, the newest first."""
    rows = await store.newest_follow_ups(
        db, context.merchant, limit=LARGEST_PAGE, recipient_id=recipient_id, state=state
    )
    return FollowUpPage(follow_ups=await answers_of(db, rows, context), next_cursor=None)


async def runs(
    db: Transaction,
    versions: Versions,
    context: ViewContext,
    flow: str | None,
    state: str | None,
    limit: int,
    cursor: UUID | None,
) -> RunPage:
    """Return a merchant's runs, the newest first; a run is active while one of its follow-ups has not ended."""
    found: list[RunAnswer] = []
    looked_at = 0
    last = cursor
    at_once = limit if flow is None else LARGEST_PAGE
    while looked_at < _RUNS_LOOKED_AT:
        rows = await store.newest_runs(db, context.merchant, at_once, last)
        looked_at += len(rows)
        of_flow = [row for row in rows if flow is None or row["flow"] == flow]
        for run in await _with_follow_ups(db, versions, of_flow, context):
            last = run.enrollment_id
            if state is None or run.state == state:
                found.append(run)
            if len(found) == limit:
                return RunPage(enrollments=found, next_cursor=cursor_of(last))
        if len(rows) < at_once:
            return RunPage(enrollments=found, next_cursor=None)
        last = rows[-1]["id"]
    return RunPage(enrollments=found, next_cursor=None if last is None else cursor_of(last))


async def _with_follow_ups(
    db: Transaction, versions: Versions, runs: Sequence[Row], context: ViewContext
) -> list[RunAnswer]:
    """Return runs with their follow-ups, in the order these were planned for."""
    terms = await versions.terms(db, {run["flow_version"] for run in runs})
    wanted = [
        follow_up_id(run["id"], step, run["entered_at"])
        for run in runs
        for step in terms[run["flow_version"]].texts(run["flow"])
    ]
    rows = await store.follow_ups_by_id(db, wanted)
    rows_of: dict[UUID, list[FollowUpAnswer]] = defaultdict(list)
    answers = await answers_of(db, rows, context)
    for answer in sorted(answers, key=lambda found: (found.first_due_at, found.follow_up_id)):
        rows_of[answer.enrollment_id].append(answer)
    return [
        RunAnswer(
            enrollment_id=run["id"],
            flow=run["flow"],
            flow_version=run["flow_version"],
            ordinal=run["ordinal"],
            subject=run["subject"],
            entered_at=run["entered_at"],
            state="active" if any(found.state in RUNNING for found in rows_of[run["id"]]) else "ended",
            follow_ups=rows_of[run["id"]],
        )
        for run in runs
    ]


def cursor_of(last: UUID) -> str:
    """Return an opaque cursor for the page after an id."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def cursor_from(text: str | None) -> UUID | None:
    """Return the id that a cursor holds.

    Raises:
        HTTPProblem: 422 for a cursor that no page gave.
    """
    if text is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise unprocessable("cursor", "this is not a cursor of ours") from None
