"""SQL over customers' orders, from which the retention figures are computed."""

from datetime import datetime

import sqlalchemy as sa

from services.metrics.domain.customer_retention import PurchaseTotals
from services.metrics.tables import customer_orders as orders
from shared.db.transaction import Transaction
from shared.ids import MerchantId

_FEWEST_TO_REPEAT = 2
_REFUNDED = sa.func.coalesce(orders.c.refunded_minor, 0)
_KEPT = sa.case(
    (sa.func.coalesce(orders.c.refund_currency, "").not_in(["", orders.c.currency]), 0),
    (orders.c.amount_minor <= _REFUNDED, 0),
    else_=orders.c.amount_minor - _REFUNDED,
)
"""An order's amount less refunds. A refund in another currency counts as the whole amount: no exchange rate is assumed,
and refunded money never counts as earned."""


async def load_purchase_totals(
    db: Transaction, merchant: MerchantId, since: datetime, until: datetime
) -> PurchaseTotals:
    """Return the purchases of [since, until), of the equally long period before it, and of all time until then."""
    mine = sa.and_(orders.c.merchant_id == merchant, orders.c.cancelled_at.is_(None), orders.c.is_awaited.is_not(True))
    ever = sa.and_(mine, orders.c.ordered_at < until)
    now = sa.and_(ever, orders.c.ordered_at >= since)
    before = sa.and_(mine, orders.c.ordered_at >= since - (until - since), orders.c.ordered_at < since)
    buyers = sa.select(orders.c.recipient_id).where(now)
    repeating = (
        sa.select(orders.c.recipient_id)
        .where(ever, orders.c.recipient_id.in_(buyers))
        .group_by(orders.c.recipient_id)
        .having(sa.func.count() >= _FEWEST_TO_REPEAT)
        .subquery()
    )
    window = await _money(db, now)
    return PurchaseTotals(
        customers=await _customers(db, now),
        customers_before=await _customers(db, before),
        customers_retained=await _customers(db, sa.and_(before, orders.c.recipient_id.in_(buyers))),
        customers_repeating=await _number(db, sa.select(sa.func.count().label("number")).select_from(repeating)),
        customers_ever=await _customers_by_currency(db, ever),
        orders={currency: count for currency, (count, _) in window.items()},
        value={currency: value for currency, (_, value) in window.items()},
        value_before=await _value(db, before),
        value_lost=await _value(db, sa.and_(before, orders.c.recipient_id.not_in(buyers))),
        value_ever=await _value(db, ever),
    )


async def _customers(db: Transaction, which: sa.ColumnElement[bool]) -> int:
    return await _number(db, sa.select(sa.func.count(orders.c.recipient_id.distinct()).label("number")).where(which))


async def _customers_by_currency(db: Transaction, which: sa.ColumnElement[bool]) -> dict[str, int]:
    """Return how many customers paid in each currency."""
    found = await db.rows(
        sa.select(orders.c.currency, sa.func.count(orders.c.recipient_id.distinct()).label("number"))
        .where(which)
        .group_by(orders.c.currency)
    )
    return {row["currency"]: int(row["number"]) for row in found}


async def _number(db: Transaction, statement: sa.Select[int]) -> int:
    found = await db.rows(statement)
    return int(found[0]["number"])


async def _value(db: Transaction, which: sa.ColumnElement[bool]) -> dict[str, int]:
    return {currency: value for currency, (_, value) in (await _money(db, which)).items()}


async def _money(db: Transaction, which: sa.ColumnElement[bool]) -> dict[str, tuple[int, int]]:
    """Return number and value of orders by currency."""
    found = await db.rows(
        sa.select(
            orders.c.currency,
            sa.func.count().label("number"),
            sa.func.sum(_KEPT).label("value"),
        )
        .where(which)
        .group_by(orders.c.currency)
    )
    return {row["currency"]: (int(row["number"]), int(row["value"])) for row in found}
