"""Shopify's refunds: how much of the order's own money went back.

    {"id": 509562969, "order_id": 820982911946154508, "created_at": "2026-11-30T16:00:00-05:00", "note": "broken cup",
     "transactions": [{"kind": "refund", "status": "success", "amount": "81.00", "currency": "CAD"}],
     "refund_line_items": [{"subtotal_set": {"shop_money": {"amount": "60.00", "currency_code": "USD"}},
                            "total_tax_set": {"shop_money": {"amount": "0.00", "currency_code": "USD"}}}],
     "order_adjustments": [{"amount_set": {"shop_money": {"amount": "-5.00", "currency_code": "USD"}}}]}

A refund without a successful transaction gave nothing back: goods return to the shelf, an unpaid line goes, a payment
is still pending or has failed. Transactions may be in the buyer's currency; the lines say the same in the shop's.

Source: webhooks section 1 (refunds/create).
"""

from dataclasses import dataclass

from services.ingest.fields import Fields

_LINES = (("refund_line_items", ("subtotal_set", "total_tax_set"), 1),)
_ADJUSTMENTS = (("order_adjustments", ("amount_set", "tax_amount_set"), -1),)
"""What was given back beside goods, such as shipping, is an adjustment below zero."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What went back; no amount where nobody says how much, or it has several currencies."""

    minor: int | None
    currency: str | None


_UNKNOWN = Returned(None, None)


def refund_of(refund: Fields, shop_currency: str | None) -> Returned | None:
    """Return the money that a refund gave back; None where it gave none.

    Args:
        refund: the refund.
        shop_currency: the order's, where the order is known.
    """
    given = refund.each("transactions")
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
            return Returned(sum(known), currency) if len(known) == len(parts) else _UNKNOWN
    return in_shop_money or _UNKNOWN


def _in_shop_money(refund: Fields) -> Returned | None:
    """Return what the lines and adjustments of a refund come to in the shop's money; None where they do not say."""
    total, currencies = 0, set()
    for name, sets, sign in _LINES + _ADJUSTMENTS:
        for line in refund.each(name):
            for one in sets:
                money = line.fields(one).fields("shop_money")
                currency = money.text("currency_code")
                minor = money.minor("amount", currency)
                if currency and minor is not None:
                    total += sign * minor
                    currencies.add(currency)
    if len(currencies) != 1 or total <= 0:
        return None
    return Returned(total, currencies.pop())
