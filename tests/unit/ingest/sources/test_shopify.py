from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.domain.parsed_deliveries import ParsedDelivery, QuarantineReason, ShopSettings, Unreadable
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.shopify import SHOPIFY
from shared.events.consent import PrivacyRight
from shared.events.trigger import PhoneProvenance
from shared.testing.clock import START
from shared.testing.make_ingest import (
    OLD_SECRET,
    ORDER_ID,
    PHONE,
    SECRET,
    body_of,
    shopify_headers,
    shopify_order,
    shopify_refund,
    shopify_signature,
)

BODY = b'{"id": 1}'
SUBJECT = f"order-{ORDER_ID}"


def read(topic: str, document: Any, shop: ShopSettings | None = None) -> ParsedDelivery | Unreadable:
    body = document if isinstance(document, bytes) else body_of(document)
    context = DeliveryContext(shopify_headers(body, topic), shop or ShopSettings(country="US"), START)
    return SHOPIFY.read(body, context)


def parsed(topic: str, document: Any, shop: ShopSettings | None = None) -> ParsedDelivery:
    outcome = read(topic, document, shop)
    assert isinstance(outcome, ParsedDelivery)
    return outcome


def is_genuine(headers: dict[str, str], secrets: tuple[str, ...], shop: ShopSettings | None = None) -> bool:
    return SHOPIFY.is_genuine(headers, BODY, secrets, shop or ShopSettings(), START)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_any_configured_secret_verifies(secret: str) -> None:
    headers = {"x-shopify-hmac-sha256": shopify_signature(BODY, secret)}
    assert is_genuine(headers, (SECRET, OLD_SECRET))


@pytest.mark.parametrize("headers", [{}, {"x-shopify-hmac-sha256": ""}, {"x-shopify-hmac-sha256": "wröng"}])
def test_a_missing_or_wrong_signature_is_not_genuine(headers: dict[str, str]) -> None:
    assert not is_genuine(headers, (SECRET,))


def test_a_signature_of_another_body_is_not_genuine() -> None:
    assert not is_genuine({"x-shopify-hmac-sha256": shopify_signature(BODY + b" ", SECRET)}, (SECRET,))


def test_another_shop_with_the_same_secret_is_not_genuine_where_one_is_named() -> None:
    headers = shopify_headers(BODY, "orders/create", x_shopify_shop_domain="Other.myshopify.com")
    assert is_genuine(headers, (SECRET,), ShopSettings(domain="other.myshopify.com"))
    assert not is_genuine(headers, (SECRET,), ShopSettings(domain="acme.myshopify.com"))


def test_one_event_id_in_two_topics_is_two_deliveries() -> None:
    keys = [set(SHOPIFY.repeat_keys(shopify_headers(BODY, topic))) for topic in ("orders/create", "orders/paid")]
    assert keys[0].isdisjoint(keys[1])


def test_an_order_becomes_a_purchase_with_its_facts() -> None:
    found = parsed("orders/create", shopify_order())
    [purchase] = found.triggers
    assert (purchase.kind, purchase.subject, purchase.amount_minor, purchase.currency) == (
        "purchase",
        SUBJECT,
        4900,
        "USD",
    )
    assert purchase.occurred_at == datetime(2026, 12, 1, 16, 59, tzinfo=UTC)
    assert purchase.facts["order_name"] == "#1001"
    assert purchase.facts["items"] == ["Beans 1 kg"]
    assert purchase.facts["discount_codes"] == ["HELLO"]
    assert found.customer == "207119551"
    assert found.contact is not None
    assert (found.contact.phone, found.contact.state, found.contact.first_name) == (PHONE, "NY", "Ana")


def test_created_and_paid_are_one_purchase() -> None:
    [created] = parsed("orders/create", shopify_order(financial_status="pending")).triggers
    [paid] = parsed("orders/paid", shopify_order()).triggers
    assert (created.key, created.occurred_at, created.kind) == (paid.key, paid.occurred_at, paid.kind)


