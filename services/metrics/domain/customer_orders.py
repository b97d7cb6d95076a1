"""The book of orders: one line an order, however many sources tell of it and in whatever order they do.

An order is a merchant's subject; a purchase without a subject is an order of its own. What is given back is taken off,
and a cancelled order counts for nothing. The earliest telling of a purchase decides what was bought, so that the book
is the same whichever comes first.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from shared import ids
from shared.events.trigger import MOST_MINOR, ORDER_EDITED, TriggerKind, TriggerReceived

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = frozenset({TriggerKind.PURCHASE.value, TriggerKind.REFUND.value, TriggerKind.CANCELLATION.value, ORDER_EDITED})


class CustomerOrder(NamedTuple):
    """One line of the book."""

    order_id: UUID
    merchant_id: str
    recipient_id: UUID
    ordered_at: datetime
    amount_minor: int = 0
    """What was bought for, whatever was given back."""
    currency: str = ""
    refunded_minor: int = 0
    """In the currency of the order; as much as there can be, where nobody says how much. What an edit added to the
    order is taken off it, so that the sum is the same in whatever order they come."""
    refund_currency: str = ""
    cancelled_at: datetime | None = None
    is_awaited: bool = False
    """Whether only what was taken back is known so far, and not yet the purchase."""


def affects_order(trigger: TriggerReceived) -> bool:
    """Return whether a trigger belongs into the book: a purchase, or what takes one back that it names; no tests."""
    is_named = trigger.subject is not None or trigger.kind == TriggerKind.PURCHASE
    return not trigger.test and trigger.kind in _KINDS and is_named


def order_id(merchant_id: str, subject: str | None, event_id: UUID) -> UUID:
    """Return the one id an order has, whoever tells of it."""
    return event_id if subject is None else ids.derived("order", merchant_id, subject, at=_EPOCH)


def apply_trigger(order: CustomerOrder | None, trigger: TriggerReceived, key: UUID | None = None) -> CustomerOrder:
    """Return an order's line once this has happened to it; `key` is its id, where the caller has made it already."""
    known = order or CustomerOrder(
        key or order_id(trigger.merchant_id, trigger.subject, trigger.event_id),
        trigger.merchant_id,
        trigger.recipient_id,
        trigger.occurred_at,
        is_awaited=True,
    )
    match trigger.kind:
        case TriggerKind.PURCHASE.value:
            return _bought(known, trigger)
        case TriggerKind.REFUND.value:
            return _given_back(known, trigger)
        case str(kind) if kind == ORDER_EDITED:
            return known._replace(refunded_minor=known.refunded_minor - (trigger.amount_minor or 0))
        case _:
            return known._replace(cancelled_at=min(filter(None, (known.cancelled_at, trigger.occurred_at))))


def _bought(order: CustomerOrder, purchase: TriggerReceived) -> CustomerOrder:
    if not order.is_awaited and order.ordered_at <= purchase.occurred_at:
        return order
    return order._replace(
        recipient_id=purchase.recipient_id,
        ordered_at=purchase.occurred_at,
        amount_minor=purchase.amount_minor or 0,
        currency=purchase.currency or "",
        is_awaited=False,
    )


def _given_back(order: CustomerOrder, refund: TriggerReceived) -> CustomerOrder:
    whole = refund.amount_minor is None
    minor = MOST_MINOR if refund.amount_minor is None else abs(refund.amount_minor)
    currency = order.refund_currency if whole else refund.currency or order.refund_currency
    return order._replace(refunded_minor=min(order.refunded_minor + minor, MOST_MINOR), refund_currency=currency)
