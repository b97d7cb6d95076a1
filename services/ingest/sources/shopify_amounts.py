"""Shopify's amounts: what a refund returned, and the current total of an order, both in the shop's currency.

A refund:

    {"id": 509562969, "order_id": 820982911946154508, "created_at": "2026-11-30T16:00:00-05:00", "note": "broken cup",
     "transactions": [{"kind": "refund", "status": "success", "amount": "81.00", "currency": "CAD"}],
     "refund_line_items": [{"subtotal_set": {"shop_money": {"amount": "60.00", "currency_code": "USD"}},
                            "total_tax_set": {"shop_money": {"amount": "0.00", "currency_code": "USD"}}}],
     "order_adjustments": [{"amount_set": {"shop_money": {"amount": "-5.00", "currency_code": "USD"}}}]}

A refund without a successful transaction returned no money: goods were restocked, an unpaid line was removed, or a
payment is pending or has failed. Transactions may be in the buyer's currency; the lines have the shop's.

An order:

    {"currency": "USD", "total_price": "49.00", "current_total_price": "30.00",
     "total_price_set": {"shop_money": {"amount": "49.00", "currency_code": "USD"},
                         "presentment_money": {"amount": "66.15", "currency_code": "CAD"}},
     "refunds": [{"transactions": [{"kind": "refund", "status": "success", "amount": "9.00", "currency": "USD"}]}]}

`current_total_price` follows every edit and is reduced by refunds. Refunds are reported separately, so the refunded
amounts are added again: the total of the example is 39 dollars, of which 9 were refunded.

Source: webhooks section 1 (refunds/create); Order of Shopify's Admin API (`current_total_price`, `total_price_set`).
"""

from dataclasses import dataclass

from services.ingest.domain.parsed_deliveries import OrderTotal
from services.ingest.sources.json_object import JSONObject

_PARTS = (
    ("refund_line_items", ("subtotal_set", "total_tax_set"), 1),
    ("order_adjustments", ("amount_set", "tax_amount_set"), -1),
)
"""A refund of something other than goods, such as shipping, is a negative adjustment."""


@dataclass(frozen=True, slots=True)
class RefundedAmount:
    """The refunded amount; None if it is unknown or in several currencies."""

    minor: int | None
    currency: str | None


_UNKNOWN = RefundedAmount(None, None)


def refund_of(refund: JSONObject, shop_currency: str | None) -> RefundedAmount | None:
    """Return the refunded amount; None if no money was returned.

    Args:
        refund: the refund.
        shop_currency: the order's, if the order is known.
    """
    given = refund.children("transactions")
    if not given and "transactions" in refund and refund.has_noted("transactions"):
        return _UNKNOWN
    paid = [each for each in given if each.text("kind") == "refund" and each.text("status") == "success"]
    if not paid:
        return None
    amounts: dict[str | None, list[int | None]] = {}
    for transaction in paid:
        currency = transaction.text("currency") or shop_currency
        amounts.setdefault(currency, []).append(transaction.minor("amount", currency))
    in_shop_money = _in_shop_money(refund)
    home = shop_currency or (in_shop_money.currency if in_shop_money else None)
    if len(amounts) == 1:
        [(currency, parts)] = amounts.items()
        if currency and (home is None or currency == home or in_shop_money is None):
            known = [part for part in parts if part is not None]
            return RefundedAmount(sum(known), currency) if len(known) == len(parts) else _UNKNOWN
    return in_shop_money or _UNKNOWN


def _in_shop_money(refund: JSONObject) -> RefundedAmount | None:
    """Return the sum of a refund's lines and adjustments in the shop's currency; None if they do not state it."""
    total, currencies = 0, set()
    for name, sets, sign in _PARTS:
        for line in refund.children(name):
            for one in sets:
                money = line.child(one).child("shop_money")
                currency = money.text("currency_code")
                minor = money.minor("amount", currency)
                if currency and minor is not None:
                    total += sign * minor
                    currencies.add(currency)
    return RefundedAmount(total, currencies.pop()) if len(currencies) == 1 and total > 0 else None


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
