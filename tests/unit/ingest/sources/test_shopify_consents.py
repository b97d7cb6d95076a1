"""Checkouts of Shopify and the consent in them: which box, which words, on which number."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.domain.parsed_deliveries import ShopSettings
from shared.events.consent import ConsentAct, ConsentLevel
from shared.testing.clock import START
from shared.testing.make_ingest import (
    PHONE,
    shopify_order,
)
from tests.unit.ingest.sources.test_shopify import parsed


def checkout(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "token": "b1946ac9",
        "created_at": "2026-12-01T11:30:00-05:00",
        "completed_at": None,
        "currency": "USD",
        "total_price": "49.00",
        "phone": PHONE,
        "abandoned_checkout_url": "https://acme.example/c/1",
        "line_items": [{"title": "Beans 1 kg"}],
    } | changes


def test_an_open_checkout_is_started_and_a_completed_one_completed() -> None:
    [started] = parsed("checkouts/create", checkout()).triggers
    [completed] = parsed("checkouts/update", checkout(completed_at="2026-12-01T11:58:00-05:00")).triggers
    assert (started.kind, completed.kind) == ("checkout_started", "checkout_completed")
    assert started.subject == completed.subject == "checkout-b1946ac9"
    assert started.facts["checkout_url"] == "https://acme.example/c/1"


def test_updates_of_an_open_checkout_are_the_same_start() -> None:
    [created] = parsed("checkouts/create", checkout()).triggers
    [updated] = parsed("checkouts/update", checkout(total_price="59.00")).triggers
    assert (created.key, created.occurred_at) == (updated.key, updated.occurred_at)


def test_an_order_and_its_checkout_join() -> None:
    order_joins = parsed("orders/create", shopify_order()).identifiers
    assert set(parsed("checkouts/create", checkout()).identifiers) <= set(order_joins)


def test_the_email_box_is_no_consent_to_texts() -> None:
    for document in (checkout(buyer_accepts_marketing=True), checkout(buyer_accepts_sms_marketing=False)):
        assert parsed("checkouts/create", document).claims == ()
    assert parsed("orders/create", shopify_order(buyer_accepts_marketing=True)).claims == ()


def test_the_text_box_is_express_consent_dated_as_the_checkout() -> None:
    [claim] = parsed("checkouts/create", checkout(buyer_accepts_sms_marketing=True)).claims
    assert (claim.act, claim.level) == (ConsentAct.GRANTED, ConsentLevel.EXPRESS)
    assert claim.captured_at == datetime(2026, 12, 1, 16, 30, tzinfo=UTC)


def test_the_text_box_is_about_its_own_number() -> None:
    document = checkout(buyer_accepts_sms_marketing=True, sms_marketing_phone="+12125550177")
    [claim] = parsed("checkouts/create", document).claims
    assert claim.contact is not None
    assert claim.contact.phone == "+12125550177"


def test_an_unusable_number_in_the_text_box_is_no_consent() -> None:
    document = checkout(buyer_accepts_sms_marketing=True, sms_marketing_phone="12")
    assert parsed("checkouts/create", document).claims == ()


def consent(state: str, **changes: Any) -> dict[str, Any]:
    reported = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": "2026-12-01T11:00:00-05:00"}
    return {"customer_id": 207_119_551, "phone": PHONE, "sms_marketing_consent": reported | changes}


@pytest.mark.parametrize(
    ("state", "act"),
    [
        ("subscribed", ConsentAct.GRANTED),
        ("pending", ConsentAct.PENDING),
        ("unsubscribed", ConsentAct.REVOKED),
        ("redacted", ConsentAct.REVOKED),
        ("SUBSCRIBED", ConsentAct.GRANTED),
    ],
)
def test_a_consent_state_is_claimed_in_our_words(state: str, act: ConsentAct) -> None:
    [claim] = parsed("customers_marketing_consent/update", consent(state)).claims
    assert claim.act is act
    assert claim.captured_at == datetime(2026, 12, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize("state", ["not_subscribed", "invalid", "something_new", ""])
def test_a_state_that_permits_nothing_claims_nothing(state: str) -> None:
    assert parsed("customers_marketing_consent/update", consent(state)).claims == ()


@pytest.mark.parametrize(
    ("level", "ours"),
    [
        ("single_opt_in", ConsentLevel.EXPRESS),
        ("confirmed_opt_in", ConsentLevel.EXPRESS),
        ("unknown", ConsentLevel.UNKNOWN),
        (None, ConsentLevel.UNKNOWN),
    ],
)
def test_no_opt_in_level_of_shopify_is_written_consent(level: str | None, ours: ConsentLevel) -> None:
    [claim] = parsed("customers_marketing_consent/update", consent("subscribed", opt_in_level=level)).claims
    assert claim.level is ours


WORDING = "I agree to automated marketing texts from Acme. Consent is not a condition of purchase."
WRITTEN = ShopSettings(country="US", consent_level=ConsentLevel.PEWC, disclosure=WORDING)
TICKED_AT = datetime(2026, 12, 1, 16, tzinfo=UTC)


def test_a_box_whose_words_the_merchant_holds_is_written_consent_with_them() -> None:
    checkbox_consent = checkout(buyer_accepts_sms_marketing=True)
    subscribed = consent("subscribed", consent_collected_from="SHOPIFY")
    for topic, document in (("checkouts/create", checkbox_consent), ("customers_marketing_consent/update", subscribed)):
        [claim] = parsed(topic, document, WRITTEN).claims
        assert claim.level is ConsentLevel.PEWC
        assert claim.disclosure_sha256 == hashlib.sha256(WORDING.encode()).hexdigest()
        assert claim.evidence["disclosure"] == WORDING


def test_an_opt_in_from_elsewhere_is_not_made_written_by_the_checkouts_words() -> None:
    for reported in ({}, {"consent_collected_from": "OTHER"}):
        [claim] = parsed("customers_marketing_consent/update", consent("subscribed", **reported), WRITTEN).claims
        assert (claim.level, claim.disclosure_sha256) == (ConsentLevel.EXPRESS, None)
        assert "disclosure" not in claim.evidence


def test_an_opt_in_of_no_known_level_is_not_made_written_either() -> None:
    reported = consent("subscribed", consent_collected_from="SHOPIFY", opt_in_level="unknown")
    [claim] = parsed("customers_marketing_consent/update", reported, WRITTEN).claims
    assert (claim.level, claim.disclosure_sha256) == (ConsentLevel.UNKNOWN, None)


@pytest.mark.parametrize(
    ("since", "level"),
    [
        (TICKED_AT, ConsentLevel.PEWC),
        (TICKED_AT - timedelta(days=1), ConsentLevel.PEWC),
        (TICKED_AT + timedelta(microseconds=1), ConsentLevel.EXPRESS),
    ],
)
def test_what_was_ticked_before_the_words_stood_there_is_express_consent(since: datetime, level: ConsentLevel) -> None:
    shop = replace(WRITTEN, disclosure_since=since)
    reported = consent("subscribed", consent_collected_from="SHOPIFY")
    [claim] = parsed("customers_marketing_consent/update", reported, shop).claims
    assert claim.level is level
    undated = consent("subscribed", consent_collected_from="SHOPIFY", consent_updated_at=None)
    [claim] = parsed("customers_marketing_consent/update", undated, shop).claims
    assert claim.level is ConsentLevel.EXPRESS


def test_words_beside_a_box_that_claims_no_more_than_express_are_kept_as_evidence() -> None:
    shop = replace(WRITTEN, consent_level=ConsentLevel.EXPRESS)
    [claim] = parsed("checkouts/create", checkout(buyer_accepts_sms_marketing=True), shop).claims
    assert (claim.level, claim.evidence) == (ConsentLevel.EXPRESS, {"disclosure": WORDING})


@pytest.mark.parametrize("state", ["unsubscribed", "redacted"])
def test_a_withdrawal_carries_no_words_of_the_checkout(state: str) -> None:
    reported = consent(state, consent_collected_from="SHOPIFY")
    [claim] = parsed("customers_marketing_consent/update", reported, WRITTEN).claims
    assert (claim.act, claim.disclosure_sha256) == (ConsentAct.REVOKED, None)


def test_a_consent_from_the_future_is_dated_now() -> None:
    ahead = (START + timedelta(days=9)).isoformat()
    [claim] = parsed("customers_marketing_consent/update", consent("subscribed", consent_updated_at=ahead)).claims
    assert claim.captured_at == START


def test_a_customers_consent_never_lands_on_the_number_of_an_address() -> None:
    customer = consent("subscribed") | {"id": 1, "phone": None}
    order = shopify_order(customer=customer, phone="+12125550102")
    found = parsed("orders/create", order)
    assert found.contact is not None
    assert found.claims == ()


def test_a_customers_withdrawal_lands_on_whoever_the_order_is_about() -> None:
    customer = consent("unsubscribed") | {"id": 1, "phone": None}
    [claim] = parsed("orders/create", shopify_order(customer=customer, phone="+12125550102")).claims
    assert (claim.act, claim.contact) == (ConsentAct.REVOKED, None)
