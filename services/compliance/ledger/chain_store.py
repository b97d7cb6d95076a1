"""A merchant's whole ledger in the database, read page by page: chains, their heads, and the signed roots."""

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.compliance.tables import daily_roots, ledger, standings
from shared.db.transaction import Transaction
from shared.ids import MerchantId

_PAGE_ROWS = 5_000
_SIGNED = ("day", "previous", "root", "people", "public_key", "signature")


class ChainLink(NamedTuple):
    """One entry as it is exported."""

    recipient_id: UUID
    position: int
    canonical: bytes
    hash: str


async def merchants(db: Transaction) -> list[MerchantId]:
    """Return which merchants have a ledger, in order."""
    rows = await db.rows(
        sa.union(
            sa.select(ledger.c.merchant_id),
            sa.select(daily_roots.c.merchant_id),
            sa.select(standings.c.merchant_id).where(standings.c.epoch > 0),
        )
    )
    return sorted(MerchantId(row["merchant_id"]) for row in rows)


async def entries_of(db: Transaction, merchant: MerchantId) -> int:
    """Return how many entries a merchant's ledger has."""
    counted = sa.select(sa.func.count().label("entries")).select_from(ledger).where(ledger.c.merchant_id == merchant)
    return int((await db.rows(counted))[0]["entries"])


async def heads(db: Transaction, merchant: MerchantId) -> dict[str, str]:
    """Return the hash each person's chain must end with, by recipient id."""
    columns = (standings.c.recipient_id, standings.c.chain_hash)
    held = sa.select(*columns).where(standings.c.merchant_id == merchant, standings.c.epoch > 0)
    return {str(row["recipient_id"]): row["chain_hash"] for row in await db.rows(held)}


async def page_of(db: Transaction, merchant: MerchantId, last: ChainLink | None) -> list[ChainLink]:
    """Return the entries after `last`, a page of them, by person and position."""
    columns = (ledger.c.recipient_id, ledger.c.position, ledger.c.canonical, ledger.c.hash)
    asked = sa.select(*columns).where(ledger.c.merchant_id == merchant)
    if last is not None:
        same = sa.and_(ledger.c.recipient_id == last.recipient_id, ledger.c.position > last.position)
        asked = asked.where(sa.or_(ledger.c.recipient_id > last.recipient_id, same))
    rows = await db.rows(asked.order_by(ledger.c.recipient_id, ledger.c.position).limit(_PAGE_ROWS))
    return [ChainLink(row["recipient_id"], row["position"], bytes(row["canonical"]), row["hash"]) for row in rows]


async def signed_roots(db: Transaction, merchant: MerchantId) -> list[dict[str, object]]:
    """Return the signed roots of a merchant as they are exported, oldest first."""
    signed = sa.select(daily_roots).where(daily_roots.c.merchant_id == merchant).order_by(daily_roots.c.day)
    return [{name: row[name] for name in _SIGNED} for row in await db.rows(signed)]
