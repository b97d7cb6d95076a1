"""Rows of a merchant's ledger, the newest first, along one index."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.compliance.tables import ledger
from shared.db.transaction import Row, Transaction
from shared.db.types import Id, Instant
from shared.ids import MerchantId

_NEWEST_FIRST: Final = (
    sa.select(*(ledger.c[name] for name in ("entry_id", "recipient_id", "canonical", "recorded_at")))
    .add_columns(ledger.c.evidence.is_not(None).label("has_evidence"))
    .where(
        ledger.c.merchant_id == sa.bindparam("merchant_id"),
        sa.tuple_(ledger.c.recorded_at, ledger.c.entry_id)
        < sa.tuple_(sa.bindparam("recorded_at", type_=Instant), sa.bindparam("entry_id", type_=Id)),
    )
    .order_by(ledger.c.recorded_at.desc(), ledger.c.entry_id.desc())
    .limit(sa.bindparam("most"))
)


class LedgerPlace(NamedTuple):
    """A place in a merchant's ledger; a page begins behind one."""

    recorded_at: datetime
    entry_id: UUID


async def newest(db: Transaction, merchant: MerchantId, before: LedgerPlace, most: int) -> list[Row]:
    """Return a merchant's entries behind a place, the newest first."""
    return await db.rows(_NEWEST_FIRST, {"merchant_id": merchant, **before._asdict(), "most": most})