def test_an_id_beyond_2_to_the_53_keeps_every_digit() -> None:
    assert parsed("orders/create", shopify_order()).triggers[0].subject == "order-9007199254740993"


@pytest.mark.parametrize(
    ("currency", "total", "minor"), [("JPY", "4900", 4900), ("KWD", "4.900", 4900), ("USD", "49.00", 4900)]
)
def test_amounts_follow_their_currency(currency: str, total: str, minor: int) -> None:
    order = shopify_order(currency=currency, total_price=total)
    assert parsed("orders/create", order).triggers[0].amount_minor == minor


def phones(**present: str) -> dict[str, Any]:
    customer = {"id": 1, "phone": present.get("customer")}
    address = {"country_code": "US"}
    return shopify_order(
        customer=customer,
        phone=present.get("order"),
        billing_address=address | {"phone": present.get("billing")},
        shipping_address=address | {"phone": present.get("shipping")},
    )


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        (("customer", "order", "billing", "shipping"), PhoneProvenance.CUSTOMER),
        (("order", "billing", "shipping"), PhoneProvenance.ORDER),
        (("billing", "shipping"), PhoneProvenance.BILLING),
        (("shipping",), PhoneProvenance.SHIPPING),
    ],
)
def test_the_phone_is_the_customers_then_the_orders_then_billings_then_shippings(
    present: tuple[str, ...], chosen: PhoneProvenance
) -> None:
    numbers = {
        "customer": "+12125550101",
        "order": "+12125550102",
        "billing": "(212) 555-0103",
        "shipping": "+12125550104",
    }
    contact = parsed("orders/create", phones(**{name: numbers[name] for name in present})).contact
    assert contact is not None
    assert contact.provenance is chosen
    assert contact.phone[-1] == numbers[chosen][-1]


def test_an_unusable_number_yields_to_the_next() -> None:
    contact = parsed("orders/create", phones(customer="12", billing="2125550103")).contact
    assert contact is not None
    assert (contact.phone, contact.provenance) == ("+12125550103", PhoneProvenance.BILLING)


def test_a_number_without_prefix_and_country_is_refused() -> None:
    order = shopify_order(customer=None, billing_address=None, phone="2125550103")
    assert parsed("orders/create", order, ShopSettings()).contact is None


def test_the_shops_country_reads_a_number_where_no_address_does() -> None:
    order = shopify_order(customer=None, billing_address=None, phone="2125550103")
    contact = parsed("orders/create", order, ShopSettings(country="US")).contact
    assert contact is not None
    assert contact.phone == "+12125550103"


def test_an_update_that_changed_nothing_of_ours_says_nothing() -> None:
    assert parsed("orders/updated", shopify_order()).triggers == ()


def test_a_cancelled_order_is_a_cancellation_of_the_same_subject_in_either_topic() -> None:
    order = shopify_order(cancelled_at="2026-12-01T12:10:00-05:00", cancel_reason="customer")
    [updated] = parsed("orders/updated", order).triggers
    [cancelled] = parsed("orders/cancelled", order).triggers
    assert updated == cancelled
    assert (updated.kind, updated.subject, updated.facts["reason"]) == ("cancellation", SUBJECT, "customer")


def test_a_refund_is_the_same_in_its_own_topic_and_in_the_order() -> None:
    [own] = parsed("refunds/create", shopify_refund()).triggers
    [seen] = parsed("orders/updated", shopify_order(refunds=[shopify_refund()])).triggers
    assert (own.kind, own.subject, own.amount_minor, own.currency) == ("refund", SUBJECT, 1250, "USD")
    assert (own.key, own.occurred_at, own.amount_minor) == (seen.key, seen.occurred_at, seen.amount_minor)


def test_a_refund_counts_only_money_that_went_back() -> None:
    transactions = [
        {"kind": "refund", "status": "success", "amount": "5.00", "currency": "USD"},
        {"kind": "refund", "status": "failure", "amount": "5.00", "currency": "USD"},
        {"kind": "void", "status": "success", "amount": "9.00", "currency": "USD"},
    ]
    [refund] = parsed("refunds/create", shopify_refund(transactions=transactions)).triggers
    assert refund.amount_minor == 500


