r"""Shopify.

    POST /v1/webhooks/shopify/acme
    X-Shopify-Topic: orders/create
    X-Shopify-Hmac-Sha256: XWmrwMey6OsLMeiZKwP4FppHH3cmAiiJJAweH5Jo4bM=
    X-Shopify-Shop-Domain: acme.myshopify.com
    X-Shopify-Event-Id: 98880550-7158-44d4-b7cd-2c97c8a091b5
    X-Shopify-Webhook-Id: b54557e4-bdd9-4b37-8a5f-bf7d70bcd043

    {"id": 820982911946154508, "name": "#1001", "created_at": "2026-11-30T15:00:00-05:00", "currency": "USD",
     "total_price": "49.00", "financial_status": "paid", "test": false, "cancelled_at": null,
     "customer_locale": "en-US", "phone": null, "checkout_token": "b1946ac92492d2347c6235b4d2611184",
     "customer": {"id": 207119551, "first_name": "Ana", "last_name": "Ruiz", "phone": "+12125550123"},
     "billing_address": {"phone": "(212) 555-0124", "country_code": "US", "province_code": "NY", "zip": "10001"},
     "shipping_address": null, "line_items": [{"title": "Beans 1 kg", "sku": "B1", "quantity": 1, "price": "49.00"}],
     "discount_codes": [{"code": "HELLO"}], "order_status_url": "https://acme.example/o/1001", "refunds": []}

The HMAC covers the body alone, so the ids in the headers prove nothing: each trigger also has a natural key made
from the signed body. One order is one purchase, told by orders/create or orders/paid, whichever comes first with a
usable number; a shop that wants to thank only for paid orders subscribes orders/paid alone. orders/updated is told
many times for one change: it yields the transitions the order shows (cancelled, refunded, shipped), each with the
natural key it has in its own topic. The subject of all of them is ``order-<id>``, of a checkout ``checkout-<token>``.

Source: webhooks section 1.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.ingest.domain.readings import (
    Claim,
    Happening,
    Join,
    Outcome,
    QuarantineReason,
    Reading,
    Shop,
    Unreadable,
)
from services.ingest.fields import Fields, Misshapen
from services.ingest.sources.adapter import Adapter, Circumstances, Headers, Reader, hmac_sha256_base64, is_any_of
from services.ingest.sources.shopify_people import (
    NAME,
    FieldsReader,
    changed_consent,
    changed_customer,
    claimant,
    contact_of,
    known,
    privacy,
    sha256_of,
    with_consent_state,
)
from services.ingest.sources.shopify_shapes import fits
from shared.events.consent import ConsentAct, ConsentScope, PrivacyRight
from shared.events.trigger import PhoneProvenance, TriggerKind

SIGNATURE = "x-shopify-hmac-sha256"
SHOP_DOMAIN = "x-shopify-shop-domain"
TOPIC = "x-shopify-topic"
EVENT_ID = "x-shopify-event-id"
WEBHOOK_ID = "x-shopify-webhook-id"

SHIPPED = frozenset({"success"})
"""A fulfilment that is pending or open has not left the shop; cancelled, error and failure never will."""
OLDEST_PURCHASE = timedelta(days=3)
"""An order that was processed earlier was imported, or waited for longer than Shopify repeats a webhook (48 hours)."""


def is_genuine(headers: Headers, body: bytes, secrets: Sequence[str], shop: Shop, _now: datetime) -> bool:
    """Return whether one of the secrets signed the raw body, and the shop is the configured one."""
    expected = [hmac_sha256_base64(secret.encode(), body) for secret in secrets]
    signed = is_any_of([headers.get(SIGNATURE, "")], expected)
    return signed and shop.domain in {None, headers.get(SHOP_DOMAIN, "").lower()}


def topic_of(headers: Headers) -> str:
    """Return the topic, which is no part of what is signed."""
    return headers.get(TOPIC, "").lower()


def repeat_keys(headers: Headers) -> tuple[str, ...]:
    """Return shop, topic and event id, and the webhook id: Shopify's pages name one, its libraries the other.

    The event id is one per act of the merchant and shared by several topics, so it is no key without the topic.
    """
    shop = headers.get(SHOP_DOMAIN, "").lower()
    keys = []
    if EVENT_ID in headers:
        keys.append(f"event {shop} {topic_of(headers)} {headers[EVENT_ID]}")
    if WEBHOOK_ID in headers:
        keys.append(f"webhook {headers[WEBHOOK_ID]}")
    return tuple(keys)


def reader_of(topic: str) -> Reader | None:
    """Return the reader of a topic."""
    reader = _READERS.get(topic)
    if reader is None:
        return None

    def read(document: Any, circumstances: Circumstances) -> Outcome:
        if not isinstance(document, dict):
            raise Misshapen("body", "must be an object")
        shop_domain = circumstances.shop.domain or circumstances.headers.get(SHOP_DOMAIN)
        if not fits(topic, document, shop_domain):
            return Unreadable(QuarantineReason.TOPIC_MISMATCH, "the signed body is not one of this topic and shop")
        return reader(Fields(document), circumstances)

    return read


def _purchase(order: Fields, at: Circumstances) -> Reading:
    """Read orders/create and orders/paid: the same purchase."""
    currency = order.text("currency")
    purchase = Happening(
        kind=TriggerKind.PURCHASE,
        key=f"{_order_subject(order)}/purchase",
        occurred_at=order.required_instant("created_at"),
        subject=_order_subject(order),
        amount_minor=order.minor("total_price", currency),
        currency=currency,
        is_test=order.flag("test"),
        facts=_order_facts(order),
    )
    return _about_order(order, at, () if _is_dead(order, at) else (purchase,))


def _is_dead(order: Fields, at: Circumstances) -> bool:
    """Return whether nobody should be thanked for an order: cancelled, voided, or made long ago and imported now."""
    processed_at = order.instant("processed_at")
    is_old = processed_at is not None and at.received_at - processed_at > OLDEST_PURCHASE
    return is_old or order.instant("cancelled_at") is not None or order.text("financial_status") == "voided"


def _changes(order: Fields, at: Circumstances) -> Reading:
    """Read orders/updated, orders/cancelled and orders/fulfilled: whatever the order has come to show."""
    found = [_refund(refund, order) for refund in order.each("refunds")]
    found += [happening for parcel in order.each("fulfillments") for happening in _parcel(parcel, order)]
    if (cancelled_at := order.instant("cancelled_at")) is not None:
        currency = order.text("currency")
        found.append(
            Happening(
                kind=TriggerKind.CANCELLATION,
                key=f"{_order_subject(order)}/cancellation",
                occurred_at=cancelled_at,
                subject=_order_subject(order),
                amount_minor=order.minor("total_price", currency),
                currency=currency,
                is_test=order.flag("test"),
                facts=_order_facts(order) | known(reason=order.text("cancel_reason")),
            )
        )
    return _about_order(order, at, tuple(found))


def _refunded(refund: Fields, _at: Circumstances) -> Reading:
    """Read refunds/create: it names its order and nobody's number."""
    order_id = refund.required("order_id")
    return Reading(
        joins=(Join("subject", f"order-{order_id}"),), happenings=(_refund(refund, Fields({"id": order_id})),)
    )


