"""Reading: where follow-ups and runs stand, for whoever asks over HTTP. Each query sees one merchant only."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.scheduler.api_models import ChangeAnswer, FollowUpAnswer, FollowUpPage, FollowUpStory, RunAnswer, RunPage
from services.scheduler.release.due_timers import DUE
from services.scheduler.runs.planner import Versions, text_id
from services.scheduler.tables import enrollments, follow_ups, lines, state_changes
from shared.db.transaction import Row, Transaction
from shared.http.problems import unprocessable
from shared.http.progress import ProgressAnswer
from shared.ids import MerchantId, RecipientId
from shared.progress import ProgressFacts, progress_of
from shared.vocabulary.follow_up_states import RUNNING, FollowUpState

LARGEST_PAGE = 200
_MADE = frozenset({"follow_up_id", "due_local", "progress"})
_LOOKED_AT = ("id", "priority", "timer_at", "waits_until", "waits_detail")
_SHOWN = tuple({*_LOOKED_AT, *FollowUpAnswer.model_fields} - _MADE)
_RUNS_LOOKED_AT = 1000
"""A page filtered by state looks at no more runs than this, and says where to go on."""


@dataclass(frozen=True, slots=True)
class ViewContext:
    """Who asks, and when."""

    merchant: MerchantId
    now: datetime


async def answers_of(db: Transaction, rows: Sequence[Row], now: datetime) -> list[FollowUpAnswer]:
    """Return where follow-ups stand, and what each waits for."""
    in_line = await _in_line(
        db, [row for row in rows if row["state"] == FollowUpState.PENDING and row["due_at"] <= now]
    )
    return [_answer_of(row, now, in_line=row["id"] in in_line) for row in rows]


def _answer_of(row: Row, now: datetime, *, in_line: bool) -> FollowUpAnswer:
    zone = ZoneInfo(row["time_zone"])
    progress = progress_of(_known(row, in_line=in_line), now)
    return FollowUpAnswer(
        follow_up_id=row["id"],
        due_local=row["due_at"].astimezone(zone).isoformat(),
        progress=ProgressAnswer(**asdict(progress)),
        **{name: row[name] for name in FollowUpAnswer.model_fields if name not in _MADE},
    )


def _known(row: Row, *, in_line: bool) -> ProgressFacts:
    """Return what the scheduler knows: it hears of no clearance, and of a call only where that is not over."""
    is_released = row["state"] == FollowUpState.RELEASED
    is_told = is_released and row["reason"] not in {None, DUE}
    return ProgressFacts(
        state=row["state"],
        reason=row["reason"] if is_told or not is_released else None,
        due_at=row["due_at"],
        since=row["updated_at"],
        until=row["waits_until"] if is_released else row["timer_at"],
        detail=row["waits_detail"] if is_told else None,
        in_line=in_line,
    )


async def _in_line(db: Transaction, rows: Sequence[Row]) -> set[UUID]:
    """Return which of these texts stand in line before their number, by one index probe each."""
    places = [(row["sender_number"], row["priority"], row["due_at"], row["id"]) for row in rows]
    if not places:
        return set()
    key = sa.tuple_(lines.c.sender_number, lines.c.priority, lines.c.due_at, lines.c.follow_up_id)
    return {row["follow_up_id"] for row in await db.rows(sa.select(lines.c.follow_up_id).where(key.in_(places)))}


async def story(db: Transaction, asker: ViewContext, follow_up_id: UUID) -> FollowUpStory | None:
    """Return one follow-up and how it came there; None where this merchant has none of that id."""
    rows = await db.rows(
        sa.select(follow_ups).where(follow_ups.c.id == follow_up_id, follow_ups.c.merchant_id == asker.merchant)
    )
    if not rows:
        return None
    changes = await db.rows(
        sa.select(state_changes).where(state_changes.c.follow_up_id == follow_up_id).order_by(state_changes.c.number)
    )
    history = [ChangeAnswer(**{name: change[name] for name in ChangeAnswer.model_fields}) for change in changes]
    [answer] = await answers_of(db, rows, asker.now)
    return FollowUpStory(**answer.model_dump(), changes=history)


async def page(
    db: Transaction,
    asker: ViewContext,
    subject: str | None,
    state: FollowUpState | None,
    limit: int,
    cursor: UUID | None,
) -> FollowUpPage:
    """Return a merchant's follow-ups, the newest first."""
    table = follow_ups.c
    wanted = sa.select(follow_ups).where(table.merchant_id == asker.merchant).order_by(table.id.desc()).limit(limit + 1)
    if subject is not None:
        people = sa.select(enrollments.c.recipient_id).where(
            enrollments.c.merchant_id == asker.merchant, enrollments.c.subject == subject
        )
        wanted = wanted.where(table.recipient_id.in_(people), table.subject == subject)
    if state is not None:
        wanted = wanted.where(table.state == state)
    if cursor is not None:
        wanted = wanted.where(table.id < cursor)
    rows = await db.rows(wanted)
    more = len(rows) > limit
    return FollowUpPage(
        follow_ups=await answers_of(db, rows[:limit], asker.now),
        next_cursor=cursor_of(rows[limit - 1]["id"]) if more else None,
    )


