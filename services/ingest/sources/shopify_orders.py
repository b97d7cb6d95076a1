"""Shopify's orders and checkouts: purchase, cancellation, refunds, parcels, the checkbox for texts.

One order is one purchase, reported by orders/create or orders/paid, whichever comes first with a usable number. One
change of an order causes several deliveries: each yields every trigger the order shows, with the natural key that the
trigger has in its own topic. Each part is read separately: an unreadable part does not affect the others.

A checkout is started, and later completed:

    {"token": "b1946ac92492d2347c6235b4d2611184", "created_at": "2026-11-30T15:00:00-05:00",
     "updated_at": "2026-11-30T15:01:00-05:00", "completed_at": null, "phone": "+12125550123",
     "sms_marketing_phone": "+12125550123", "buyer_accepts_sms_marketing": true, "total_price": "49.00",
     "currency": "USD", "abandoned_checkout_url": "https://acme.example/c/1", "line_items": [{"title": "Beans 1 kg"}]}

Source: webhooks section 1.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from services.ingest.domain.parsed_deliveries import (
    CollectionPoint,
    ConsentClaim,
    Identifier,
    OrderTotal,
    ParsedDelivery,
    TriggerDraft,
)
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.json_object import InvalidField, JSONObject
from services.ingest.sources.shopify_amounts import refund_of, total_of
from services.ingest.sources.shopify_parcels import parcel_of
from services.ingest.sources.shopify_people import (
    NAME,
    as_of,
    consent_contact,
    contact_of,
    customer_identifiers,
    known,
    with_consent_state,
)
from shared.events.consent import ConsentAct, ConsentScope
from shared.events.trigger import ORDER_DELETED, PhoneProvenance, TriggerKind

OLDEST_PURCHASE = timedelta(days=3)
"""An order processed earlier was imported, or delayed for longer than Shopify repeats a webhook (48 hours)."""
DELETED_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""The instant from which a deletion's id is derived, since it has none of its own; an order is deleted once."""
_GLOBAL_ID = "gid://shopify/Order/"


