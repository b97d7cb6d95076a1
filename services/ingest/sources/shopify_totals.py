"""The current total of a Shopify order.

    {"currency": "USD", "total_price": "49.00", "current_total_price": "30.00",
     "total_price_set": {"shop_money": {"amount": "49.00", "currency_code": "USD"},
                         "presentment_money": {"amount": "66.15", "currency_code": "CAD"}},
     "refunds": [{"transactions": [{"kind": "refund", "status": "success", "amount": "9.00", "currency": "USD"}]}]}

`current_total_price` follows every edit and is reduced by refunds. Refunds are reported separately, so the refunded
amounts are added again: the total of the example is 39 dollars, of which 9 were refunded.

Source: webhooks section 1; Order of Shopify's Admin API (`current_total_price`, `total_price_set`).
"""

from services.ingest.domain.parsed_deliveries import OrderTotal
from services.ingest.sources.json_object import JSONObject
from services.ingest.sources.shopify_refunds import refund_of


def total_of(order: JSONObject) -> OrderTotal | None:
    """Return the total of an order; None if it does not state its currency."""
    currency = order.text("currency")
    if currency is None:
        return None
    if "total_price_set" not in order:
        return OrderTotal(minor=_current(order, currency), currency=currency)
    prices = order.child("total_price_set")
    shop, buyer = prices.child("shop_money"), prices.child("presentment_money")
    buyer_currency = buyer.text("currency_code")
    return OrderTotal(
        minor=_current(order, currency),
        currency=currency,
        shop_minor=shop.minor("amount", shop.text("currency_code")) if shop.text("currency_code") == currency else None,
        buyer_minor=buyer.minor("amount", buyer_currency),
        buyer_currency=buyer_currency,
    )


def _current(order: JSONObject, currency: str) -> int | None:
    """Return the current total before refunds; None if that cannot be determined."""
    if "current_total_price" not in order:
        return order.minor("total_price", currency)
    current = order.minor("current_total_price", currency)
    if current is None or "refunds" not in order:
        return None
    for refund in order.children("refunds"):
        refunded = refund_of(refund, currency)
        if refunded is not None and (refunded.minor is None or refunded.currency != currency):
            return None
        current += (refunded.minor or 0) if refunded is not None else 0
    return None if order.has_noted("refunds") else current
