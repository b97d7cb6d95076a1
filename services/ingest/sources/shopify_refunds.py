"""Shopify's refunds: the refunded amount in the shop's currency.

    {"id": 509562969, "order_id": 820982911946154508, "created_at": "2026-11-30T16:00:00-05:00", "note": "broken cup",
     "transactions": [{"kind": "refund", "status": "success", "amount": "81.00", "currency": "CAD"}],
     "refund_line_items": [{"subtotal_set": {"shop_money": {"amount": "60.00", "currency_code": "USD"}},
                            "total_tax_set": {"shop_money": {"amount": "0.00", "currency_code": "USD"}}}],
     "order_adjustments": [{"amount_set": {"shop_money": {"amount": "-5.00", "currency_code": "USD"}}}]}

A refund without a successful transaction returned no money: goods were restocked, an unpaid line was removed, or a
payment is pending or has failed. Transactions may be in the buyer's currency; the lines have the shop's.

Source: webhooks section 1 (refunds/create).
"""

from dataclasses import dataclass

from services.ingest.sources.json_object import JSONObject

_LINES = (("refund_line_items", ("subtotal_set", "total_tax_set"), 1),)
_ADJUSTMENTS = (("order_adjustments", ("amount_set", "tax_amount_set"), -1),)
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
    for name, sets, sign in _LINES + _ADJUSTMENTS:
        for line in refund.children(name):
            for one in sets:
                money = line.child(one).child("shop_money")
                currency = money.text("currency_code")
                minor = money.minor("amount", currency)
                if currency and minor is not None:
                    total += sign * minor
                    currencies.add(currency)
    if len(currencies) != 1 or total <= 0:
        return None
    return RefundedAmount(total, currencies.pop())
