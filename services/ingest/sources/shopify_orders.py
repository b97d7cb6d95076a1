"""Shopify's orders: purchase, cancellation, refunds and parcels.

One order is one purchase, reported by orders/create or orders/paid, whichever comes first with a usable number. One
change of an order causes several deliveries: each yields every trigger the order shows, with the natural key that the
trigger has in its own topic. Each part is read separately: an unreadable part does not affect the others.

Source: webhooks section 1.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from services.ingest.domain.parsed_deliveries import Identifier, OrderTotal, ParsedDelivery, TriggerDraft
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.json_object import InvalidField, JSONObject
from services.ingest.sources.shopify_parcels import parcel_of
from services.ingest.sources.shopify_people import contact_of, known, with_consent_state
from services.ingest.sources.shopify_refunds import refund_of
from services.ingest.sources.shopify_totals import total_of
from shared.events.trigger import ORDER_DELETED, TriggerKind

OLDEST_PURCHASE = timedelta(days=3)
"""An order processed earlier was imported, or delayed for longer than Shopify repeats a webhook (48 hours)."""
DELETED_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""The instant from which a deletion's id is derived, since it has none of its own; an order is deleted once."""
_GLOBAL_ID = "gid://shopify/Order/"


def purchase(order: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/create and orders/paid: the same purchase."""
    total = total_of(order)
    triggers = () if _is_void(order, at) else _parts(order, lambda: (_purchase(order, total),))
    return about_order(order, at, triggers, total=total)


def changes(order: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/updated, orders/cancelled and orders/fulfilled: everything the order shows now."""
    found: list[TriggerDraft] = []
    for refund in order.children("refunds"):
        found += _parts(refund, partial(_refund, refund, order))
    for parcel in order.children("fulfillments"):
        found += _parts(parcel, partial(_parcel, parcel, order))
    if is_cancelled(order):
        found += _parts(order, lambda: (_cancellation(order, at),))
    total = total_of(order)
    parsed = about_order(order, at, tuple(found), total=None if order.flag("test") else total)
    lives = not _is_void(order, at) and _is_recent(order, at)
    return replace(parsed, on_number_change=_parts(order, lambda: (_purchase(order, total),))) if lives else parsed


def refunded(refund: JSONObject, _at: DeliveryContext) -> ParsedDelivery:
    """Read refunds/create, which names its order and holds no number."""
    order = refund.sibling({"id": refund.required("order_id")})
    return ParsedDelivery(identifiers=(Identifier("subject", subject_of(order)),), triggers=_refund(refund, order))


def fulfilled(parcel: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read fulfillments/create and fulfillments/update."""
    order = parcel.sibling({"id": parcel.required("order_id")})
    return ParsedDelivery(
        contact=contact_of(at.shop, shipping=parcel.child("destination")),
        identifiers=(Identifier("subject", subject_of(order)),),
        triggers=_parcel(parcel, order),
    )


def deleted(order: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/delete, which holds only the order's id: pending follow-ups about it are cancelled.

    It does not mean a refund: paid orders are deleted too, years later, when a shop cleans up.
    """
    subject = subject_of(order)
    gone = TriggerDraft(ORDER_DELETED, f"{subject}/deleted", at.received_at, subject, anchored_at=DELETED_AT)
    return ParsedDelivery(identifiers=(Identifier("subject", subject),), triggers=(gone,))


def _parts(part: JSONObject, read: Callable[[], tuple[TriggerDraft, ...]]) -> tuple[TriggerDraft, ...]:
    """Return the triggers of a part of a document; none, with the reason in `skipped`, if a field is missing."""
    try:
        return read()
    except InvalidField as finding:
        part.skipped.append(finding)
        return ()


def _purchase(order: JSONObject, total: OrderTotal | None) -> TriggerDraft:
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


def _is_void(order: JSONObject, at: DeliveryContext) -> bool:
    """Return whether an order starts no follow-ups: cancelled, voided, or processed long ago and imported now."""
    processed_at = order.instant("processed_at")
    is_old = processed_at is not None and at.received_at - processed_at > OLDEST_PURCHASE
    return is_old or is_cancelled(order) or order.text("financial_status") == "voided"


def _is_recent(order: JSONObject, at: DeliveryContext) -> bool:
    """Return whether an order is recent enough for a follow-up to its buyer."""
    created_at = order.instant("created_at")
    return created_at is not None and at.received_at - created_at <= OLDEST_PURCHASE


def is_cancelled(order: JSONObject) -> bool:
    """Return whether an order has a cancellation date, readable or not."""
    return "cancelled_at" in order and not order.is_blank("cancelled_at")


def _cancellation(order: JSONObject, at: DeliveryContext) -> TriggerDraft:
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


def _refund(refund: JSONObject, order: JSONObject) -> tuple[TriggerDraft, ...]:
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


def _parcel(parcel: JSONObject, order: JSONObject) -> tuple[TriggerDraft, ...]:
    facts = _order_facts(order) if "name" in order else {}
    return parcel_of(parcel, subject_of(order), is_test=order.flag("test"), order_facts=facts)


def about_order(
    order: JSONObject,
    at: DeliveryContext,
    triggers: tuple[TriggerDraft, ...],
    *,
    subject: str | None = None,
    other_phone: str | None = None,
    total: OrderTotal | None = None,
) -> ParsedDelivery:
    """Return an order or checkout parsed: its person, and every identifier that leads to that person later."""
    customer = order.child("customer")
    customer_id, token = customer.text("id"), order.text("checkout_token")
    own = f"order-{id_of(order)}" if subject is None and id_of(order) else subject
    subjects = dict.fromkeys(filter(None, (own, f"checkout-{token}" if token else None)))
    contact = contact_of(
        at.shop,
        customer=customer,
        order=order,
        billing=order.child("billing_address"),
        shipping=order.child("shipping_address"),
        other_phone=other_phone,
    )
    parsed = ParsedDelivery(
        contact,
        customer_id,
        (
            *(Identifier("subject", name) for name in subjects),
            *((Identifier("customer", customer_id),) if customer_id else ()),
        ),
        triggers,
        as_of=as_of(order, at),
        total=total,
    )
    return with_consent_state(parsed, customer, at)


def as_of(document: JSONObject, at: DeliveryContext) -> datetime:
    """Return when an order or cart was last updated; the time of receipt if it does not say."""
    return min(document.instant("updated_at") or at.received_at, at.received_at)


def id_of(order: JSONObject) -> str | None:
    """Return an order's id; if it cannot be read, the one in its global id."""
    own = order.text("id")
    written = "" if own else order.text("admin_graphql_api_id") or ""
    return own or written.removeprefix(_GLOBAL_ID) if own or written.startswith(_GLOBAL_ID) else None


def subject_of(order: JSONObject) -> str:
    """Return the subject of everything about an order.

    Raises:
        InvalidField: its id cannot be read.
    """
    return f"order-{id_of(order) or order.required('id')}"


def _order_facts(order: JSONObject) -> dict[str, Any]:
    return known(
        order_name=order.text("name"),
        order_status_url=order.text("order_status_url"),
        financial_status=order.text("financial_status"),
        landing_site=order.text("landing_site"),
        checkout_token=order.text("checkout_token"),
        source_name=order.text("source_name"),
        tags=order.text("tags"),
    ) | cart_facts(order)


def cart_facts(cart: JSONObject) -> dict[str, Any]:
    """Return the facts about the contents of an order or cart."""
    lines = cart.children("line_items")
    ships = [line.flag("requires_shipping") for line in lines if "requires_shipping" in line]
    return {
        "items": [title for line in lines if (title := line.text("title"))],
        "skus": [sku for line in lines if (sku := line.text("sku"))],
        "discount_codes": [code for discount in cart.children("discount_codes") if (code := discount.text("code"))],
    } | ({"requires_shipping": any(ships)} if ships else {})
