"""The versions of a flow that runs began with."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.scheduler.tables import flow_versions
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId


async def newest_versions(db: Transaction, merchant: MerchantId, flow: str, limit: int) -> Sequence[Row]:
    """Return the versions of a flow that began, the one that began last first."""
    table = flow_versions.c
    return await db.rows(
        sa.select(flow_versions)
        .where(table.merchant_id == merchant, table.flow == flow)
        .order_by(table.first_started_at.desc())
        .limit(limit)
    )