def test_a_refund_in_two_currencies_has_no_amount_of_its_own() -> None:
    transactions = [
        {"kind": "refund", "status": "success", "amount": "5.00", "currency": currency} for currency in ("USD", "EUR")
    ]
    [refund] = parsed("refunds/create", shopify_refund(transactions=transactions)).triggers
    assert (refund.amount_minor, refund.currency) == (None, None)


@pytest.mark.parametrize("status", ["failure", "error", "pending", None])
def test_a_refund_that_gave_no_money_back_is_none(status: str | None) -> None:
    transactions = [] if status is None else [{"kind": "refund", "status": status, "amount": "5.00", "currency": "USD"}]
    assert parsed("refunds/create", shopify_refund(transactions=transactions)).triggers == ()


def test_a_refund_that_waited_for_its_money_is_announced_once_that_went_back() -> None:
    paid = {"kind": "refund", "amount": "5.00", "currency": "USD"}
    found = [
        parsed("orders/updated", shopify_order(refunds=[shopify_refund(transactions=[paid | {"status": status}])]))
        for status in ("pending", "success")
    ]
    assert [len(each.triggers) for each in found] == [0, 1]


def money(amount: str) -> dict[str, Any]:
    return {"shop_money": {"amount": amount, "currency_code": "USD"}}


def test_a_refund_in_the_buyers_currency_is_counted_in_the_shops() -> None:
    refund = shopify_refund(
        transactions=[{"kind": "refund", "status": "success", "amount": "81.00", "currency": "CAD"}],
        refund_line_items=[{"subtotal_set": money("50.00"), "total_tax_set": money("4.00")}],
        order_adjustments=[{"amount_set": money("-5.00"), "tax_amount_set": money("-1.00")}],
    )
    for found in (parsed("refunds/create", refund), parsed("orders/updated", shopify_order(refunds=[refund]))):
        [reported] = found.triggers
        assert (reported.amount_minor, reported.currency) == (6000, "USD")


def parcel(**changes: Any) -> dict[str, Any]:
    return {
        "id": 255,
        "order_id": ORDER_ID,
        "status": "success",
        "created_at": "2026-12-01T12:00:00-05:00",
        "updated_at": "2026-12-01T12:00:00-05:00",
        "tracking_url": "https://parcels.example/1",
    } | changes


def test_a_parcel_is_the_same_fulfilment_in_its_own_topic_and_in_the_order() -> None:
    own = parsed("fulfillments/create", parcel()).triggers[0]
    seen = parsed("orders/fulfilled", shopify_order(fulfillments=[parcel()])).triggers[0]
    assert (own.kind, own.subject, own.facts["tracking_url"]) == ("fulfilment", SUBJECT, "https://parcels.example/1")
    assert (own.key, own.occurred_at) == (seen.key, seen.occurred_at)


def test_an_arrived_parcel_is_one_delivery_however_often_it_is_updated() -> None:
    first, later = (
        parsed("fulfillments/update", parcel(shipment_status="delivered", updated_at=at)).triggers[-1]
        for at in ("2026-12-03T12:00:00-05:00", "2026-12-04T12:00:00-05:00")
    )
    assert first.kind == "delivery"
    assert (first.key, first.anchored_at) == (later.key, later.anchored_at)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("in_transit", "in_transit"),
        ("out_for_delivery", "out_for_delivery"),
        ("ready_for_pickup", "ready_for_pickup"),
        ("attempted_delivery", "delivery_attempted"),
        ("FAILURE", "delivery_failed"),
        ("delivered", "delivery"),
    ],
)
def test_what_the_carrier_says_of_a_parcel_is_announced(status: str, kind: str) -> None:
    found = parsed("fulfillments/update", parcel(shipment_status=status, tracking_url=None)).triggers
    assert [each.kind for each in found] == ["fulfilment", kind]


