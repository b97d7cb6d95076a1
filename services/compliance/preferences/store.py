"""Rows of preferences become wishes here."""

from collections.abc import Sequence
from datetime import datetime

from services.compliance.preferences.tables import preferences, revoked_links
from services.compliance.preferences.wishes import Wish
from shared.db.transaction import Transaction
from shared.ids import MerchantId, RecipientId


async def wishes(db: Transaction, recipients: Sequence[RecipientId]) -> dict[RecipientId, Wish]:
    """Return what these people wish, those who chose anything."""
    rows = await db.fetch(preferences, "recipient_id", recipients)
    return {RecipientId(row["recipient_id"]): Wish(row["paused_until"], row["is_fewer"]) for row in rows}


async def save(db: Transaction, merchant: MerchantId, recipient: RecipientId, wish: Wish, now: datetime) -> None:
    """Keep what somebody wishes now."""
    row = {"recipient_id": recipient, "merchant_id": merchant, "changed_at": now}
    await db.upsert(preferences, [{**row, "paused_until": wish.paused_until, "is_fewer": wish.is_fewer}])


async def forget(db: Transaction, recipient: RecipientId) -> int:
    """Delete what somebody wished; return how many rows that were."""
    return await db.delete(preferences, "recipient_id", [recipient])


async def revoke_links(db: Transaction, merchant: MerchantId, recipient: RecipientId, now: datetime) -> None:
    """Let no link that was made until now open this person's page."""
    await db.upsert(revoked_links, [{"recipient_id": recipient, "merchant_id": merchant, "revoked_at": now}])


async def links_revoked_at(db: Transaction, recipient: RecipientId) -> datetime | None:
    """Return until when a person's links were taken back, if they ever were."""
    rows = await db.fetch(revoked_links, "recipient_id", [recipient])
    return rows[0]["revoked_at"] if rows else None
