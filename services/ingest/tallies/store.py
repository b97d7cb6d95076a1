"""Rows of what sources brought, by the hour, and of when they last did."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.ingest.tables import source_hours, source_states
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId

if TYPE_CHECKING:
    from services.ingest.tallies.tallies import MerchantSource, SourceTally


async def add(db: Transaction, taken: "Mapping[MerchantSource, SourceTally]") -> None:
    """Add what sources brought to their hours, and keep when it was last."""
    hours = [
        {"merchant_id": merchant, "source": source, "hour": hour, "outcome": outcome, "deliveries": number}
        for (merchant, source), tally in sorted(taken.items())
        for (hour, outcome), number in sorted(tally.deliveries.items())
    ]
    await db.upsert(source_hours, hours, add=["deliveries"])
    for (merchant, source), tally in sorted(taken.items()):
        row: dict[str, Any] = {"merchant_id": merchant, "source": source}
        if tally.last_delivery_at is not None:
            row["last_delivery_at"] = tally.last_delivery_at
        if tally.last_error_at is not None:
            row |= {"last_error_at": tally.last_error_at, "last_error": tally.last_error}
        await db.upsert(source_states, [row])


async def counted(db: Transaction, merchant: MerchantId, since: datetime) -> Sequence[Row]:
    """Return the counts of a merchant's sources by the hour, of hours since an instant."""
    # The source comes before the hour in the key: a merchant has few sources, and only two days are kept.
    return await db.rows(
        sa.select(source_hours).where(source_hours.c.merchant_id == merchant, source_hours.c.hour >= since)
    )


async def states(db: Transaction, merchant: MerchantId) -> Mapping[str, Row]:
    """Return when each of a merchant's sources last brought something, and what last went wrong."""
    rows = await db.fetch_keys(source_states, [{"merchant_id": merchant}])
    return {row["source"]: row for row in rows}
