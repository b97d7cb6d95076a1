"""Checks that a Shopify body has the form of its topic: the topic is in an unsigned header, the body is signed.

Anyone who can replay a signed delivery could send it under another topic, and turn an order into an erasure. So a
topic is accepted only if the body has the fields that its topic has and none that only other topics have; if the body
names its shop, it must be the shop of the header.

Source: webhooks section 1 (the mandatory privacy topics and their bodies).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


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


def fits(topic: str, body: Mapping[str, Any], shop_domain: str | None) -> bool:
    """Return whether a signed body is one of the topic that its header names, and of the shop that it names."""
    shape = _SHAPES.get(topic)
    if shape is None:
        return True
    named = body.get("myshopify_domain") or body.get("shop_domain")
    is_of_shop = not isinstance(named, str) or not shop_domain or named.casefold() == shop_domain.casefold()
    is_whole = not shape.is_all or shape.has == body.keys()
    return is_of_shop and is_whole and shape.has <= body.keys() and shape.lacks.isdisjoint(body.keys())
