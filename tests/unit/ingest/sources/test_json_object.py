"""An invalid field affects only what depends on it, and never a withdrawal."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.domain.parsed_deliveries import ParsedDelivery, ShopSettings, Unreadable
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.shopify import SHOPIFY
from shared.events.consent import ConsentAct, PrivacyRight
from shared.testing.clock import START
from shared.testing.make_ingest import ORDER_ID, PHONE, body_of, shopify_headers, shopify_order, shopify_refund

WITHDRAWAL: dict[str, Any] = {
    "customer_id": 7,
    "phone": PHONE,
    "note": "gift",
    "sms_marketing_consent": {
        "state": "unsubscribed",
        "opt_in_level": "single_opt_in",
        "consent_updated_at": "2026-12-01T11:00:00-05:00",
        "consent_collected_from": "OTHER",
    },
    "default_address": {"country_code": "US", "zip": "10001"},
}
CUSTOMER = {name: value for name, value in WITHDRAWAL.items() if name != "customer_id"} | {
    "id": 7,
    "first_name": "Ana",
    "updated_at": "2026-12-01T11:00:00-05:00",
    "tags": "vip",
}
PARCEL = {"id": 3, "order_id": 1, "status": "success", "created_at": "2026-12-01T11:00:00-05:00"}
CANCELLED = shopify_order(
    cancelled_at="2026-12-01T12:10:00-05:00",
    cancel_reason="customer",
    refunds=[shopify_refund()],
    fulfillments=[PARCEL],
    admin_graphql_api_id=f"gid://shopify/Order/{ORDER_ID}",
)
REDACTION = {
    "shop_id": 1,
    "shop_domain": "acme.myshopify.com",
    "customer": {"id": 7, "email": "ana@example.com", "phone": PHONE},
    "orders_to_redact": [ORDER_ID],
}


def read(topic: str, document: Any) -> ParsedDelivery | Unreadable:
    body = document if isinstance(document, bytes) else body_of(document)
    return SHOPIFY.read(body, DeliveryContext(shopify_headers(body, topic), ShopSettings(country="US"), START))


def withdraws(found: ParsedDelivery) -> bool:
    return any(claim.act is ConsentAct.REVOKED for claim in found.claims)


def cancels(found: ParsedDelivery) -> bool:
    return any((each.kind, each.subject) == ("cancellation", f"order-{ORDER_ID}") for each in found.triggers)


def erases(found: ParsedDelivery) -> bool:
    return PrivacyRight.ERASURE in found.rights and bool(found.contact or found.identifiers)


ENDINGS: dict[str, tuple[dict[str, Any], Callable[[ParsedDelivery], bool], frozenset[tuple[str | int, ...]]]] = {
    "customers_marketing_consent/update": (
        WITHDRAWAL,
        withdraws,
        frozenset({("sms_marketing_consent",), ("sms_marketing_consent", "state")}),
    ),
    "customers/update": (
        CUSTOMER,
        withdraws,
        frozenset({("sms_marketing_consent",), ("sms_marketing_consent", "state")}),
    ),
    "orders/cancelled": (CANCELLED, cancels, frozenset({("cancelled_at",), ("id",)})),
    "customers/redact": (REDACTION, erases, frozenset({("shop_domain",)})),
}
"""A topic, a document, what it ends, and the fields that say so themselves."""


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for name, inner in items:
        yield (*path, name)
        yield from places(inner, (*path, name))


def replaced(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed: Any = deepcopy(document)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    assert isinstance(changed, dict)
    return changed


DEEP: Any = None
for _ in range(80):
    DEEP = [DEEP]
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    "",
    " ",
    "x",
    "\ud83c",
    "a\0b",
    [],
    [None],
    {},
    {"id": []},
    DEEP,
]


@pytest.mark.parametrize("topic", ENDINGS)
def test_no_single_odd_field_loses_a_withdrawal_a_cancellation_or_an_erasure(topic: str) -> None:
    document, is_there, said_there = ENDINGS[topic]
    for path in places(document):
        if path in said_there:
            continue
        for value in ODD:
            found = read(topic, replaced(document, path, value))
            assert isinstance(found, ParsedDelivery), (path, value, found)
            assert is_there(found), (path, value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("topic", ENDINGS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_stands_in_one_field_what_the_delivery_ends_is_taken(topic: str, data: st.DataObject) -> None:
    document, is_there, said_there = ENDINGS[topic]
    path = data.draw(st.sampled_from([path for path in places(document) if path not in said_there]))
    found = read(topic, replaced(document, path, data.draw(JSON)))
    assert isinstance(found, ParsedDelivery)
    assert is_there(found)


@pytest.mark.parametrize("at", ["yesterday", "2026-11-30T11:59:00", "1970-01-01T00:00:00Z", 46027, [], False])
def test_a_cancellation_whose_date_cannot_be_read_is_one(at: Any) -> None:
    found = read("orders/updated", CANCELLED | {"cancelled_at": at})
    assert isinstance(found, ParsedDelivery)
    assert cancels(found)


def test_an_order_whose_id_cannot_be_read_is_known_by_its_global_one() -> None:
    found = read("orders/cancelled", CANCELLED | {"id": 1.5})
    assert isinstance(found, ParsedDelivery)
    assert cancels(found)


@pytest.mark.parametrize("at", ["2026-11-30T11:59:00", "1970-01-01T00:00:00Z", []])
def test_a_withdrawal_whose_date_cannot_be_read_is_undated_and_a_permission_is_none(at: Any) -> None:
    consent = WITHDRAWAL["sms_marketing_consent"] | {"consent_updated_at": at}
    for state, dates in (("unsubscribed", [None]), ("subscribed", [])):
        reported = WITHDRAWAL | {"sms_marketing_consent": consent | {"state": state}}
        found = read("customers_marketing_consent/update", reported)
        assert isinstance(found, ParsedDelivery)
        assert [claim.captured_at for claim in found.claims] == dates


@pytest.mark.parametrize("half", [rb"\ud83c", rb"\udf81", rb"\\\ud83c", b"\xed\xa0\xbc", b"\xff", rb"\u0000"])
def test_half_a_character_costs_nothing_beside_it(half: bytes) -> None:
    body = body_of(CUSTOMER | {"note": "gift @"}).replace(b"@", half)
    found = read("customers/update", body)
    assert isinstance(found, ParsedDelivery)
    assert withdraws(found)


def test_whole_characters_are_kept_where_a_half_is_replaced() -> None:
    body = body_of(CUSTOMER | {"first_name": "\u00c1na \U0001d49c", "note": "gift @"}).replace(b"@", rb"\ud83c")
    found = read("customers/update", body)
    assert isinstance(found, ParsedDelivery)
    assert found.contact is not None
    assert found.contact.first_name == "\u00c1na \U0001d49c"


def test_what_was_not_understood_is_named() -> None:
    found = read("orders/cancelled", CANCELLED | {"total_price": "49.005", "line_items": [None]})
    assert isinstance(found, ParsedDelivery)
    assert sorted(found.unknown) == ["line_items.0", "total_price"]
    [amount] = [each.amount_minor for each in found.triggers if each.kind == "cancellation"]
    assert amount is None


def test_an_order_without_a_readable_date_is_still_a_withdrawal() -> None:
    customer = CUSTOMER | {"id": 7}
    found = read("orders/create", shopify_order(created_at="yesterday", customer=customer))
    assert isinstance(found, ParsedDelivery)
    assert found.triggers == ()
    assert withdraws(found)
