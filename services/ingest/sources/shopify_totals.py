"""What a Shopify order comes to now.

    {"currency": "USD", "total_price": "49.00", "current_total_price": "30.00",
     "total_price_set": {"shop_money": {"amount": "49.00", "currency_code": "USD"},
                         "presentment_money": {"amount": "66.15", "currency_code": "CAD"}},
     "refunds": [{"transactions": [{"kind": "refund", "status": "success", "amount": "9.00", "currency": "USD"}]}]}

`current_total_price` follows every edit, and leaves out what was given back. Refunds are told by themselves, so what
was given back is added again: the example comes to 39 dollars, of which 9 went back.

Source: webhooks section 1; Order of Shopify's Admin API (`current_total_price`, `total_price_set`).
"""

from services.ingest.domain.parsed_deliveries import OrderTotal
from services.ingest.fields import Fields
from services.ingest.sources.shopify_refunds import refund_of


def total_of(order: Fields) -> OrderTotal | None:
    """Return what an order comes to; None where it does not say its currency."""
    currency = order.text("currency")
    if currency is None:
        return None
    if "total_price_set" not in order:
        return OrderTotal(minor=_current(order, currency), currency=currency)
    prices = order.fields("total_price_set")
    shop, buyer = prices.fields("shop_money"), prices.fields("presentment_money")
    buyer_currency = buyer.text("currency_code")
    return OrderTotal(
        minor=_current(order, currency),
        currency=currency,
        shop_minor=shop.minor("amount", shop.text("currency_code")) if shop.text("currency_code") == currency else None,
        buyer_minor=buyer.minor("amount", buyer_currency),
        buyer_currency=buyer_currency,
    )


def _current(order: Fields, currency: str) -> int | None:
    """Return the current total with what was given back; None where that cannot be told."""
    if "current_total_price" not in order:
        return order.minor("total_price", currency)
    current = order.minor("current_total_price", currency)
    if current is None or "refunds" not in order:
        return None
    for refund in order.each("refunds"):
        given_back = refund_of(refund, currency)
        if given_back is not None and (given_back.minor is None or given_back.currency != currency):
            return None
        current += (given_back.minor or 0) if given_back is not None else 0
    return None if order.has_noted("refunds") else current