def _refund(refund: Fields, order: Fields) -> Happening:
    """Return a refund: the sum of its successful refund transactions, where they have one currency."""
    amounts: dict[str | None, int] = {}
    for transaction in refund.each("transactions"):
        if transaction.text("kind") == "refund" and transaction.text("status") in {None, "success", "pending"}:
            currency = transaction.text("currency") or order.text("currency")
            amounts[currency] = amounts.get(currency, 0) + (transaction.minor("amount", currency) or 0)
    [(currency, amount)] = amounts.items() if len(amounts) == 1 else [(None, None)]
    return Happening(
        kind=TriggerKind.REFUND,
        key=f"refund-{refund.required('id')}",
        occurred_at=refund.required_instant("created_at"),
        subject=_order_subject(order),
        amount_minor=amount if currency else None,
        currency=currency,
        is_test=order.flag("test"),
        facts=(_order_facts(order) if "name" in order else {}) | known(reason=refund.text("note")),
    )


def _fulfilled(parcel: Fields, at: Circumstances) -> Reading:
    """Read fulfillments/create and fulfillments/update."""
    order = Fields({"id": parcel.required("order_id")})
    destination = parcel.fields("destination")
    return Reading(
        contact=contact_of(at.shop, shipping=destination),
        joins=(Join("subject", _order_subject(order)),),
        happenings=_parcel(parcel, order),
    )


def _parcel(parcel: Fields, order: Fields) -> tuple[Happening, ...]:
    """Return what is known of a parcel: that it was sent, and that it arrived."""
    if parcel.text("status") not in SHIPPED:
        return ()
    created_at = parcel.required_instant("created_at")
    key, subject, is_test = f"fulfillment-{parcel.required('id')}", _order_subject(order), order.flag("test")
    facts = (_order_facts(order) if "name" in order else {}) | known(
        tracking_url=parcel.text("tracking_url"),
        tracking_company=parcel.text("tracking_company"),
        tracking_number=parcel.text("tracking_number"),
    )
    sent = Happening(TriggerKind.FULFILMENT, key, created_at, subject, is_test=is_test, facts=facts)
    if parcel.text("shipment_status") != "delivered":
        return (sent,)
    arrived_at = parcel.instant("updated_at") or created_at
    arrived = Happening(
        TriggerKind.DELIVERY,
        f"{key}/delivered",
        arrived_at,
        subject,
        is_test=is_test,
        facts=facts,
        anchored_at=created_at,
    )
    return (sent, arrived)


