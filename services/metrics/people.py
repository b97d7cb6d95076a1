"""A person's rights in the books of metrics: order names go from their facts, and a copy of everything is handed over.

Facts hold nothing sealed, and people only as keyed hashes; what remains to blank are the shop's names of orders and
carts, by which the shop would know whose they were. No number is made of those, so every sum can still be rebuilt.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.metrics.domain.order_book import order_id
from services.metrics.tables import customer_orders, facts, follow_ups, system_tables
from shared import rights
from shared.bus.router import Router
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, PrivacyRequested, RecipientErased
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer

_SHOPS_NAMES: Final = ("subject",)
_FACTS_AT_ONCE: Final = 1000


async def forget(erasures: Sequence[RecipientErased], uow: UnitOfWork) -> None:
    """Take the shop's names out of erased people's facts; twice is the same as once."""
    for erasure in erasures:
        changed = await _without_names(uow.db, await facts_of(uow.db, erasure.recipient_id))
        rows = {
            facts.name: changed,
            system_tables.parked.name: await rights.strip_parked(uow.db, system_tables, erasure.recipient_id),
        }
        rights.certify(uow, system_tables, erasure, rows)


async def forget_shops(closings: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
    """Take the names out of all facts of the shops that asked for it. Rare, and costs a full scan."""
    for closing in closings:
        if closing.reason == rights.SHOP_ERASURE:
            rows = {facts.name: await _forget_shop(uow.db, closing.merchant_id)}
            rights.certify(uow, system_tables, closing, rows)


async def facts_of(db: Transaction, recipient: RecipientId) -> list[Row]:
    """Return every fact about a person, those about texts found through the texts."""
    texts = await db.fetch(follow_ups, "recipient_id", [recipient], columns=("follow_up_id",))
    told = await db.fetch(facts, "follow_up_id", [row["follow_up_id"] for row in texts])
    statement = sa.select(facts).where(facts.c.recipient_id == recipient, facts.c.follow_up_id.is_(None))
    return sorted((*told, *await db.rows(statement)), key=lambda row: row["occurred_at"])


async def _forget_shop(db: Transaction, merchant: MerchantId) -> int:
    changed, after = 0, UUID(int=0)
    while True:
        its = sa.select(facts).where(facts.c.merchant_id == merchant, facts.c.event_id > after)
        rows = await db.rows(its.order_by(facts.c.event_id).limit(_FACTS_AT_ONCE))
        changed += await _without_names(db, rows)
        if len(rows) < _FACTS_AT_ONCE:
            return changed
        after = rows[-1]["event_id"]


async def _without_names(db: Transaction, rows: Sequence[Row]) -> int:
    changed = []
    for row in rows:
        body: dict[str, Any] = orjson.loads(bytes(row["body"]))
        kept = {name: value for name, value in body.items() if name not in _SHOPS_NAMES}
        if kept.get("body_sha256"):
            kept["body_sha256"] = ""  # who guesses a text could tell it by its hash
        if kept != body:
            changed.append({"event_id": row["event_id"], "body": orjson.dumps(kept)})
    await db.change(facts, changed)
    return len(changed)


def _orders_in(told: Sequence[Row], merchant: MerchantId) -> set[UUID]:
    """Return the ids under which the orders that these facts are about may stand."""
    found = {row["event_id"] for row in told}
    for row in told:
        subject = orjson.loads(bytes(row["body"])).get("subject")
        if isinstance(subject, str):
            found.add(order_id(merchant, subject, row["event_id"]))
    return found


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about the person who asks, opened."""
    person, merchant = request.recipient_id, request.merchant_id
    its = await facts_of(db, person)
    orders = await db.fetch(customer_orders, "order_id", sorted(_orders_in(its, merchant)))
    texts = await db.fetch(follow_ups, "recipient_id", [person])
    return {
        facts.name: [_readable(row, merchant, sealer) for row in its],
        follow_ups.name: rights.opened_rows(texts, sealer, merchant),
        customer_orders.name: rights.opened_rows(orders, sealer, merchant),
        system_tables.parked.name: await rights.parked_rows(db, system_tables, person, sealer),
    }


def _readable(row: Row, merchant: MerchantId, sealer: Sealer) -> dict[str, Any]:
    """Return a fact with its body readable; it rests in the open."""
    columns = {name: value for name, value in row.items() if name != "body"}
    [plain] = rights.opened_rows([columns], sealer, merchant)
    return {**plain, "body": orjson.loads(bytes(row["body"]))}


def register(door: Router, sealer: Sealer) -> None:
    """Give the event door what people and shops ask for by right."""
    door.on(RecipientErased)(forget)
    door.on(MerchantClosed)(forget_shops)
    door.on(PrivacyRequested)(rights.Exports(system_tables, sealer, held).answer)
