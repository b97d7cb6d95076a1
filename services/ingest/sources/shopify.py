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
from the signed body. A shop that wants follow-ups only for paid orders subscribes orders/paid alone. The subject of
everything about an order is ``order-<id>``, of a checkout ``checkout-<token>``.

Anyone who can replay a signed delivery could send it under another topic, and turn an order into an erasure. So a
topic is accepted only if the body has the fields that its topic has and none that only other topics have; if the body
names its shop, it must be the shop of the header.

A field that cannot be read is unknown, and affects only what depends on it: a withdrawal, a cancellation or an
erasure is recorded if its person or order can be read. A delivery of which nothing remains is quarantined.

Source: webhooks section 1, also for the mandatory privacy topics and their bodies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from services.ingest.domain.parsed_deliveries import (
    ParsedDelivery,
    ParseResult,
    QuarantineReason,
    ShopSettings,
    Unreadable,
)
from services.ingest.sources.adapter import Adapter, DeliveryContext, Headers, Reader, hmac_sha256_base64, is_any_of
from services.ingest.sources.json_object import InvalidField, JSONObject
from services.ingest.sources.shopify_orders import changes, checkout, deleted, fulfilled, purchase, refunded
from services.ingest.sources.shopify_people import NAME, ObjectReader, changed_consent, changed_customer, privacy
from shared.events.consent import PrivacyRight

SIGNATURE = "x-shopify-hmac-sha256"
SHOP_DOMAIN = "x-shopify-shop-domain"
TOPIC = "x-shopify-topic"
EVENT_ID = "x-shopify-event-id"
WEBHOOK_ID = "x-shopify-webhook-id"


@dataclass(frozen=True, slots=True)
class _Shape:
    """The fields that a topic's body must have, those it never has, and whether it has no others at all."""

    has: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    is_all: bool = False


def _shape(*has: str, lacks: tuple[str, ...] = ()) -> _Shape:
    return _Shape(frozenset(has), frozenset(lacks))


_ORDER = _shape(
    "id", "financial_status", lacks=("order_id", "orders_to_redact", "orders_requested", "myshopify_domain")
)
_PARCEL = _shape("id", "order_id", "status", lacks=("financial_status", "refund_line_items"))
_CHECKOUT = _shape("token", lacks=("financial_status", "order_id", "orders_to_redact", "orders_requested"))
_CUSTOMER = _shape(
    lacks=(
        *("order_id", "line_items", "financial_status", "myshopify_domain", "token"),
        *("shop_domain", "orders_to_redact", "orders_requested"),
    )
)
_SHAPES: Final[Mapping[str, _Shape]] = {
    **dict.fromkeys(("orders/create", "orders/paid", "orders/updated", "orders/cancelled", "orders/fulfilled"), _ORDER),
    "orders/delete": _Shape(frozenset({"id"}), is_all=True),
    "refunds/create": _shape("order_id", lacks=("status", "financial_status", "tracking_company", "orders_to_redact")),
    **dict.fromkeys(("fulfillments/create", "fulfillments/update"), _PARCEL),
    **dict.fromkeys(("checkouts/create", "checkouts/update"), _CHECKOUT),
    **dict.fromkeys(("customers/create", "customers/update", "customers_marketing_consent/update"), _CUSTOMER),
    "customers/data_request": _shape(
        *("customer", "orders_requested"), lacks=("orders_to_redact", "line_items", "financial_status")
    ),
    "customers/redact": _shape(
        *("customer", "orders_to_redact"), lacks=("orders_requested", "line_items", "financial_status")
    ),
    "shop/redact": _shape(
        "shop_domain", lacks=("customer", "id", "line_items", "orders_to_redact", "orders_requested")
    ),
    "app/uninstalled": _shape("myshopify_domain", lacks=("customer", "line_items", "order_id", "orders_to_redact")),
}


def is_genuine(headers: Headers, body: bytes, secrets: Sequence[str], shop: ShopSettings, _now: datetime) -> bool:
    """Return whether one of the secrets signed the raw body, and the shop is the configured one."""
    expected = [hmac_sha256_base64(secret.encode(), body) for secret in secrets]
    signed = is_any_of([headers.get(SIGNATURE, "")], expected)
    return signed and shop.domain in {None, headers.get(SHOP_DOMAIN, "").lower()}


def topic_of(headers: Headers) -> str:
    """Return the topic, which is not signed."""
    return headers.get(TOPIC, "").lower()


def repeat_keys(headers: Headers) -> tuple[str, ...]:
    """Return shop, topic and event id as one key, and the webhook id: Shopify documents one, its libraries the other.

    An event id stands for one action of the merchant and is shared by several topics, so its key includes the topic.
    """
    shop = headers.get(SHOP_DOMAIN, "").lower()
    keys = []
    if EVENT_ID in headers:
        keys.append(f"event {shop} {topic_of(headers)} {headers[EVENT_ID]}")
    if WEBHOOK_ID in headers:
        keys.append(f"webhook {headers[WEBHOOK_ID]}")
    return tuple(keys)


def reader_of(topic: str) -> Reader | None:
    """Return the parser of a topic."""
    reader = _READERS.get(topic)
    if reader is None:
        return None

    def read(document: Any, context: DeliveryContext) -> ParseResult:
        if not isinstance(document, dict):
            raise InvalidField("body", "must be an object")
        shop_domain = context.shop.domain or context.headers.get(SHOP_DOMAIN)
        if not _fits(topic, document, shop_domain):
            return Unreadable(QuarantineReason.TOPIC_MISMATCH, "the signed body is not one of this topic and shop")
        fields = JSONObject(document)
        found = reader(fields, context)
        if fields.skipped and not found.has_content:
            raise fields.skipped[0]
        wrong = tuple({each.field: None for each in (*fields.unknown, *fields.skipped)})
        return replace(found, unknown=wrong) if wrong else found

    return read


def _fits(topic: str, body: Mapping[str, Any], shop_domain: str | None) -> bool:
    """Return whether a signed body is one of the topic that its header names, and of the shop that it names."""
    shape = _SHAPES.get(topic)
    if shape is None:
        return True
    named = body.get("myshopify_domain") or body.get("shop_domain")
    is_of_shop = not isinstance(named, str) or not shop_domain or named.casefold() == shop_domain.casefold()
    is_whole = not shape.is_all or shape.has == body.keys()
    return is_of_shop and is_whole and shape.has <= body.keys() and shape.lacks.isdisjoint(body.keys())


def _closes(reason: str) -> ObjectReader:
    """Return the parser of a topic that ends the shop's use of this app."""
    return lambda _shop, _at: ParsedDelivery(closes=reason)


def _nothing(_document: JSONObject, _at: DeliveryContext) -> ParsedDelivery:
    return ParsedDelivery()


_READERS: dict[str, ObjectReader] = {
    "orders/create": purchase,
    "orders/paid": purchase,
    "orders/updated": changes,
    "orders/cancelled": changes,
    "orders/fulfilled": changes,
    "orders/delete": deleted,
    "refunds/create": refunded,
    "fulfillments/create": fulfilled,
    "fulfillments/update": fulfilled,
    "checkouts/create": checkout,
    "checkouts/update": checkout,
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
