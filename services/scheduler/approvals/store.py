"""Rows of what waits for a second person's yes."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.scheduler.approvals.deciding import Approval, ApprovalAction, SecondAnswer
from services.scheduler.tables import approvals
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId


async def save(db: Transaction, approval: Approval) -> None:
    """Insert a question."""
    await db.insert(approvals, [approval._asdict()])


async def load(db: Transaction, key: UUID) -> Approval | None:
    """Return one, as it stays until the transaction ends."""
    for row in await db.fetch(approvals, "id", [key], lock="update"):
        return _approval(row)
    return None


async def save_answer(db: Transaction, approval: Approval) -> None:
    """Write the answer, and nothing else."""
    names = ("answer", "answered_by", "answered_at", "answer_reason")
    await db.change(approvals, [{"id": approval.id, **{name: getattr(approval, name) for name in names}}])


async def open_of(db: Transaction, merchant: MerchantId, now: datetime) -> list[Approval]:
    """Return what a merchant's second person is waited for, the newest first."""
    table = approvals.c
    wanted = sa.select(approvals).where(
        table.merchant_id == merchant, table.answered_at.is_(None), table.expires_at > now
    )
    return [_approval(row) for row in await db.rows(wanted.order_by(table.id.desc()))]


async def newest(db: Transaction, merchant: MerchantId, limit: int, before: UUID | None) -> list[Approval]:
    """Return a merchant's questions, answered or not, the newest first."""
    table = approvals.c
    wanted = sa.select(approvals).where(table.merchant_id == merchant)
    if before is not None:
        wanted = wanted.where(table.id < before)
    return [_approval(row) for row in await db.rows(wanted.order_by(table.id.desc()).limit(limit))]


async def forget_merchant(db: Transaction, merchant: MerchantId) -> int:
    """Delete the questions of a merchant that was erased, and return how many they were."""
    return await db.execute(sa.delete(approvals).where(approvals.c.merchant_id == merchant))


def _approval(row: Row) -> Approval:
    own: dict[str, Any] = {name: row[name] for name in Approval._fields}
    answer = None if row["answer"] is None else SecondAnswer(row["answer"])
    return Approval(**{**own, "action": ApprovalAction(row["action"]), "answer": answer})
