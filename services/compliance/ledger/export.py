"""The ledger of one merchant as a file that anybody can check: lines of JSON, read in one consistent snapshot."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from services.compliance.ledger import store
from services.compliance.ledger.store import ChainLink
from services.compliance.ledger.verification import FORMAT
from shared.db.transaction import Transaction
from shared.ids import MerchantId

Write: TypeAlias = Callable[[str], object]


async def export(db: Transaction, merchant: MerchantId, now: datetime, write: Write) -> None:
    """Write a merchant's whole ledger, a line at a time: header, each person's chain, the signed roots, the end.

    A person appears in it as a keyed hash only; sealed evidence is not exported, only its hash.
    """
    counts = {"person": 0, "entry": 0, "root": 0}

    def put(kind: str, **content: Any) -> None:
        if kind in counts:
            counts[kind] += 1
        write(orjson.dumps({"kind": kind, **content}).decode() + "\n")

    put("header", format=FORMAT, merchant=merchant, exported_at=now.isoformat())
    heads = await store.heads(db, merchant)
    last: ChainLink | None = None
    while page := await store.page_of(db, merchant, last):
        for link in page:
            recipient = str(link.recipient_id)
            if last is None or last.recipient_id != link.recipient_id:
                put("person", recipient=recipient, head=heads.pop(recipient, ""))
            put("entry", position=link.position, canonical=link.canonical.decode(), hash=link.hash)
            last = link
    for recipient, head in heads.items():  # people whose entries are missing from the ledger
        put("person", recipient=recipient, head=head)
    for root in await store.signed_roots(db, merchant):
        put("root", **root)
    put("end", **counts)
