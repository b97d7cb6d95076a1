"""SQL behind privacy rights in ingest: what is blanked for a person or a merchant, and what is held about a person.

Blanking empties bodies and headers and deletes every identifier that leads to a number. Keys of repeats stay: they are
hashed with the hash key of recipients, and with their body hashes blanked, an id that is used again is refused as a
conflict whatever its body.
"""

import sqlalchemy as sa

from services.ingest.sealed import SEALED, SEALED_FOR_GOOD
from services.ingest.store import split_keys
from services.ingest.tables import audit_tables, deliveries, delivery_keys, former_people, subjects
from shared import rights
from shared.db import audit_store
from shared.db.transaction import Transaction
from shared.events.consent import PrivacyRequested
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer


async def blank_recipient(db: Transaction, recipient: RecipientId) -> dict[str, int]:
    """Blank what is held about a person, and return the number of rows by table."""
    linked = await db.delete(subjects, "recipient_id", [recipient])
    former = await db.delete(former_people, "recipient_id", [recipient])
    rows = await db.fetch(deliveries, "recipient_id", [recipient], columns=("delivery_id", "body", "keys"))
    full = [{"delivery_id": row["delivery_id"], "body": b"", "headers": b""} for row in rows if row["body"]]
    await db.change(deliveries, full)
    keys = sorted(key for row in rows if row["body"] for key in split_keys(bytes(row["keys"])))
    await db.change(delivery_keys, [{"key_hash": key, "body_sha256": b""} for key in keys])
    return {
        deliveries.name: len(full),
        subjects.name: linked,
        former_people.name: former,
        **await audit_store.blank_person(db, audit_tables, recipient),
    }


async def blank_merchant(db: Transaction, merchant: MerchantId) -> dict[str, int]:
    """Blank everything of a merchant, and return the number of rows by table. Scans whole tables."""
    linked = await db.execute(sa.delete(subjects).where(subjects.c.merchant_id == merchant))
    former = await db.execute(sa.delete(former_people).where(former_people.c.merchant_id == merchant))
    its = sa.select(deliveries.c.delivery_id).where(deliveries.c.merchant_id == merchant)
    await db.execute(sa.update(delivery_keys).where(delivery_keys.c.delivery_id.in_(its)).values(body_sha256=b""))
    blanked = await db.execute(
        sa.update(deliveries)
        .where(deliveries.c.merchant_id == merchant, deliveries.c.body != b"")
        .values(body=b"", headers=b"")
    )
    return {
        deliveries.name: blanked,
        subjects.name: linked,
        former_people.name: former,
        **await audit_store.blank_reasons(db, audit_tables, merchant),
    }


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, decrypted."""
    recipient, merchant = request.recipient_id, request.merchant_id
    tables = {
        table.name: rights.opened_rows(
            await db.fetch(table, "recipient_id", [recipient]), sealer, merchant, SEALED[table]
        )
        for table in (deliveries, subjects, former_people)
    }
    deeds, entries = await audit_store.about_person(db, audit_tables, recipient), audit_tables.entries
    return {**tables, entries.name: rights.opened_rows(deeds, sealer, merchant, SEALED_FOR_GOOD[entries])}