@pytest.mark.parametrize("status", ["label_printed", "label_purchased", "confirmed", None, "", 7, "something_new"])
def test_what_is_no_news_to_the_buyer_is_not_announced(status: Any) -> None:
    found = parsed("fulfillments/update", parcel(shipment_status=status, tracking_url=None)).triggers
    assert [each.kind for each in found] == ["fulfilment"]


def test_tracking_is_announced_once_and_of_several_the_first() -> None:
    many = parcel(tracking_url=None, tracking_urls=["https://parcels.example/1", "https://parcels.example/2"])
    first, later = (
        parsed("fulfillments/update", many | {"updated_at": at}).triggers[1]
        for at in ("2026-12-01T14:00:00-05:00", "2026-12-01T15:00:00-05:00")
    )
    assert (first.kind, first.facts["tracking_url"]) == ("fulfilment", "https://parcels.example/1")
    assert (first.key, first.anchored_at) == (later.key, later.anchored_at)


def test_a_deleted_order_has_nothing_but_its_id() -> None:
    [gone] = parsed("orders/delete", {"id": ORDER_ID}).triggers
    assert (gone.kind, gone.subject) == ("order_deleted", SUBJECT)
    for body in BODIES.values():
        assert isinstance(read("orders/delete", body), Unreadable)
    for topic in BODIES:
        found = read(topic, {"id": ORDER_ID})
        assert isinstance(found, Unreadable) or not found.has_content


@pytest.mark.parametrize(("lines", "reported"), [((True, False), True), ((False,), False), ((None,), None), ((), None)])
def test_a_flow_can_distinguish_what_is_shipped_from_what_is_not(
    lines: tuple[bool | None, ...],
    reported: bool | None,  # noqa: FBT001 - a case
) -> None:
    order = shopify_order(line_items=[{"title": "x", "requires_shipping": each} for each in lines])
    [purchase] = parsed("orders/create", order).triggers
    assert purchase.facts.get("requires_shipping") is reported


def test_a_cancelled_parcel_was_not_sent() -> None:
    assert parsed("fulfillments/update", parcel(status="cancelled")).triggers == ()


def test_privacy_topics_become_requests() -> None:
    document = {"shop_domain": "acme.myshopify.com", "customer": {"id": 1, "phone": PHONE}}
    assert parsed("customers/redact", document | {"orders_to_redact": []}).rights == (PrivacyRight.ERASURE,)
    assert parsed("customers/data_request", document | {"orders_requested": []}).rights == (PrivacyRight.EXPORT,)


BODIES: dict[str, dict[str, Any]] = {
    "orders/create": shopify_order(),
    "refunds/create": shopify_refund(),
    "fulfillments/create": {"id": 1, "order_id": 2, "status": "success", "created_at": "2026-12-01T12:00:00Z"},
    "checkouts/create": {"id": 1, "token": "t", "created_at": "2026-12-01T12:00:00Z"},
    "customers/update": {"id": 1, "phone": PHONE, "updated_at": "2026-12-01T12:00:00Z"},
    "customers/data_request": {"shop_domain": "acme.myshopify.com", "customer": {"id": 1}, "orders_requested": []},
    "customers/redact": {"shop_domain": "acme.myshopify.com", "customer": {"id": 1}, "orders_to_redact": []},
    "shop/redact": {"shop_id": 1, "shop_domain": "acme.myshopify.com"},
    "app/uninstalled": {"id": 1, "myshopify_domain": "acme.myshopify.com"},
}


@pytest.mark.parametrize("body_of_topic", sorted(BODIES))
@pytest.mark.parametrize("topic", sorted(BODIES))
def test_a_topic_is_believed_only_with_a_body_of_its_own(topic: str, body_of_topic: str) -> None:
    outcome = read(topic, BODIES[body_of_topic])
    if topic == body_of_topic:
        assert isinstance(outcome, ParsedDelivery)
    else:
        assert isinstance(outcome, Unreadable)
        assert outcome.reason is QuarantineReason.TOPIC_MISMATCH


