"""Preferences, and revoked preference links: what a person may choose without withdrawing consent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.compliance.tables import preferences, revoked_links
from shared.db.transaction import Transaction
from shared.ids import MerchantId, RecipientId
from shared.rules.table import FrequencyCap

PAUSE: Final = timedelta(days=30)
"""How long a pause lasts."""
FEWER: Final = FrequencyCap(1, 7 * 24)
"""At most one marketing text in a rolling week; other caps apply in addition."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person chose; it changes no consent."""

    paused_until: datetime | None = None
    is_fewer: bool = False


NO_PREFERENCE: Final = Preference()


async def chosen(db: Transaction, recipients: Sequence[RecipientId]) -> dict[RecipientId, Preference]:
    """Return the preferences of those of these people who have chosen any."""
    rows = await db.fetch(preferences, "recipient_id", recipients)
    return {RecipientId(row["recipient_id"]): Preference(row["paused_until"], row["is_fewer"]) for row in rows}


async def save(
    db: Transaction, merchant: MerchantId, recipient: RecipientId, preference: Preference, now: datetime
) -> None:
    """Keep a person's preference as it is now."""
    row = {"recipient_id": recipient, "merchant_id": merchant, "changed_at": now}
    await db.upsert(preferences, [{**row, "paused_until": preference.paused_until, "is_fewer": preference.is_fewer}])


async def forget(db: Transaction, recipient: RecipientId) -> int:
    """Delete a person's preference; return how many rows that were."""
    return await db.delete(preferences, "recipient_id", [recipient])


async def revoke_links(db: Transaction, merchant: MerchantId, recipient: RecipientId, now: datetime) -> None:
    """Revoke every link to a person's page that was made until now."""
    await db.upsert(revoked_links, [{"recipient_id": recipient, "merchant_id": merchant, "revoked_at": now}])


async def links_revoked_at(db: Transaction, recipient: RecipientId) -> datetime | None:
    """Return when a person's links were last revoked; links made later are valid. None: never."""
    rows = await db.fetch(revoked_links, "recipient_id", [recipient])
    return rows[0]["revoked_at"] if rows else None
