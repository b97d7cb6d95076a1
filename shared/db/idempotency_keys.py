"""The answers given to keyed requests, as the table of idempotency keys holds them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.db.system_tables import SystemTables
from shared.db.transaction import Transaction
from shared.ids import MerchantId


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One keyed request and the answer it was given."""

    merchant_id: MerchantId
    key_sha256: bytes
    request_sha256: bytes
    status: int
    answer: Any


async def find(
    transaction: Transaction, system_tables: SystemTables, merchant_id: MerchantId, key_sha256: bytes
) -> StoredAnswer | None:
    """Return what was answered under a key of a merchant, or None."""
    table = system_tables.idempotency_keys
    rows = await transaction.rows(
        sa.select(table).where(table.c.merchant_id == merchant_id, table.c.key_sha256 == key_sha256)
    )
    if not rows:
        return None
    row = rows[0]
    return StoredAnswer(merchant_id, key_sha256, bytes(row["request_sha256"]), int(row["status"]), row["answer"])


async def store(transaction: Transaction, system_tables: SystemTables, answer: StoredAnswer, now: datetime) -> bool:
    """Store an answer; return false if another unit has stored one under this key."""
    row = {
        "merchant_id": answer.merchant_id,
        "key_sha256": answer.key_sha256,
        "request_sha256": answer.request_sha256,
        "status": answer.status,
        "answer": answer.answer,
        "created_at": now,
    }
    [is_first] = await transaction.insert_new(system_tables.idempotency_keys, [row])
    return is_first