@pytest.mark.parametrize("topic", ["customers/redact", "shop/redact", "app/uninstalled"])
def test_a_body_of_another_shop_is_not_believed(topic: str) -> None:
    named = "myshopify_domain" if topic == "app/uninstalled" else "shop_domain"
    outcome = read(topic, BODIES[topic] | {named: "other.myshopify.com"})
    assert isinstance(outcome, Unreadable)


@pytest.mark.parametrize(
    "changes",
    [
        {"processed_at": "2019-05-01T12:00:00Z"},
        {"cancelled_at": "2026-12-01T16:59:30Z"},
        {"financial_status": "voided"},
    ],
)
def test_a_dead_order_gets_no_thanks(changes: dict[str, Any]) -> None:
    found = parsed("orders/create", shopify_order(**changes))
    assert found.triggers == ()
    assert found.contact is not None


@pytest.mark.parametrize("status", ["pending", "open", "cancelled", "error", "failure", None])
def test_a_parcel_that_has_not_left_is_not_announced(status: str | None) -> None:
    parcel = BODIES["fulfillments/create"] | {"status": status}
    assert parsed("fulfillments/create", parcel).triggers == ()


def test_a_flow_can_look_at_where_an_order_came_from() -> None:
    [purchase] = parsed("orders/create", shopify_order(source_name="pos", tags="vip, gift")).triggers
    assert (purchase.facts["source_name"], purchase.facts["tags"]) == ("pos", "vip, gift")


@pytest.mark.parametrize(
    ("topic", "orders"), [("customers/redact", "orders_to_redact"), ("customers/data_request", "orders_requested")]
)
def test_a_privacy_request_that_names_its_shop_by_id_alone_is_heard(topic: str, orders: str) -> None:
    assert parsed(topic, {"shop_id": 1, "customer": {"id": 1, "phone": PHONE}, orders: []}).rights


def test_an_uninstalled_app_closes_the_shop() -> None:
    assert parsed("app/uninstalled", BODIES["app/uninstalled"]).closes == "app_uninstalled"


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        ("orders/create", b"<html>", QuarantineReason.NOT_JSON),
        ("orders/create", b"\xff", QuarantineReason.NOT_JSON),
        ("orders/dreamt", b"{}", QuarantineReason.UNKNOWN_TOPIC),
        ("orders/create", b"[]", QuarantineReason.MISSHAPEN),
        ("orders/create", b"{}", QuarantineReason.TOPIC_MISMATCH),
        ("orders/create", body_of(shopify_order(id=1.5)), QuarantineReason.MISSHAPEN),
        ("orders/create", body_of(shopify_order(created_at="2026-12-01T12:00:00")), QuarantineReason.MISSHAPEN),
        ("orders/create", body_of(shopify_order(created_at="yesterday")), QuarantineReason.MISSHAPEN),
        ("checkouts/create", b"{}", QuarantineReason.TOPIC_MISMATCH),
    ],
)
def test_what_cannot_be_read_is_named_and_never_raises(topic: str, body: bytes, reason: QuarantineReason) -> None:
    outcome = read(topic, body)
    assert isinstance(outcome, Unreadable)
    assert outcome.reason is reason
    assert "Ana" not in outcome.detail


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("You WON $1000! claim at http://evil.example/x bit.ly/abc", None),
        (" ", None),
        ("Ana\n\nYour bank: call 900", None),
        ("evil.example/win", None),
        ("Ana\u200b", "Ana"),
        ("Ana", "Ana"),
    ],
)
def test_a_customers_name_is_a_name_or_absent(written: str, read_as: str | None) -> None:
    customer = {"id": 1, "first_name": written, "last_name": written, "phone": PHONE}

    contact = parsed("orders/create", shopify_order(customer=customer)).contact

    assert contact is not None
    assert (contact.first_name, contact.last_name) == (read_as, read_as)
