"""Order totals: published with the purchase, corrected by edits, and used to convert refunds.

A platform repeats an order's total with each change. The published total is stored, and only the difference is
published (`order_edited`), so that the sum does not depend on the order of deliveries. A refund in the buyer's currency
is converted to the shop's by the order's own ratio; without a known ratio its amount is unknown.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import orjson

from services.ingest.domain.parsed_deliveries import OrderTotal, ParsedDelivery, TriggerDraft
from shared.events.trigger import TriggerKind


@dataclass(frozen=True, slots=True)
class AdjustedAmounts:
    """A delivery with its amounts in the shop's currency, the total to store, and the change of the total."""

    parsed: ParsedDelivery
    total: OrderTotal | None
    """The total to store; None: the stored one stays."""
    added_minor: int = 0
    """The new total less the published one, in minor units; may be negative."""


def adjust_amounts(parsed: ParsedDelivery, known: OrderTotal | None, *, is_old: bool) -> AdjustedAmounts:
    """Return a delivery with its amounts in the shop's currency, and what it changes in its order's total.

    Args:
        parsed: the delivery.
        known: the total published before, if any.
        is_old: whether the stored state of the order is newer.
    """
    total = parsed.total
    rate = known if known is not None and known.buyer_minor else total or known
    converted = parsed
    if rate is not None:
        converted = replace(parsed, triggers=tuple(in_shop_money(parsed.triggers, rate)))
    is_purchase = any(trigger.kind == TriggerKind.PURCHASE for trigger in parsed.triggers)
    if known is None:
        return AdjustedAmounts(converted, total if is_purchase else None)
    if is_old or total is None or total.minor is None or total.currency != known.currency:
        return AdjustedAmounts(converted, None)
    if known.minor is None:
        return AdjustedAmounts(converted, total)
    return AdjustedAmounts(converted, total, total.minor - known.minor)


def in_shop_money(triggers: Iterable[TriggerDraft], total: OrderTotal | None) -> Iterable[TriggerDraft]:
    """Return the triggers with each refund in the shop's currency, or without an amount if there is no ratio."""
    for trigger in triggers:
        if total is None or trigger.kind != TriggerKind.REFUND or trigger.currency in {None, total.currency}:
            yield trigger
        elif trigger.amount_minor is None or not total.buyer_minor or trigger.currency != total.buyer_currency:
            yield replace(trigger, amount_minor=None, currency=None)
        else:
            yield replace(trigger, amount_minor=_converted(trigger.amount_minor, total), currency=total.currency)


def _converted(minor: int, total: OrderTotal) -> int:
    """Return an amount in the buyer's currency as one in the shop's, rounded to the nearest minor unit."""
    return (2 * minor * (total.shop_minor or 0) + (total.buyer_minor or 1)) // (2 * (total.buyer_minor or 1))


def serialize_total(total: OrderTotal | None) -> str | None:
    """Return a total as its column stores it."""
    return None if total is None else orjson.dumps(asdict(total)).decode()


def parse_total(column: str | None) -> OrderTotal | None:
    """Return the total in a column."""
    return OrderTotal(**orjson.loads(column)) if column else None
