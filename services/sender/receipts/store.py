"""Stored callbacks, and sent texts whose final status is not known, found by the account to ask."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from services.sender import store
from services.sender.queue.conclusion import Receipt
from services.sender.receipts.poll_schedule import UnreportedAttempt
from services.sender.tables import UNREPORTED, attempts, receipts, recipients
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.ids import AttemptId, MerchantId

AccountName: TypeAlias = tuple[str, str]
"""A merchant, and its own name for a provider."""

NEXT_ACCOUNT = (
    sa.select(attempts.c.merchant_id, attempts.c.provider, attempts.c.ask_at)
    .where(
        UNREPORTED,
        sa.tuple_(attempts.c.merchant_id, attempts.c.provider)
        > sa.tuple_(sa.bindparam("merchant_id"), sa.bindparam("provider")),
    )
    .order_by(attempts.c.merchant_id, attempts.c.provider, attempts.c.ask_at)
    .limit(1)
)
DUE_QUERIES = (
    sa.select(*(attempts.c[name] for name in UnreportedAttempt._fields))
    .where(
        attempts.c.merchant_id == sa.bindparam("merchant_id"),
        attempts.c.provider == sa.bindparam("provider"),
        attempts.c.ask_at <= sa.bindparam("now"),
    )
    .order_by(attempts.c.ask_at)
    .limit(sa.bindparam("most"))
)


class ReceivedReceipt(NamedTuple):
    """One receipt, ready to be stored."""

    id: UUID
    attempt_id: AttemptId
    merchant_id: MerchantId
    provider: str
    receipt: Receipt
    raw: bytes
    """The callback, sealed."""


def insert_receipts(received: Iterable[ReceivedReceipt], uow: UnitOfWork) -> None:
    """Store every callback, at the end of the unit."""
    for each in received:
        uow.insert_later(
            receipts,
            {
                "id": each.id,
                "attempt_id": each.attempt_id,
                "merchant_id": each.merchant_id,
                "provider": each.provider,
                "provider_message_id": each.receipt.provider_message_id,
                "status": each.receipt.status,
                "raw": each.raw,
                "received_at": uow.now,
            },
        )


async def next_account(db: Transaction, after: AccountName) -> tuple[AccountName, datetime] | None:
    """Return the account after another one that has texts without a final status, and when its first one is due."""
    rows = await db.rows(NEXT_ACCOUNT, {"merchant_id": after[0], "provider": after[1]})
    return ((rows[0]["merchant_id"], rows[0]["provider"]), rows[0]["ask_at"]) if rows else None


async def due_queries(db: Transaction, account: AccountName, now: datetime, most: int) -> list[UnreportedAttempt]:
    """Return an account's texts whose provider is to be asked now, the longest due first."""
    merchant_id, provider = account
    rows = await db.rows(DUE_QUERIES, {"merchant_id": merchant_id, "provider": provider, "now": now, "most": most})
    return [UnreportedAttempt(**row) for row in rows]


async def excluded_queries(db: Transaction, attempts_due: Sequence[UnreportedAttempt]) -> set[UnreportedAttempt]:
    """Return those of erased people and of closed merchants."""
    recipient_ids = sorted({each.recipient_id for each in attempts_due})
    people = await db.fetch(recipients, "recipient_id", recipient_ids, columns=("recipient_id", "erased_at"))
    erased = {row["recipient_id"] for row in people if row["erased_at"] is not None}
    closed = await store.closed_among(db, {each.merchant_id for each in attempts_due})
    return {each for each in attempts_due if each.recipient_id in erased or each.merchant_id in closed}


async def reschedule(db: Transaction, asked: Sequence[UnreportedAttempt], ask_at: datetime | None) -> None:
    """Set when the provider is asked next (None: never), except where a receipt has changed that meanwhile."""
    rows = [{"id": each.id, "ask_at": ask_at, "was_ask_at": each.ask_at} for each in sorted(asked)]
    await db.change(attempts, rows, was=("ask_at",))