async def of_person(
    db: Transaction, asker: ViewContext, recipient_id: RecipientId, state: FollowUpState | None
) -> FollowUpPage:
    """Return everything planned for one person, the newest first."""
    table = follow_ups.c
    wanted = (
        sa.select(follow_ups)
        .where(table.merchant_id == asker.merchant, table.recipient_id == recipient_id)
        .order_by(table.id.desc())
        .limit(LARGEST_PAGE)
    )
    if state is not None:
        wanted = wanted.where(table.state == state)
    return FollowUpPage(follow_ups=await answers_of(db, await db.rows(wanted), asker.now), next_cursor=None)


async def runs(
    db: Transaction,
    versions: Versions,
    asker: ViewContext,
    flow: str | None,
    state: str | None,
    limit: int,
    cursor: UUID | None,
) -> RunPage:
    """Return a merchant's runs, the newest first; a run is active while one of its texts has not ended."""
    found: list[RunAnswer] = []
    looked_at = 0
    last = cursor
    while looked_at < _RUNS_LOOKED_AT:
        rows = await _runs_after(db, asker.merchant, flow, limit, last)
        looked_at += len(rows)
        for run in await _with_texts(db, versions, rows, asker.now):
            last = run.enrollment_id
            if state is None or run.state == state:
                found.append(run)
            if len(found) == limit:
                return RunPage(enrollments=found, next_cursor=cursor_of(last))
        if len(rows) < limit:
            return RunPage(enrollments=found, next_cursor=None)
    return RunPage(enrollments=found, next_cursor=None if last is None else cursor_of(last))


async def _runs_after(
    db: Transaction, merchant: MerchantId, flow: str | None, limit: int, cursor: UUID | None
) -> Sequence[Row]:
    table = enrollments.c
    wanted = sa.select(enrollments).where(table.merchant_id == merchant).order_by(table.id.desc()).limit(limit)
    if flow is not None:
        wanted = wanted.where(table.flow == flow)
    if cursor is not None:
        wanted = wanted.where(table.id < cursor)
    return await db.rows(wanted)


async def _with_texts(db: Transaction, versions: Versions, rows: Sequence[Row], now: datetime) -> list[RunAnswer]:
    """Return runs with their texts, in the order the texts are due."""
    terms = await versions.terms(db, {row["flow_version"] for row in rows})
    wanted = [
        text_id(row["id"], name, row["entered_at"])
        for row in rows
        for name in terms[row["flow_version"]].texts(row["flow"])
    ]
    texts: dict[UUID, list[Row]] = defaultdict(list)
    found = await db.fetch(follow_ups, "id", wanted, columns=_SHOWN)
    told = {each.follow_up_id: each for each in await answers_of(db, found, now)}
    for text in found:
        texts[text["enrollment_id"]].append(text)
    answers = []
    for row in rows:
        own = sorted(texts[row["id"]], key=lambda t: (t["first_due_at"], t["id"]))
        answers.append(
            RunAnswer(
                enrollment_id=row["id"],
                flow=row["flow"],
                flow_version=row["flow_version"],
                ordinal=row["ordinal"],
                subject=row["subject"],
                entered_at=row["entered_at"],
                state="active" if any(t["state"] in RUNNING for t in own) else "ended",
                follow_ups=[told[t["id"]] for t in own],
            )
        )
    return answers


def cursor_of(last: UUID) -> str:
    """Return where a page ended, opaquely."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def cursor_from(text: str | None) -> UUID | None:
    """Return where the next page begins.

    Raises:
        HTTPProblem: 422 for a cursor that no page gave.
    """
    if text is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise unprocessable("cursor", "this is not a cursor of ours") from None
