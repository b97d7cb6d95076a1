"""Rows of a person or a merchant: blanked on erasure, read for an export."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from services.connectors.deliveries.states import DeliveryState
from services.connectors.sealed import SEALED, SEALED_FOR_GOOD
from services.connectors.tables import audit_tables, deliveries, erased_people, system_tables
from shared import rights
from shared.db import audit_store
from shared.db.transaction import Transaction
from shared.events.consent import PrivacyRequested, RecipientErased
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer


async def mark_erased(db: Transaction, erasures: Sequence[RecipientErased]) -> None:
    """Remember whom an earlier event may no longer be forwarded about."""
    rows = {event.recipient_id: event.occurred_at for event in erasures}
    await db.upsert(erased_people, [{"recipient_id": key, "erased_at": at} for key, at in sorted(rows.items())])


async def blank_recipient(db: Transaction, recipient: RecipientId) -> Mapping[str, int]:
    """Blank what is held about a person, and return how many rows that was by table. What waits is not sent."""
    its = deliveries.c.recipient_id == recipient, deliveries.c.body != b""
    return {
        deliveries.name: await db.execute(sa.update(deliveries).where(*its).values(**_ERASED)),
        **await audit_store.blank_person(db, audit_tables, recipient),
        system_tables.parked.name: await rights.strip_parked(db, system_tables, recipient),
    }


_ERASED = {"state": DeliveryState.ERASED.value, "body": b"", "next_at": None}


async def blank_merchant(db: Transaction, merchant: MerchantId) -> Mapping[str, int]:
    """Blank everything of a merchant, and return how many rows that was by table. Rare; reads all its rows."""
    its = deliveries.c.merchant_id == merchant, deliveries.c.body != b""
    parked = system_tables.parked
    return {
        deliveries.name: await db.execute(sa.update(deliveries).where(*its).values(**_ERASED)),
        **await audit_store.blank_reasons(db, audit_tables, merchant),
        parked.name: await db.execute(sa.delete(parked).where(parked.c.merchant_id == merchant)),
    }


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, opened."""
    person, merchant = [request.recipient_id], request.merchant_id
    found = await db.fetch(deliveries, "recipient_id", person)
    entries = audit_tables.entries
    deeds = await audit_store.about_person(db, audit_tables, request.recipient_id)
    return {
        deliveries.name: rights.opened_rows(found, sealer, merchant, SEALED[deliveries]),
        entries.name: rights.opened_rows(deeds, sealer, merchant, SEALED_FOR_GOOD[entries]),
        system_tables.parked.name: await rights.parked_rows(db, system_tables, request.recipient_id, sealer),
    }