def purchase(order: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/create and orders/paid: the same purchase."""
    total = total_of(order)
    triggers = () if _is_void(order, at) else _parts(order, lambda: (_purchase(order, total),))
    return _about_order(order, at, triggers, total=total)


def changes(order: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read orders/updated, orders/cancelled and orders/fulfilled: everything the order shows now."""
    found: list[TriggerDraft] = []
    for refund in order.children("refunds"):
        found += _parts(refund, partial(_refund, refund, order))
    for parcel in order.children("fulfillments"):
        found += _parts(parcel, partial(_parcel, parcel, order))
    if _is_cancelled(order):
        found += _parts(order, lambda: (_cancellation(order, at),))
    total = total_of(order)
    parsed = _about_order(order, at, tuple(found), total=None if order.flag("test") else total)
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


def checkout(document: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read checkouts/create and checkouts/update: started, and completed once `completed_at` is set."""
    token = document.required("token")
    subject, begun_at = f"checkout-{token}", document.required_instant("created_at")
    currency, is_completed = document.text("currency"), not document.is_blank("completed_at")
    completed_at = (document.instant("completed_at") or as_of(document, at)) if is_completed else None
    trigger = TriggerDraft(
        kind=TriggerKind.CHECKOUT_COMPLETED if completed_at else TriggerKind.CHECKOUT_STARTED,
        key=f"{subject}/{'completed' if completed_at else 'started'}",
        occurred_at=completed_at or begun_at,
        subject=subject,
        amount_minor=document.minor("total_price", currency),
        currency=currency,
        facts=known(checkout_url=document.text("abandoned_checkout_url")) | _cart_facts(document),
        anchored_at=begun_at if completed_at else None,
    )
    parsed = _about_order(document, at, (trigger,), subject=subject, other_phone=document.text("sms_marketing_phone"))
    claim = _checkbox_claim(document, at, completed_at or begun_at)
    place = CollectionPoint(subject, as_of(document, at), claim)
    return replace(
        parsed,
        claims=(*parsed.claims, *((claim,) if claim else ())),
        place=place,
        on_number_change=() if is_completed else (trigger,),
    )


def _checkbox_claim(document: JSONObject, at: DeliveryContext, ticked_at: datetime) -> ConsentClaim | None:
    """Return the consent that the checkbox for texts (`buyer_accepts_sms_marketing`) gives; None if it is clear.

    It has the date of the checkout, the earliest it can have been ticked, so that it never overrides a later
    withdrawal; completing the checkout confirms it. Clearing the checkbox, or correcting the number beside it,
    withdraws it. It is express consent, or the level that the merchant's file gives its disclosure.
    `buyer_accepts_marketing` is about e-mail and is not used.
    """
    raw = document.text("sms_marketing_phone")
    own = consent_contact(at.shop, raw, PhoneProvenance.ORDER, document.child("billing_address").text("country_code"))
    if not document.flag("buyer_accepts_sms_marketing") or (raw and own is None):
        return None
    captured_at = min(ticked_at, at.received_at)
    level, wording = at.shop.checkbox_consent(captured_at)
    return ConsentClaim(
        scope=ConsentScope.MARKETING,
        act=ConsentAct.GRANTED,
        level=level,
        captured_at=captured_at,
        reported_at=ticked_at,
        method="checkout",
        source=NAME,
        evidence=known(disclosure=wording),
        contact=own,
    )


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
    return is_old or _is_cancelled(order) or order.text("financial_status") == "voided"


def _is_recent(order: JSONObject, at: DeliveryContext) -> bool:
    """Return whether an order is recent enough for a follow-up to its buyer."""
    created_at = order.instant("created_at")
    return created_at is not None and at.received_at - created_at <= OLDEST_PURCHASE


def _is_cancelled(order: JSONObject) -> bool:
    """Return whether an order has a cancellation date, readable or not."""
    return not order.is_blank("cancelled_at")


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


def _about_order(
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
    own = f"order-{_id_of(order)}" if subject is None and _id_of(order) else subject
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
        (*(Identifier("subject", name) for name in subjects), *customer_identifiers(customer_id)),
        triggers,
        as_of=as_of(order, at),
        total=total,
    )
    return with_consent_state(parsed, customer, at)


def _id_of(order: JSONObject) -> str | None:
    """Return an order's id; if it cannot be read, the one in its global id."""
    own = order.text("id")
    written = "" if own else order.text("admin_graphql_api_id") or ""
    return own or written.removeprefix(_GLOBAL_ID) if own or written.startswith(_GLOBAL_ID) else None


def subject_of(order: JSONObject) -> str:
    """Return the subject of everything about an order.

    Raises:
        InvalidField: its id cannot be read.
    """
    return f"order-{_id_of(order) or order.required('id')}"


def _order_facts(order: JSONObject) -> dict[str, Any]:
    return known(
        order_name=order.text("name"),
        order_status_url=order.text("order_status_url"),
        financial_status=order.text("financial_status"),
        landing_site=order.text("landing_site"),
        checkout_token=order.text("checkout_token"),
        source_name=order.text("source_name"),
        tags=order.text("tags"),
    ) | _cart_facts(order)


def _cart_facts(cart: JSONObject) -> dict[str, Any]:
    """Return the facts about the contents of an order or cart."""
    lines = cart.children("line_items")
    ships = [line.flag("requires_shipping") for line in lines if "requires_shipping" in line]
    return {
        "items": [title for line in lines if (title := line.text("title"))],
        "skus": [sku for line in lines if (sku := line.text("sku"))],
        "discount_codes": [code for discount in cart.children("discount_codes") if (code := discount.text("code"))],
    } | ({"requires_shipping": any(ships)} if ships else {})
