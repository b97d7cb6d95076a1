"""What an order comes to: told with its purchase, followed when it is edited, and by what its refunds are converted.

An order's platform says its total anew with each change. What was told of it is remembered, and only the difference is
told on (`order_edited`): differences add up the same in whatever order they are read. Money given back in the buyer's
currency is counted in the shop's by the order's own ratio; where nobody knows that, its amount is unknown.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import orjson

from services.ingest.domain.parsed_deliveries import OrderTotal, ParsedDelivery, TriggerDraft
from shared.events.trigger import TriggerKind


@dataclass(frozen=True, slots=True)
class Told:
    """A reading whose amounts fit what is known of its order, what to remember of that, and what was added to it."""

    reading: ParsedDelivery
    total: OrderTotal | None
    """What is to be remembered; None: what is known stands."""
    added_minor: int = 0
    """By how much the order comes to more than was told; below zero: to less."""


def told(reading: ParsedDelivery, known: OrderTotal | None, *, is_old: bool) -> Told:
    """Return what a delivery says of an order's money.

    Args:
        reading: the delivery.
        known: what was told of its order before.
        is_old: whether something newer is known of the order.
    """
    total = reading.total
    rate = known if known is not None and known.buyer_minor else total or known
    fitting = reading
    if rate is not None:
        fitting = replace(reading, happenings=tuple(in_shop_money(reading.happenings, rate)))
    begins = any(each.kind == TriggerKind.PURCHASE for each in reading.happenings)
    if known is None:
        return Told(fitting, total if begins else None)
    if is_old or total is None or total.minor is None or total.currency != known.currency:
        return Told(fitting, None)
    if known.minor is None:
        return Told(fitting, total)
    return Told(fitting, total, total.minor - known.minor)


def in_shop_money(happenings: Iterable[TriggerDraft], total: OrderTotal | None) -> Iterable[TriggerDraft]:
    """Return what happened, each refund in the money of its order; without an amount, where there is no ratio."""
    for each in happenings:
        if total is None or each.kind != TriggerKind.REFUND or each.currency in {None, total.currency}:
            yield each
        elif each.amount_minor is None or not total.buyer_minor or each.currency != total.buyer_currency:
            yield replace(each, amount_minor=None, currency=None)
        else:
            yield replace(each, amount_minor=_converted(each.amount_minor, total), currency=total.currency)


def _converted(minor: int, total: OrderTotal) -> int:
    """Return an amount of the buyer's money in the shop's, to the nearest unit."""
    return (2 * minor * (total.shop_minor or 0) + (total.buyer_minor or 1)) // (2 * (total.buyer_minor or 1))


def written(total: OrderTotal | None) -> str | None:
    """Return a total as its column holds it."""
    return None if total is None else orjson.dumps(asdict(total)).decode()


def read(column: str | None) -> OrderTotal | None:
    """Return the total in a column."""
    return OrderTotal(**orjson.loads(column)) if column else None
