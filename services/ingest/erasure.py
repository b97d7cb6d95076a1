"""Forgetting, at the door: bodies, headers and every way of finding a number again go; keys of repeats stay.

What they hash is made under the key that names people, and the hashes of bodies are blanked: an id that is used again
is refused as a conflict, whatever its body.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from services.ingest.store import split_keys
from services.ingest.tables import deliveries, delivery_keys, former_people, subjects, system_tables
from shared import rights
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, RecipientErased
from shared.ids import MerchantId, RecipientId


async def forget(erasures: Sequence[RecipientErased], uow: UnitOfWork) -> None:
    """Blank what is kept of erased people; twice is the same as once, and what comes later is new business."""
    for erasure in erasures:
        rights.certify(uow, system_tables, erasure, await _blank(uow.db, erasure.recipient_id))


async def forget_shops(closings: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
    """Blank everything of the shops that asked for it; one that only left is kept until it does. A full scan."""
    for closing in closings:
        if closing.reason == rights.SHOP_ERASURE:
            rights.certify(uow, system_tables, closing, await _blank_shop(uow.db, closing.merchant_id))


async def _blank(db: Transaction, recipient: RecipientId) -> dict[str, int]:
    gone = await db.delete(subjects, "recipient_id", [recipient])
    before = await db.delete(former_people, "recipient_id", [recipient])
    rows = await db.fetch(deliveries, "recipient_id", [recipient], columns=("delivery_id", "body", "keys"))
    full = [{"delivery_id": row["delivery_id"], "body": b"", "headers": b""} for row in rows if row["body"]]
    await db.change(deliveries, full)
    told = sorted(key for row in rows if row["body"] for key in split_keys(bytes(row["keys"])))
    await db.change(delivery_keys, [{"key_hash": key, "body_sha256": b""} for key in told])
    return {deliveries.name: len(full), subjects.name: gone, former_people.name: before}


async def _blank_shop(db: Transaction, merchant: MerchantId) -> dict[str, int]:
    gone = await db.execute(sa.delete(subjects).where(subjects.c.merchant_id == merchant))
    before = await db.execute(sa.delete(former_people).where(former_people.c.merchant_id == merchant))
    its = sa.select(deliveries.c.delivery_id).where(deliveries.c.merchant_id == merchant)
    await db.execute(sa.update(delivery_keys).where(delivery_keys.c.delivery_id.in_(its)).values(body_sha256=b""))
    blanked = await db.execute(
        sa.update(deliveries)
        .where(deliveries.c.merchant_id == merchant, deliveries.c.body != b"")
        .values(body=b"", headers=b"")
    )
    return {deliveries.name: blanked, subjects.name: gone, former_people.name: before}
