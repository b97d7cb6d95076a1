"""Rows of the flows that the merchant files have or had, and how many texts of each are planned."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.scheduler.removed_flows.changes import FlowKey, KnownFlow
from services.scheduler.tables import controls, flow_files, pending_counts
from shared.db.transaction import Transaction
from shared.ids import MerchantId

MADE_BY_FILES = "files"
"""Who made and lifts the pause of a removed flow."""


async def known_flows(db: Transaction) -> list[KnownFlow]:
    """Return every flow that was ever in the files; they are few."""
    rows = await db.rows(sa.select(flow_files))
    answers = await db.fetch(controls, "id", sorted({row["control_id"] for row in rows if row["control_id"]}))
    paused = {row["id"] for row in answers if row["lifted_at"] is None and row["made_by"] == MADE_BY_FILES}
    return [
        KnownFlow(
            FlowKey(MerchantId(row["merchant_id"]), row["flow"]),
            row["version"],
            row["missing_since"],
            row["control_id"],
            is_paused=row["control_id"] in paused,
        )
        for row in rows
    ]


async def planned_texts(db: Transaction, merchants: Iterable[MerchantId]) -> Counter[FlowKey]:
    """Return how many texts of these merchants are planned and have not ended, of each flow and in all."""
    found: Counter[FlowKey] = Counter()
    for row in await db.fetch(pending_counts, "merchant_id", sorted({*merchants})):
        merchant = MerchantId(row["merchant_id"])
        found[FlowKey(merchant, row["flow"])] += row["texts"]
        found[FlowKey.whole(merchant)] += row["texts"]
    return found


async def save_known(
    db: Transaction, key: FlowKey, version: str, missing_since: datetime | None, control_id: UUID | None
) -> None:
    """Store what is known of a flow."""
    own = {"version": version, "missing_since": missing_since, "control_id": control_id}
    await db.upsert(flow_files, [{**key._asdict(), **own}])
