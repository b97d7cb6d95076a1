"""The ledger of one merchant as a file that anybody can check: lines of JSON, read in one consistent snapshot."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from services.compliance.ledger.verification import FORMAT
from services.compliance.tables import daily_roots, ledger, standings
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId

_PAGE_ROWS = 5_000

Write = Callable[[str], object]


async def merchants(db: Transaction) -> list[MerchantId]:
    """Return whose ledgers there are, in order."""
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


async def export(db: Transaction, merchant: MerchantId, now: datetime, write: Write) -> None:
    """Write a merchant's whole ledger, a line at a time: header, each person's chain, the signed roots, the end.

    Nothing in it names a person but a keyed hash; the sealed evidence stays behind, only its hash goes along.
    """
    counts = {"person": 0, "entry": 0, "root": 0}

    def put(kind: str, **content: Any) -> None:
        if kind in counts:
            counts[kind] += 1
        write(orjson.dumps({"kind": kind, **content}).decode() + "\n")

    put("header", format=FORMAT, merchant=merchant, exported_at=now.isoformat())
    heads = await _heads(db, merchant)
    last: Row | None = None
    while page := await _page(db, merchant, last):
        for row in page:
            recipient = str(row["recipient_id"])
            if last is None or last["recipient_id"] != row["recipient_id"]:
                put("person", recipient=recipient, head=heads.pop(recipient, ""))
            put("entry", position=row["position"], canonical=bytes(row["canonical"]).decode(), hash=row["hash"])
            last = row
    for recipient, head in heads.items():  # whoever the ledger should hold and does not
        put("person", recipient=recipient, head=head)
    signed = sa.select(daily_roots).where(daily_roots.c.merchant_id == merchant).order_by(daily_roots.c.day)
    for row in await db.rows(signed):
        put("root", **{name: row[name] for name in ("day", "previous", "root", "people", "public_key", "signature")})
    put("end", **counts)


async def _heads(db: Transaction, merchant: MerchantId) -> dict[str, str]:
    """Return the hash each person's chain must end with."""
    columns = (standings.c.recipient_id, standings.c.chain_hash)
    held = sa.select(*columns).where(standings.c.merchant_id == merchant, standings.c.epoch > 0)
    return {str(row["recipient_id"]): row["chain_hash"] for row in await db.rows(held)}


async def _page(db: Transaction, merchant: MerchantId, last: Row | None) -> list[Row]:
    """Return the entries after `last`, a page of them, by person and position."""
    columns = (ledger.c.recipient_id, ledger.c.position, ledger.c.canonical, ledger.c.hash)
    asked = sa.select(*columns).where(ledger.c.merchant_id == merchant)
    if last is not None:
        same = sa.and_(ledger.c.recipient_id == last["recipient_id"], ledger.c.position > last["position"])
        asked = asked.where(sa.or_(ledger.c.recipient_id > last["recipient_id"], same))
    return await db.rows(asked.order_by(ledger.c.recipient_id, ledger.c.position).limit(_PAGE_ROWS))
