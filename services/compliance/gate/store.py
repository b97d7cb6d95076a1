"""Verdicts in the database: which releases have one, the verdicts on a follow-up, and those of a period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.compliance.gate.records import DecisionRecord, RecordWriter, record_of
from services.compliance.gate.verdicts import DECISION_OF
from services.compliance.tables import decisions
from shared.db.transaction import Transaction
from shared.events.follow_up import FollowUpDue
from shared.ids import FollowUpId, MerchantId

_PAGE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """One stored verdict."""

    merchant_id: MerchantId
    follow_up_id: FollowUpId
    release: int
    decided_at: datetime
    record: DecisionRecord


class JudgedBetween(NamedTuple):
    """Which verdicts to look at: `start` included, `end` not; None is open."""

    start: datetime | None = None
    end: datetime | None = None


async def newest_releases(db: Transaction, follow_ups: Sequence[FollowUpId]) -> dict[FollowUpId, int]:
    """Return the newest judged release of each follow-up that has been judged."""
    newest: dict[FollowUpId, int] = {}
    for row in await db.fetch(decisions, "follow_up_id", follow_ups, columns=("follow_up_id", "release")):
        key, release = FollowUpId(row["follow_up_id"]), row["release"]
        newest[key] = max(release, newest.get(key, release))
    return newest


async def save(db: Transaction, verdicts: Sequence[tuple[FollowUpDue, DecisionRecord]], now: datetime) -> None:
    """Keep each verdict as evidence, with the complete input it rests on."""
    writer = RecordWriter()
    await db.insert(
        decisions,
        [
            {
                "follow_up_id": due.follow_up_id,
                "release": due.release,
                "merchant_id": due.merchant_id,
                "recipient_id": due.recipient_id,
                "decision": DECISION_OF[type(record.verdict)],
                "reason": record.verdict.reason.value,
                "rules_version": record.rules_version,
                "record": writer.as_bytes(record),
                "decided_at": now,
            }
            for due, record in verdicts
        ],
    )


async def decisions_of(db: Transaction, merchant: MerchantId, follow_up: UUID) -> list[StoredVerdict]:
    """Return the verdicts on one follow-up, oldest release first."""
    return await _verdicts(
        db,
        sa.select(*_OF_A_VERDICT)
        .where(decisions.c.follow_up_id == follow_up, decisions.c.merchant_id == merchant)
        .order_by(decisions.c.release),
    )


async def verdicts_in(db: Transaction, period: JudgedBetween) -> int:
    """Return how many verdicts a period holds."""
    counted = sa.select(sa.func.count().label("verdicts")).select_from(decisions).where(*_within(period))
    return int((await db.rows(counted))[0]["verdicts"])


async def page_of(db: Transaction, period: JudgedBetween, last: StoredVerdict | None) -> list[StoredVerdict]:
    """Return the verdicts after `last`, a page of them, by follow-up and release."""
    key = (decisions.c.follow_up_id, decisions.c.release)
    asked = sa.select(*_OF_A_VERDICT)
    if last is not None:
        same = sa.and_(key[0] == last.follow_up_id, key[1] > last.release)
        asked = asked.where(sa.or_(key[0] > last.follow_up_id, same))
    return await _verdicts(db, asked.where(*_within(period)).order_by(*key).limit(_PAGE_ROWS))


_OF_A_VERDICT = (
    decisions.c.merchant_id,
    decisions.c.follow_up_id,
    decisions.c.release,
    decisions.c.decided_at,
    decisions.c.record,
)


async def _verdicts(db: Transaction, query: sa.Select[tuple[object, ...]]) -> list[StoredVerdict]:
    return [
        StoredVerdict(
            MerchantId(row["merchant_id"]),
            FollowUpId(row["follow_up_id"]),
            int(row["release"]),
            row["decided_at"],
            record_of(bytes(row["record"])),
        )
        for row in await db.rows(query)
    ]


def _within(period: JudgedBetween) -> list[sa.ColumnElement[bool]]:
    at = decisions.c.decided_at
    first = [] if period.start is None else [at >= period.start]
    return [*first, *([] if period.end is None else [at < period.end])]
