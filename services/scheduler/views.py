"""Reading: where follow-ups and runs stand, for whoever asks over HTTP. Each query sees one merchant only."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.scheduler.api_models import (
    ChangeAnswer,
    FollowUpAnswer,
    FollowUpPage,
    FollowUpStory,
    RunAnswer,
    RunPage,
)
from services.scheduler.domain.states import RUNNING, State
from services.scheduler.planner import Versions, text_id
from services.scheduler.tables import enrollments, follow_ups, state_changes
from shared.db.transaction import Row, Transaction
from shared.http.problems import unprocessable
from shared.ids import MerchantId, RecipientId

_SHOWN = tuple({"id", *FollowUpAnswer.model_fields} - {"follow_up_id", "due_local"})
LARGEST_PAGE = 200
_RUNS_LOOKED_AT = 1000
"""A page filtered by state looks at no more runs than this, and says where to go on."""


def answer_of(row: Row) -> FollowUpAnswer:
    """Return where a follow-up stands."""
    zone = ZoneInfo(row["time_zone"])
    return FollowUpAnswer(
        follow_up_id=row["id"],
        due_local=row["due_at"].astimezone(zone).isoformat(),
        **{name: row[name] for name in FollowUpAnswer.model_fields if name not in {"follow_up_id", "due_local"}},
    )


async def story(db: Transaction, merchant: MerchantId, follow_up_id: UUID) -> FollowUpStory | None:
    """Return one follow-up and how it came there; None where this merchant has none of that id."""
    rows = await db.rows(
        sa.select(follow_ups).where(follow_ups.c.id == follow_up_id, follow_ups.c.merchant_id == merchant)
    )
    if not rows:
        return None
    changes = await db.rows(
        sa.select(state_changes).where(state_changes.c.follow_up_id == follow_up_id).order_by(state_changes.c.number)
    )
    history = [ChangeAnswer(**{name: change[name] for name in ChangeAnswer.model_fields}) for change in changes]
    return FollowUpStory(**answer_of(rows[0]).model_dump(), changes=history)


async def page(
    db: Transaction, merchant: MerchantId, subject: str | None, state: State | None, limit: int, cursor: UUID | None
) -> FollowUpPage:
    """Return a merchant's follow-ups, the newest first."""
    table = follow_ups.c
    wanted = sa.select(follow_ups).where(table.merchant_id == merchant).order_by(table.id.desc()).limit(limit + 1)
    if subject is not None:
        people = sa.select(enrollments.c.recipient_id).where(
            enrollments.c.merchant_id == merchant, enrollments.c.subject == subject
        )
        wanted = wanted.where(table.recipient_id.in_(people), table.subject == subject)
    if state is not None:
        wanted = wanted.where(table.state == state)
    if cursor is not None:
        wanted = wanted.where(table.id < cursor)
    rows = await db.rows(wanted)
    more = len(rows) > limit
    return FollowUpPage(
        follow_ups=[answer_of(row) for row in rows[:limit]],
        next_cursor=cursor_of(rows[limit - 1]["id"]) if more else None,
    )


async def of_person(
    db: Transaction, merchant: MerchantId, recipient_id: RecipientId, state: State | None
) -> FollowUpPage:
    """Return everything planned for one person, the newest first."""
    table = follow_ups.c
    wanted = (
        sa.select(follow_ups)
        .where(table.merchant_id == merchant, table.recipient_id == recipient_id)
        .order_by(table.id.desc())
        .limit(LARGEST_PAGE)
    )
    if state is not None:
        wanted = wanted.where(table.state == state)
    return FollowUpPage(follow_ups=[answer_of(row) for row in await db.rows(wanted)], next_cursor=None)


async def runs(
    db: Transaction,
    versions: Versions,
    merchant: MerchantId,
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
        rows = await _runs_after(db, merchant, flow, limit, last)
        looked_at += len(rows)
        for run in await _with_texts(db, versions, rows):
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


async def _with_texts(db: Transaction, versions: Versions, rows: Sequence[Row]) -> list[RunAnswer]:
    """Return runs with their texts, in the order the texts are due."""
    terms = await versions.terms(db, {row["flow_version"] for row in rows})
    wanted = [
        text_id(row["id"], name, row["entered_at"])
        for row in rows
        for name in terms[row["flow_version"]].texts(row["flow"])
    ]
    texts: dict[UUID, list[Row]] = defaultdict(list)
    for text in await db.fetch(follow_ups, "id", wanted, columns=_SHOWN):
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
                follow_ups=[answer_of(t) for t in own],
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
