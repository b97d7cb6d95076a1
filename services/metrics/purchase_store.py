"""SQL over customers' orders, from which the retention figures are computed."""

from datetime import datetime

import sqlalchemy as sa

from services.metrics.domain.customer_retention import PurchaseTotals
from services.metrics.tables import customer_orders as orders
from shared.db.transaction import Transaction
from shared.ids import MerchantId

_FEWEST_TO_REPEAT = 2
_CUSTOMERS = sa.func.count(orders.c.recipient_id.distinct())
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
    count, value = sa.func.count(), sa.func.sum(_KEPT)
    return PurchaseTotals(
        customers=await _number(db, sa.select(_CUSTOMERS).where(now)),
        customers_before=await _number(db, sa.select(_CUSTOMERS).where(before)),
        customers_retained=await _number(db, sa.select(_CUSTOMERS).where(before, orders.c.recipient_id.in_(buyers))),
        customers_repeating=await _number(db, sa.select(count).select_from(repeating)),
        customers_ever=await _by_currency(db, _CUSTOMERS, ever),
        orders=await _by_currency(db, count, now),
        value=await _by_currency(db, value, now),
        value_before=await _by_currency(db, value, before),
        value_lost=await _by_currency(db, value, sa.and_(before, orders.c.recipient_id.not_in(buyers))),
        value_ever=await _by_currency(db, value, ever),
    )


async def _number(db: Transaction, statement: sa.Select[int]) -> int:
    [row] = await db.rows(statement)
    [number] = row.values()
    return int(number)


async def _by_currency(db: Transaction, number: sa.ColumnElement[int], which: sa.ColumnElement[bool]) -> dict[str, int]:
    statement = sa.select(orders.c.currency, number.label("number")).where(which).group_by(orders.c.currency)
    return {row["currency"]: int(row["number"]) for row in await db.rows(statement)}