def _checkout(checkout: Fields, at: Circumstances) -> Reading:
    """Read checkouts/create and checkouts/update: begun, and once `completed_at` is set, completed.

    The tick box for texts (`buyer_accepts_sms_marketing`) is dated as the checkout, the earliest it can have been
    ticked, so that it never overturns a later STOP. It is express consent, or what the merchant's file says the words
    beside it make it. `buyer_accepts_marketing` is about e-mail and claims nothing.
    """
    token = checkout.required("token")
    subject, begun_at, currency = (
        f"checkout-{token}",
        checkout.required_instant("created_at"),
        checkout.text("currency"),
    )
    completed_at = checkout.instant("completed_at")
    happening = Happening(
        kind=TriggerKind.CHECKOUT_COMPLETED if completed_at else TriggerKind.CHECKOUT_STARTED,
        key=f"{subject}/{'completed' if completed_at else 'started'}",
        occurred_at=completed_at or begun_at,
        subject=subject,
        amount_minor=checkout.minor("total_price", currency),
        currency=currency,
        facts=known(checkout_url=checkout.text("abandoned_checkout_url")) | _cart_facts(checkout),
    )
    raw = checkout.text("sms_marketing_phone")
    reading = _about_order(checkout, at, (happening,), subject=subject, other_phone=raw)
    own = claimant(at.shop, raw, PhoneProvenance.ORDER, checkout.fields("billing_address").text("country_code"))
    if not checkout.flag("buyer_accepts_sms_marketing") or (raw and own is None):
        return reading
    captured_at = min(begun_at, at.received_at)
    level, wording = at.shop.ticked(captured_at)
    claim = Claim(
        scope=ConsentScope.MARKETING,
        act=ConsentAct.GRANTED,
        level=level,
        captured_at=captured_at,
        told_at=begun_at,
        method="checkout",
        source=NAME,
        disclosure_sha256=sha256_of(wording),
        evidence=known(disclosure=wording),
        contact=own,
    )
    return replace(reading, claims=(*reading.claims, claim))


def _closes(reason: str) -> FieldsReader:
    """Return the reader of a topic that ends the shop's use of this app."""
    return lambda _shop, _at: Reading(closes=reason)


def _nothing(_document: Fields, _at: Circumstances) -> Reading:
    return Reading()


def _about_order(
    order: Fields,
    at: Circumstances,
    happenings: tuple[Happening, ...],
    *,
    subject: str | None = None,
    other_phone: str | None = None,
) -> Reading:
    """Return the reading of an order or checkout: its person, and all by which that person is found again."""
    customer = order.fields("customer")
    customer_id, token = customer.text("id"), order.text("checkout_token")
    subjects = dict.fromkeys(filter(None, (subject or _order_subject(order), f"checkout-{token}" if token else None)))
    contact = contact_of(
        at.shop,
        customer=customer,
        order=order,
        billing=order.fields("billing_address"),
        shipping=order.fields("shipping_address"),
        other_phone=other_phone,
    )
    reading = Reading(
        contact,
        customer_id,
        (*(Join("subject", name) for name in subjects), *((Join("customer", customer_id),) if customer_id else ())),
        happenings,
    )
    return with_consent_state(reading, customer, at)


def _order_subject(order: Fields) -> str:
    return f"order-{order.required('id')}"


def _order_facts(order: Fields) -> dict[str, Any]:
    return known(
        order_name=order.text("name"),
        order_status_url=order.text("order_status_url"),
        financial_status=order.text("financial_status"),
        landing_site=order.text("landing_site"),
        checkout_token=order.text("checkout_token"),
        source_name=order.text("source_name"),
        tags=order.text("tags"),
    ) | _cart_facts(order)


def _cart_facts(cart: Fields) -> dict[str, Any]:
    lines = cart.each("line_items")
    return {
        "items": [title for line in lines if (title := line.text("title"))],
        "skus": [sku for line in lines if (sku := line.text("sku"))],
        "discount_codes": [code for discount in cart.each("discount_codes") if (code := discount.text("code"))],
    }


_READERS: dict[str, FieldsReader] = {
    "orders/create": _purchase,
    "orders/paid": _purchase,
    "orders/updated": _changes,
    "orders/cancelled": _changes,
    "orders/fulfilled": _changes,
    "refunds/create": _refunded,
    "fulfillments/create": _fulfilled,
    "fulfillments/update": _fulfilled,
    "checkouts/create": _checkout,
    "checkouts/update": _checkout,
    "checkouts/delete": _nothing,
    "customers/create": changed_customer,
    "customers/update": changed_customer,
    "customers_marketing_consent/update": changed_consent,
    "customers/data_request": privacy(PrivacyRight.EXPORT),
    "customers/redact": privacy(PrivacyRight.ERASURE),
    "shop/redact": _closes("shop_redact"),
    "app/uninstalled": _closes("app_uninstalled"),
}

SHOPIFY = Adapter(NAME, is_genuine, topic_of, repeat_keys, reader_of)
