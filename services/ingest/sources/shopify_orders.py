"""Shopify's orders: what they show of a purchase, a cancellation, money given back and parcels.

One order is one purchase, told by orders/create or orders/paid, whichever comes first with a usable number. An order
that is updated is told many times for one change: it yields the transitions it shows, each with the natural key it
has in its own topic. Each part is read by itself: what cannot be read costs no other part.

Source: webhooks section 1.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from services.ingest.domain.parsed_deliveries import Join, OrderTotal, ParsedDelivery, TriggerDraft
from services.ingest.fields import Fields, Misshapen
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.shopify_parcels import parcel_of
from services.ingest.sources.shopify_people import contact_of, known, with_consent_state
from services.ingest.sources.shopify_refunds import refund_of
from services.ingest.sources.shopify_totals import total_of
from shared.events.trigger import ORDER_DELETED, TriggerKind

OLDEST_PURCHASE = timedelta(days=3)
"""An order that was processed earlier was imported, or waited for longer than Shopify repeats a webhook (48 hours)."""
DELETED_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a deletion is anchored, which has no instant of its own: an order is deleted once."""
_GLOBAL_ID = "gid://shopify/Order/"


def purchase(order: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/create and orders/paid: the same purchase."""
    total = total_of(order)
    happenings = () if _is_dead(order, at) else _parts(order, lambda: (_purchase(order, total),))
    return about_order(order, at, happenings, total=total)


def changes(order: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/updated, orders/cancelled and orders/fulfilled: whatever the order has come to show."""
    found: list[TriggerDraft] = []
    for refund in order.each("refunds"):
        found += _parts(refund, partial(_refund, refund, order))
    for parcel in order.each("fulfillments"):
        found += _parts(parcel, partial(_parcel, parcel, order))
    if is_cancelled(order):
        found += _parts(order, lambda: (_cancellation(order, at),))
    total = total_of(order)
    reading = about_order(order, at, tuple(found), total=None if order.flag("test") else total)
    lives = not _is_dead(order, at) and _is_recent(order, at)
    return replace(reading, retold=_parts(order, lambda: (_purchase(order, total),))) if lives else reading


def refunded(refund: Fields, _at: DeliveryContext) -> ParsedDelivery:
    """Read refunds/create: it names its order and nobody's number."""
    order = refund.beside({"id": refund.required("order_id")})
    return ParsedDelivery(joins=(Join("subject", subject_of(order)),), happenings=_refund(refund, order))


def fulfilled(parcel: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Read fulfillments/create and fulfillments/update."""
    order = parcel.beside({"id": parcel.required("order_id")})
    return ParsedDelivery(
        contact=contact_of(at.shop, shipping=parcel.fields("destination")),
        joins=(Join("subject", subject_of(order)),),
        happenings=_parcel(parcel, order),
    )


def deleted(order: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/delete, which has nothing but the order's id: what waits about it is called off.

    It says nothing of money: orders that were paid are deleted too, years later, to tidy up.
    """
    subject = subject_of(order)
    gone = TriggerDraft(ORDER_DELETED, f"{subject}/deleted", at.received_at, subject, anchored_at=DELETED_AT)
    return ParsedDelivery(joins=(Join("subject", subject),), happenings=(gone,))


def _parts(part: Fields, read: Callable[[], tuple[TriggerDraft, ...]]) -> tuple[TriggerDraft, ...]:
    """Return what a part of a document says; nothing, and why in `lost`, where it lacks what it needs."""
    try:
        return read()
    except Misshapen as finding:
        part.lost.append(finding)
        return ()


def _purchase(order: Fields, total: OrderTotal | None) -> TriggerDraft:
    currency = order.text("currency")
    return TriggerDraft(
        kind=TriggerKind.PURCHASE,
        key=f"{subject_of(order)}/purchase",
        occurred_at=order.required_instant("created_at"),
        subject=subject_of(order),
        amount_minor=total.minor if total and total.minor is not None else order.minor("total_price", currency),
        currency=currency,
        is_test=order.flag("test"),
        facts=_order_facts(order),
    )


def _is_dead(order: Fields, at: DeliveryContext) -> bool:
    """Return whether nobody should be thanked for an order: cancelled, voided, or made long ago and imported now."""
    processed_at = order.instant("processed_at")
    is_old = processed_at is not None and at.received_at - processed_at > OLDEST_PURCHASE
    return is_old or is_cancelled(order) or order.text("financial_status") == "voided"


def _is_recent(order: Fields, at: DeliveryContext) -> bool:
    """Return whether an order is young enough for its buyer to hear of it."""
    created_at = order.instant("created_at")
    return created_at is not None and at.received_at - created_at <= OLDEST_PURCHASE


def is_cancelled(order: Fields) -> bool:
    """Return whether an order says when it was cancelled, be it unreadable."""
    return "cancelled_at" in order and not order.is_blank("cancelled_at")


def _cancellation(order: Fields, at: DeliveryContext) -> TriggerDraft:
    currency = order.text("currency")
    return TriggerDraft(
        kind=TriggerKind.CANCELLATION,
        key=f"{subject_of(order)}/cancellation",
        occurred_at=order.instant("cancelled_at") or order.instant("updated_at") or at.received_at,
        subject=subject_of(order),
        amount_minor=order.minor("total_price", currency),
        currency=currency,
        is_test=order.flag("test"),
        facts=_order_facts(order) | known(reason=order.text("cancel_reason")),
    )


def _refund(refund: Fields, order: Fields) -> tuple[TriggerDraft, ...]:
    money = refund_of(refund, order.text("currency"))
    if money is None:
        return ()
    return (
        TriggerDraft(
            kind=TriggerKind.REFUND,
            key=f"refund-{refund.required('id')}",
            occurred_at=refund.required_instant("created_at"),
            subject=subject_of(order),
            amount_minor=money.minor,
            currency=money.currency,
            is_test=order.flag("test"),
            facts=(_order_facts(order) if "name" in order else {}) | known(reason=refund.text("note")),
        ),
    )


def _parcel(parcel: Fields, order: Fields) -> tuple[TriggerDraft, ...]:
    facts = _order_facts(order) if "name" in order else {}
    return parcel_of(parcel, subject_of(order), is_test=order.flag("test"), order_facts=facts)


def about_order(
    order: Fields,
    at: DeliveryContext,
    happenings: tuple[TriggerDraft, ...],
    *,
    subject: str | None = None,
    other_phone: str | None = None,
    total: OrderTotal | None = None,
) -> ParsedDelivery:
    """Return the reading of an order or checkout: its person, and all by which that person is found again."""
    customer = order.fields("customer")
    customer_id, token = customer.text("id"), order.text("checkout_token")
    own = f"order-{id_of(order)}" if subject is None and id_of(order) else subject
    subjects = dict.fromkeys(filter(None, (own, f"checkout-{token}" if token else None)))
    contact = contact_of(
        at.shop,
        customer=customer,
        order=order,
        billing=order.fields("billing_address"),
        shipping=order.fields("shipping_address"),
        other_phone=other_phone,
    )
    reading = ParsedDelivery(
        contact,
        customer_id,
        (*(Join("subject", name) for name in subjects), *((Join("customer", customer_id),) if customer_id else ())),
        happenings,
        as_of=as_of(order, at),
        total=total,
    )
    return with_consent_state(reading, customer, at)


def as_of(document: Fields, at: DeliveryContext) -> datetime:
    """Return when an order or cart came to be as it is told; now, where nobody says."""
    return min(document.instant("updated_at") or at.received_at, at.received_at)


def id_of(order: Fields) -> str | None:
    """Return an order's id, from its global one where its own cannot be read."""
    own = order.text("id")
    written = "" if own else order.text("admin_graphql_api_id") or ""
    return own or written.removeprefix(_GLOBAL_ID) if own or written.startswith(_GLOBAL_ID) else None


def subject_of(order: Fields) -> str:
    """Return the subject of all that concerns an order.

    Raises:
        Misshapen: its id cannot be read.
    """
    return f"order-{id_of(order) or order.required('id')}"


def _order_facts(order: Fields) -> dict[str, Any]:
    return known(
        order_name=order.text("name"),
        order_status_url=order.text("order_status_url"),
        financial_status=order.text("financial_status"),
        landing_site=order.text("landing_site"),
        checkout_token=order.text("checkout_token"),
        source_name=order.text("source_name"),
        tags=order.text("tags"),
    ) | cart_facts(order)


def cart_facts(cart: Fields) -> dict[str, Any]:
    """Return what lies in an order or cart."""
    lines = cart.each("line_items")
    told = [line.flag("requires_shipping") for line in lines if "requires_shipping" in line]
    return {
        "items": [title for line in lines if (title := line.text("title"))],
        "skus": [sku for line in lines if (sku := line.text("sku"))],
        "discount_codes": [code for discount in cart.each("discount_codes") if (code := discount.text("code"))],
    } | ({"requires_shipping": any(told)} if told else {})
