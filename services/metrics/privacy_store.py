"""SQL behind privacy rights in metrics: names of orders are removed from facts, and everything held is read.

Facts hold nothing encrypted, and people only as keyed hashes. What remains to blank are the merchant's names of orders
and carts, by which the merchant could identify the person. No number depends on them, so that every sum can still be
rebuilt.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.metrics.domain.customer_orders import order_id
from services.metrics.sealed import SEALED_FOR_GOOD
from services.metrics.tables import audit_tables, customer_orders, facts, follow_ups, system_tables
from shared import rights
from shared.db import audit_store
from shared.db.transaction import Row, Transaction
from shared.events.consent import PrivacyRequested
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer

_FACTS_AT_ONCE: Final = 1000


async def blank_recipient(db: Transaction, recipient: RecipientId) -> dict[str, int]:
    """Remove the names of orders from a person's facts, and what is encrypted in their parked events."""
    return {
        facts.name: await _remove_names(db, await _facts_about(db, recipient)),
        system_tables.parked.name: await rights.strip_parked(db, system_tables, recipient),
        **await audit_store.blank_person(db, audit_tables, recipient),
    }


async def blank_merchant(db: Transaction, merchant: MerchantId) -> dict[str, int]:
    """Remove the names of orders from a merchant's facts, and return the number of changed rows. Scans the table."""
    changed, after = 0, UUID(int=0)
    while True:
        its = sa.select(facts).where(facts.c.merchant_id == merchant, facts.c.event_id > after)
        rows = await db.rows(its.order_by(facts.c.event_id).limit(_FACTS_AT_ONCE))
        changed += await _remove_names(db, rows)
        if len(rows) < _FACTS_AT_ONCE:
            return {facts.name: changed, **await audit_store.blank_reasons(db, audit_tables, merchant)}
        after = rows[-1]["event_id"]


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks."""
    recipient, merchant = request.recipient_id, request.merchant_id
    own_facts = await _facts_about(db, recipient)
    orders = await db.fetch(customer_orders, "order_id", sorted(_orders_in(own_facts, merchant)))
    texts = await db.fetch(follow_ups, "recipient_id", [recipient])
    deeds, entries = await audit_store.about_person(db, audit_tables, recipient), audit_tables.entries
    return {
        facts.name: [_readable(row, merchant, sealer) for row in own_facts],
        follow_ups.name: rights.opened_rows(texts, sealer, merchant),
        customer_orders.name: rights.opened_rows(orders, sealer, merchant),
        system_tables.parked.name: await rights.parked_rows(db, system_tables, recipient, sealer),
        entries.name: rights.opened_rows(deeds, sealer, merchant, SEALED_FOR_GOOD[entries]),
    }


async def _facts_about(db: Transaction, recipient: RecipientId) -> list[Row]:
    """Return every fact about a person; facts about a follow-up are found through the follow-up."""
    texts = await db.fetch(follow_ups, "recipient_id", [recipient], columns=("follow_up_id",))
    of_texts = await db.fetch(facts, "follow_up_id", [row["follow_up_id"] for row in texts])
    statement = sa.select(facts).where(facts.c.recipient_id == recipient, facts.c.follow_up_id.is_(None))
    return sorted((*of_texts, *await db.rows(statement)), key=lambda row: row["occurred_at"])


async def _remove_names(db: Transaction, rows: Sequence[Row]) -> int:
    changed = []
    for row in rows:
        body: dict[str, Any] = orjson.loads(bytes(row["body"]))
        kept = {name: value for name, value in body.items() if name != "subject"}
        if kept.get("body_sha256"):
            kept["body_sha256"] = ""  # a guessed text could be confirmed by its hash
        if kept != body:
            changed.append({"event_id": row["event_id"], "body": orjson.dumps(kept)})
    await db.change(facts, changed)
    return len(changed)


def _orders_in(rows: Sequence[Row], merchant: MerchantId) -> set[UUID]:
    """Return the possible ids of the orders that these facts concern."""
    found = {row["event_id"] for row in rows}
    for row in rows:
        subject = orjson.loads(bytes(row["body"])).get("subject")
        if isinstance(subject, str):
            found.add(order_id(merchant, subject, row["event_id"]))
    return found


def _readable(row: Row, merchant: MerchantId, sealer: Sealer) -> dict[str, Any]:
    """Return a fact with its body, which is not encrypted, as JSON."""
    columns = {name: value for name, value in row.items() if name != "body"}
    [plain] = rights.opened_rows([columns], sealer, merchant)
    return {**plain, "body": orjson.loads(bytes(row["body"]))}
