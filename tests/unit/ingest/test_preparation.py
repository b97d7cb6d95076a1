import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.announcements import Origin, announcements
from services.ingest.domain.parsed_deliveries import ParsedDelivery, ShopSettings, Unreadable
from services.ingest.domain.prepared_deliveries import PreparedDelivery
from services.ingest.preparation import DeliveryPreparer, ReceivedDelivery, key_hash
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.shopify import SHOPIFY
from shared.aad import delivery_headers
from shared.events.envelope import decode, encode
from shared.events.trigger import TriggerReceived
from shared.ids import MerchantId, minted
from shared.privacy import Keyring, Sealer
from shared.testing.clock import START
from shared.testing.make_ingest import PHONE, body_of, shopify_headers, shopify_order, shopify_refund

SEALER = Sealer(Keyring.new())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CONSENT = {"state": "subscribed", "consent_updated_at": "2026-12-01T11:00:00-05:00"}
CUSTOMER = {"id": 7, "phone": PHONE, "updated_at": "2026-12-01T11:00:00-05:00", "sms_marketing_consent": CONSENT}
PARCEL = {"id": 3, "order_id": 1, "status": "success", "created_at": "2026-12-01T11:00:00-05:00"}
CHECKOUT = {"token": "t", "created_at": "2026-12-01T11:00:00-05:00", "buyer_accepts_sms_marketing": True}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "orders/create": shopify_order(),
    "orders/updated": shopify_order(
        refunds=[shopify_refund()], fulfillments=[PARCEL], cancelled_at="2026-12-01T11:00:00-05:00"
    ),
    "refunds/create": shopify_refund(),
    "fulfillments/update": PARCEL | {"shipment_status": "delivered", "destination": {"phone": PHONE}},
    "checkouts/update": CHECKOUT | {"phone": PHONE, "sms_marketing_phone": PHONE},
    "customers/update": CUSTOMER,
    "customers_marketing_consent/update": CUSTOMER,
    "customers/redact": {"shop_domain": "acme.myshopify.com", "customer": CUSTOMER, "orders_to_redact": []},
}


def arrival_of(topic: str, document: Any) -> PreparedDelivery:
    body = body_of(document)
    headers = shopify_headers(body, topic)
    outcome = SHOPIFY.read(body, DeliveryContext(headers, ShopSettings(country="US"), START))
    origin = Origin(MerchantId("acme"), "shopify", minted(START), START)
    delivery = ReceivedDelivery(origin, topic, SHOPIFY.repeat_keys(headers), body, headers, outcome)
    return DeliveryPreparer(SEALER).prepare(delivery)


@pytest.mark.parametrize("topic", DOCUMENTS)
def test_every_topic_is_read_and_its_events_survive_the_wire(topic: str) -> None:
    arrival = arrival_of(topic, DOCUMENTS[topic])
    assert isinstance(arrival.outcome, ParsedDelivery)
    somebody = arrival.addressee or arrival_of("orders/create", shopify_order()).addressee
    reported = announcements(arrival.origin, arrival.outcome, somebody, arrival.facts, arrival.claims)
    assert reported
    for event in reported:
        assert decode(type(event), encode(event)) == event


@pytest.mark.parametrize("topic", DOCUMENTS)
@given(data=st.data())
def test_no_document_however_odd_raises(topic: str, data: st.DataObject) -> None:
    document = dict(DOCUMENTS[topic])
    for name in data.draw(st.lists(st.sampled_from(sorted(document)), max_size=3)):
        document[name] = data.draw(JSON)
    arrival = arrival_of(topic, document)
    assert isinstance(arrival.outcome, ParsedDelivery | Unreadable)
    if isinstance(arrival.outcome, ParsedDelivery):
        announcements(
            *(arrival.origin, arrival.outcome, arrival.addressee, arrival.facts, arrival.claims),
            number_change_facts=arrival.number_change_facts,
        )


def test_the_same_order_read_twice_has_the_same_trigger() -> None:
    first, second = (arrival_of(topic, shopify_order()) for topic in ("orders/create", "orders/paid"))
    ids = set()
    for arrival in (first, second):
        assert isinstance(arrival.outcome, ParsedDelivery)
        reported = announcements(arrival.origin, arrival.outcome, arrival.addressee, arrival.facts, arrival.claims)
        ids |= {event.event_id for event in reported if isinstance(event, TriggerReceived)}
    assert len(ids) == 1


def test_a_delivery_without_keys_of_its_own_is_known_by_its_body() -> None:
    origin = Origin(MerchantId("acme"), "shopify", minted(START), START)
    prepared = DeliveryPreparer(SEALER).prepare
    same, again, other = (
        prepared(ReceivedDelivery(origin, "t", (), body, {}, ParsedDelivery())).key_hashes
        for body in (b"a", b"a", b"b")
    )
    assert same == again != other


def test_a_bodys_hash_cannot_be_made_without_the_key() -> None:
    origin = Origin(MerchantId("acme"), "shopify", minted(START), START)
    delivery = ReceivedDelivery(origin, "t", (), b"a body that can be guessed", {}, ParsedDelivery())
    arrival, elsewhere = (DeliveryPreparer(sealer).prepare(delivery) for sealer in (SEALER, Sealer(Keyring.new())))
    guessed = hashlib.sha256(delivery.body)
    assert arrival.body_sha256 not in {guessed.digest(), elsewhere.body_sha256}
    assert arrival.key_hashes != elsewhere.key_hashes
    assert key_hash(origin.merchant_id, "shopify", f"1 {guessed.hexdigest()}") not in arrival.key_hashes
    assert DeliveryPreparer(SEALER).prepare(delivery).body_sha256 == arrival.body_sha256


def test_credentials_in_headers_are_not_kept() -> None:
    origin = Origin(MerchantId("acme"), "shopify", minted(START), START)
    headers = {"authorization": "Bearer x", "cookie": "y", "x-shopify-topic": "t"}
    arrival = DeliveryPreparer(SEALER).prepare(ReceivedDelivery(origin, "t", (), b"", headers, ParsedDelivery()))
    assert (
        SEALER.open(MerchantId("acme"), delivery_headers(origin.delivery_id), arrival.headers)
        == b'{"x-shopify-topic":"t"}'
    )
