"""Customers' orders: one row for each order, independent of how many sources report it and in which sequence.

An order is a merchant's subject; a purchase without a subject is an order of its own. Refunds are deducted, and a
cancelled order counts for nothing. The earliest report of a purchase decides its amount, so that the result does not
depend on the sequence of the reports.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from shared import ids
from shared.events.trigger import MOST_MINOR, ORDER_EDITED, TriggerKind, TriggerReceived

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = frozenset({TriggerKind.PURCHASE.value, TriggerKind.REFUND.value, TriggerKind.CANCELLATION.value, ORDER_EDITED})


class CustomerOrder(NamedTuple):
    """One order."""

    order_id: UUID
    merchant_id: str
    recipient_id: UUID
    ordered_at: datetime
    amount_minor: int = 0
    """The purchase amount, before refunds."""
    currency: str = ""
    refunded_minor: int = 0
    """In the currency of the order; the maximum if the amount is unknown. What an edit adds to the order is subtracted
    here, so that the sum does not depend on the sequence."""
    refund_currency: str = ""
    cancelled_at: datetime | None = None
    is_awaited: bool = False
    """Whether only refunds, edits or a cancellation are known so far, and not the purchase."""


def affects_order(trigger: TriggerReceived) -> bool:
    """Return whether a trigger changes an order: a purchase, or a change of a named one; tests do not."""
    is_named = trigger.subject is not None or trigger.kind == TriggerKind.PURCHASE
    return not trigger.test and trigger.kind in _KINDS and is_named


def order_id(merchant_id: str, subject: str | None, event_id: UUID) -> UUID:
    """Return the id of an order, which is the same for every source."""
    return event_id if subject is None else ids.derived("order", merchant_id, subject, at=_EPOCH)


def apply_trigger(order: CustomerOrder | None, trigger: TriggerReceived, key: UUID | None = None) -> CustomerOrder:
    """Return an order after this trigger; `key` is its id, if the caller has derived it already."""
    known = order or CustomerOrder(
        key or order_id(trigger.merchant_id, trigger.subject, trigger.event_id),
        trigger.merchant_id,
        trigger.recipient_id,
        trigger.occurred_at,
        is_awaited=True,
    )
    match trigger.kind:
        case TriggerKind.PURCHASE.value:
            return _purchased(known, trigger)
        case TriggerKind.REFUND.value:
            return _refunded(known, trigger)
        case str(kind) if kind == ORDER_EDITED:
            return known._replace(refunded_minor=known.refunded_minor - (trigger.amount_minor or 0))
        case _:
            return known._replace(cancelled_at=min(filter(None, (known.cancelled_at, trigger.occurred_at))))


def _purchased(order: CustomerOrder, purchase: TriggerReceived) -> CustomerOrder:
    if not order.is_awaited and order.ordered_at <= purchase.occurred_at:
        return order
    return order._replace(
        recipient_id=purchase.recipient_id,
        ordered_at=purchase.occurred_at,
        amount_minor=purchase.amount_minor or 0,
        currency=purchase.currency or "",
        is_awaited=False,
    )


def _refunded(order: CustomerOrder, refund: TriggerReceived) -> CustomerOrder:
    whole = refund.amount_minor is None
    minor = MOST_MINOR if refund.amount_minor is None else abs(refund.amount_minor)
    currency = order.refund_currency if whole else refund.currency or order.refund_currency
    return order._replace(refunded_minor=min(order.refunded_minor + minor, MOST_MINOR), refund_currency=currency)
