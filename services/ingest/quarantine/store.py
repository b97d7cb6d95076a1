"""Rows of quarantine, and the deliveries they are about."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.ingest.domain.parsed_deliveries import DeliveryOutcome, Unreadable
from services.ingest.tables import deliveries, quarantine
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId

MOST_COUNTED: Final = 1000
"""How far deliveries in quarantine are counted."""
NEWEST: Final = (
    sa.select(quarantine)
    .where(quarantine.c.merchant_id == sa.bindparam("merchant_id"), quarantine.c.delivery_id < sa.bindparam("before"))
    .order_by(quarantine.c.delivery_id.desc())
    .limit(sa.bindparam("most"))
)
_OLDEST: Final = (
    sa.select(quarantine.c.delivery_id)
    .where(quarantine.c.merchant_id == sa.bindparam("merchant_id"), quarantine.c.delivery_id > sa.bindparam("after"))
    .order_by(quarantine.c.delivery_id)
    .limit(sa.bindparam("most"))
)
_COUNTED: Final = (
    sa.select(quarantine.c.source)
    .where(quarantine.c.merchant_id == sa.bindparam("merchant_id"))
    .order_by(quarantine.c.delivery_id.desc())
    .limit(MOST_COUNTED)
)


class KeptDelivery(NamedTuple):
    """A delivery in quarantine with what it brought, sealed; empty where that was erased."""

    quarantined: Row
    body: bytes
    headers: bytes


async def newest(db: Transaction, merchant: MerchantId, before: UUID, most: int) -> list[Row]:
    """Return a merchant's deliveries in quarantine before another, the newest first."""
    return await db.rows(NEWEST, {"merchant_id": merchant, "before": before, "most": most})


async def oldest(db: Transaction, merchant: MerchantId, after: UUID, most: int) -> list[UUID]:
    """Return the ids of a merchant's deliveries in quarantine after another, the oldest first."""
    rows = await db.rows(_OLDEST, {"merchant_id": merchant, "after": after, "most": most})
    return [row["delivery_id"] for row in rows]


async def counts(db: Transaction, merchant: MerchantId) -> Counter[str]:
    """Return how many of a merchant's newest deliveries in quarantine each source brought."""
    return Counter(row["source"] for row in await db.rows(_COUNTED, {"merchant_id": merchant}))


async def kept(
    db: Transaction, merchant: MerchantId, delivery_ids: Sequence[UUID], *, lock: bool = False
) -> dict[UUID, Row]:
    """Return those of these deliveries that are in the merchant's quarantine."""
    rows = await db.fetch(quarantine, "delivery_id", sorted(delivery_ids), lock="update" if lock else None)
    return {row["delivery_id"]: row for row in rows if row["merchant_id"] == merchant}


async def with_bodies(db: Transaction, merchant: MerchantId, delivery_ids: Sequence[UUID]) -> list[KeptDelivery]:
    """Return those of these deliveries that are in the merchant's quarantine with what they brought, oldest first."""
    found = await kept(db, merchant, delivery_ids)
    columns = ("delivery_id", "body", "headers")
    rows = {
        row["delivery_id"]: row for row in await db.fetch(deliveries, "delivery_id", sorted(found), columns=columns)
    }
    return [
        KeptDelivery(found[key], bytes(rows[key]["body"]), bytes(rows[key]["headers"]))
        for key in sorted(found)
        if key in rows
    ]


async def leave(db: Transaction, delivery_ids: Sequence[UUID]) -> None:
    """Take deliveries out of quarantine."""
    await db.delete(quarantine, "delivery_id", sorted(delivery_ids))


async def keep_reason(db: Transaction, delivery_id: UUID, why: Unreadable) -> None:
    """Store why a delivery still cannot be read."""
    row = {"delivery_id": delivery_id, "reason": why.reason.value, "detail": why.detail}
    await db.change(quarantine, [row])


async def mark_discarded(db: Transaction, delivery_ids: Sequence[UUID]) -> None:
    """Store that deliveries were discarded."""
    discarded = DeliveryOutcome.DISCARDED.value
    await db.change(deliveries, [{"delivery_id": each, "outcome": discarded} for each in sorted(delivery_ids)])
