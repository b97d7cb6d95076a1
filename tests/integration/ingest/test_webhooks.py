import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.ingest.instruments import IDS_REUSED
from services.ingest.tables import deliveries, delivery_keys, published, quarantine, subjects
from shared import aad
from shared.events.consent import ConsentReported, MerchantClosed, PrivacyRequested
from shared.events.trigger import PhoneProvenance
from shared.failpoints import FailpointReached
from shared.http.strict_json import MOST_MEMBERS
from shared.phone import E164
from shared.testing.clock import FakeClock
from shared.testing.make_ingest import (
    OLD_SECRET,
    ORDER_ID,
    PHONE,
    body_of,
    event,
    shopify_headers,
    shopify_order,
    shopify_refund,
    shopify_signature,
    standard_headers,
)
from tests.integration.ingest.driver import MAX_BODY_BYTES, IngestDriver, open_ingest

SHOP = "acme.myshopify.com"


async def test_a_signed_order_becomes_one_purchase(driver: IngestDriver) -> None:
    answer = await driver.shopify("orders/create", shopify_order())
    assert (answer.status_code, answer.json()) == (200, {"status": "accepted"})
    [trigger] = await driver.triggers()
    assert (trigger.kind, trigger.source, trigger.subject) == ("purchase", "shopify", f"order-{ORDER_ID}")
    assert (trigger.amount_minor, trigger.currency, trigger.customer) == (4900, "USD", "207119551")
    assert trigger.recipient_id == driver.harness.runtime.sealer.recipient_id(trigger.merchant_id, E164(PHONE))
    assert driver.contact(trigger).phone == PHONE
    assert driver.facts(trigger)["order_name"] == "#1001"


async def test_a_delivery_signed_with_the_secret_before_rotation_is_taken(driver: IngestDriver) -> None:
    body = body_of(shopify_order())
    answer = await driver.shopify("orders/create", body, x_shopify_hmac_sha256=shopify_signature(body, OLD_SECRET))
    assert answer.status_code == 200


async def test_whatever_is_wrong_the_401_is_the_same_and_nothing_is_stored(driver: IngestDriver) -> None:
    body = body_of(shopify_order())
    good = shopify_headers(body, "orders/create")
    unsigned = {name: value for name, value in good.items() if "hmac" not in name}
    attempts = [
        ("/v1/webhooks/shopify/acme", unsigned),
        ("/v1/webhooks/shopify/acme", good | {"x-shopify-hmac-sha256": shopify_signature(body, "wrong")}),
        ("/v1/webhooks/shopify/nobody", good),
        ("/v1/webhooks/woocommerce/acme", good),
        ("/v1/webhooks/magic/acme", good),
        ("/v1/webhooks/magic/nobody", unsigned),
        ("/v1/webhooks/standard-webhooks/acme", good),
    ]
    answers = [await driver.client.post(path, content=body, headers=headers) for path, headers in attempts]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1
    assert await driver.count(deliveries) == await driver.count(delivery_keys) == 0
    assert await driver.harness.log_events() == []


async def test_the_same_delivery_twice_is_published_once(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    again = await driver.shopify("orders/create", shopify_order())
    assert (again.status_code, again.json()) == (200, {"status": "duplicate"})
    assert len(await driver.triggers()) == 1
    assert await driver.count() == 1


async def test_a_repeated_webhook_id_is_a_repeat_whatever_the_event_id_says(driver: IngestDriver) -> None:
    for event_id in ("event-1", "event-2"):
        answer = await driver.shopify("orders/updated", shopify_order(), event_id=event_id, x_shopify_webhook_id="w-1")
    assert answer.json() == {"status": "duplicate"}


async def test_created_and_paid_of_one_act_are_two_deliveries_and_one_purchase(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    paid = await driver.shopify("orders/paid", shopify_order())
    assert paid.json() == {"status": "ignored"}
    assert len(await driver.triggers()) == 1
    assert await driver.count() == 2


async def test_a_replayed_body_under_new_ids_is_no_second_purchase(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    replayed = await driver.shopify("orders/create", shopify_order(), event_id="event-2")
    assert replayed.json() == {"status": "ignored"}
    assert len(await driver.triggers()) == 1


async def test_repeats_arriving_together_are_published_once(driver: IngestDriver) -> None:
    answers = await asyncio.gather(*(driver.shopify("orders/create", shopify_order()) for _ in range(20)))
    statuses = sorted(answer.json()["status"] for answer in answers)
    assert statuses == ["accepted"] + ["duplicate"] * 19
    assert len(await driver.triggers()) == 1


async def test_a_purchase_without_a_number_is_made_when_a_later_delivery_has_one(driver: IngestDriver) -> None:
    bare = await driver.shopify("orders/create", shopify_order(customer=None))
    assert bare.json() == {"status": "accepted", "reason": "no_recipient"}
    assert (await driver.shopify("orders/paid", shopify_order())).json() == {"status": "accepted"}
    assert [trigger.kind for trigger in await driver.triggers()] == ["purchase"]


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        ("orders/create", b"<html>", "not_json"),
        ("orders/dreamt", b"{}", "unknown_topic"),
        ("orders/create", b"{}", "topic_mismatch"),
    ],
)
async def test_a_genuine_delivery_that_cannot_be_read_is_kept_and_answered_200(
    driver: IngestDriver, topic: str, body: bytes, reason: str
) -> None:
    answer = await driver.shopify(topic, body)
    assert (answer.status_code, answer.json()) == (200, {"status": "quarantined", "reason": reason})
    [row] = await driver.harness.rows(sa.select(quarantine))
    assert (row["reason"], row["topic"], row["source"]) == (reason, topic, "shopify")
    [kept] = await driver.harness.rows(sa.select(deliveries))
    sealer = driver.harness.runtime.sealer
    assert sealer.open(kept["merchant_id"], aad.delivery_body(kept["delivery_id"]), kept["body"]) == body
    headers = sealer.open(kept["merchant_id"], aad.delivery_headers(kept["delivery_id"]), kept["headers"])
    assert b"x-shopify-topic" in headers
    assert await driver.harness.log_events() == []


async def test_a_body_over_the_limit_is_refused_unread(driver: IngestDriver) -> None:
    answer = await driver.shopify("orders/create", b" " * (MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await driver.count() == 0


async def test_a_refund_finds_the_person_of_its_order(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    await driver.shopify("refunds/create", shopify_refund())
    purchase, refund = await driver.triggers()
    assert (refund.kind, refund.subject, refund.amount_minor) == ("refund", purchase.subject, 1250)
    assert refund.recipient_id == purchase.recipient_id
    assert driver.contact(refund).provenance is PhoneProvenance.SUBJECT


async def test_a_refund_before_its_order_is_unknown_and_counted_with_the_order_later(driver: IngestDriver) -> None:
    early = await driver.shopify("refunds/create", shopify_refund())
    assert early.json() == {"status": "accepted", "reason": "no_recipient"}
    assert await driver.triggers() == []
    await driver.shopify("orders/updated", shopify_order(refunds=[shopify_refund()]))
    assert [trigger.kind for trigger in await driver.triggers()] == ["refund"]


async def test_an_order_and_its_refund_arriving_together_are_joined(driver: IngestDriver) -> None:
    await asyncio.gather(
        driver.shopify("orders/create", shopify_order()), driver.shopify("refunds/create", shopify_refund())
    )
    assert [trigger.kind for trigger in await driver.triggers()] == ["purchase", "refund"]


async def test_the_joins_of_one_merchant_lead_to_no_person_of_another(driver: IngestDriver) -> None:
    await driver.report(event(subject="order-1"), merchant="bolt")
    answer = await driver.report(event(subject="order-1", recipient={}), merchant="acme")
    assert answer.json()["events"] == [{"id": "evt-1", "status": "no_recipient"}]


async def test_a_shipping_number_is_never_remembered_for_the_customer(driver: IngestDriver) -> None:
    customer = {"id": 5, "phone": None}
    gift = shopify_order(customer=customer, shipping_address={"phone": "+12125550199", "country_code": "US"})
    await driver.shopify("orders/create", gift)
    [purchase] = await driver.triggers()
    assert driver.contact(purchase).provenance is PhoneProvenance.SHIPPING
    own = shopify_order(id=2, customer=customer, checkout_token="c2")
    other = await driver.shopify("orders/create", own, event_id="event-2")
    assert other.json()["reason"] == "no_recipient"
    await driver.shopify("refunds/create", shopify_refund())
    refund = (await driver.triggers())[-1]
    assert driver.contact(refund).provenance is PhoneProvenance.SHIPPING


async def test_a_known_customer_comes_before_the_number_on_a_parcel(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    gift = shopify_order(
        id=2,
        customer={"id": 207_119_551, "phone": None},
        shipping_address={"phone": "+12125550199", "country_code": "US"},
    )
    await driver.shopify("orders/create", gift, event_id="event-2")
    first, second = await driver.triggers()
    assert first.recipient_id == second.recipient_id


async def test_consent_of_a_checkout_is_reported_with_its_trigger(driver: IngestDriver) -> None:
    checkout = {
        "token": "t1",
        "created_at": "2026-12-01T11:30:00-05:00",
        "phone": PHONE,
        "buyer_accepts_sms_marketing": True,
    }
    await driver.shopify("checkouts/create", checkout)
    [report] = await driver.harness.published(ConsentReported)
    [trigger] = await driver.triggers()
    assert trigger.consent_reports == (report.event_id,)
    assert (report.recipient_id, report.act, report.level) == (trigger.recipient_id, "granted", "express")


async def test_a_gift_receiver_consents_to_nothing(driver: IngestDriver) -> None:
    checkout = {
        "token": "t1",
        "created_at": "2026-12-01T11:30:00-05:00",
        "shipping_address": {"phone": PHONE, "country_code": "US"},
        "buyer_accepts_sms_marketing": True,
    }
    await driver.shopify("checkouts/create", checkout)
    assert await driver.harness.published(ConsentReported) == []
    assert len(await driver.triggers()) == 1


async def test_a_withdrawal_without_a_number_finds_the_customer(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    state = {"state": "unsubscribed", "consent_updated_at": "2026-12-01T11:59:30-05:00"}
    document = {"customer_id": 207_119_551, "phone": None, "sms_marketing_consent": state}
    assert (await driver.shopify("customers_marketing_consent/update", document)).json() == {"status": "accepted"}
    report = (await driver.harness.published(ConsentReported))[-1]
    assert report.act == "revoked"
    assert report.recipient_id == (await driver.triggers())[0].recipient_id


async def test_privacy_requests_and_closures_are_shown(driver: IngestDriver) -> None:
    redaction = {"shop_domain": SHOP, "customer": {"id": 1, "phone": PHONE}, "orders_to_redact": []}
    await driver.shopify("customers/redact", redaction)
    await driver.shopify("app/uninstalled", {"id": 1, "myshopify_domain": SHOP})
    [request] = await driver.harness.published(PrivacyRequested)
    [closure] = await driver.harness.published(MerchantClosed)
    assert (request.right, closure.reason, closure.recipient_id.int) == ("erasure", "app_uninstalled", 0)


async def test_standard_webhooks_bring_our_own_format(driver: IngestDriver, clock: FakeClock) -> None:
    body = body_of(event())
    path = "/v1/webhooks/standard-webhooks/acme"
    first = await driver.client.post(path, content=body, headers=standard_headers(body, clock.now()))
    again = await driver.client.post(path, content=body, headers=standard_headers(body, clock.now()))
    assert (first.json(), again.json()) == ({"status": "accepted"}, {"status": "duplicate"})
    assert [trigger.source for trigger in await driver.triggers()] == ["standard-webhooks"]


async def test_a_withdrawal_in_an_event_that_cannot_be_taken_whole_counts(
    driver: IngestDriver, clock: FakeClock
) -> None:
    withdrawn = {"scope": "marketing", "event": "revoked", "captured_at": "yesterday"}
    body = body_of(event(amount={"minor": 49.005, "currency": "USD"}, consent=[withdrawn]))
    path = "/v1/webhooks/standard-webhooks/acme"
    answer = await driver.client.post(path, content=body, headers=standard_headers(body, clock.now()))
    assert answer.json() == {"status": "accepted"}
    [report] = await driver.harness.published(ConsentReported)
    assert (report.act, report.captured_at, await driver.triggers()) == ("revoked", None, [])


async def test_without_a_database_the_answer_is_503_and_the_retry_succeeds(tmp_path: Path, clock: FakeClock) -> None:
    async with open_ingest(tmp_path, clock) as driver:
        await driver.harness.runtime.database.stop()
        answer = await driver.shopify("orders/create", shopify_order())
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("place", "kept", "retried"), [("before", 0, "accepted"), ("after", 1, "duplicate")])
async def test_a_crash_around_the_commit_loses_and_doubles_nothing(
    driver: IngestDriver, monkeypatch: pytest.MonkeyPatch, place: str, kept: int, retried: str
) -> None:
    def crash(name: str) -> None:
        if name == f"ingest.{place}_commit":
            raise FailpointReached(name)

    monkeypatch.setattr("services.ingest.webhooks_api.failpoint", crash)
    assert (await driver.shopify("orders/create", shopify_order())).status_code == 500
    assert await driver.count() == len(await driver.triggers()) == kept
    monkeypatch.undo()
    assert (await driver.shopify("orders/create", shopify_order())).json() == {"status": retried}
    assert await driver.count() == len(await driver.triggers()) == 1


async def test_no_number_name_or_wording_can_be_read_in_the_database(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    await driver.shopify("orders/dreamt", shopify_order(), event_id="event-2")
    wording = "Yes, Acme may text me"
    consent = [{"scope": "marketing", "event": "granted", "disclosure": wording}]
    await driver.report(event(consent=consent), **{"Idempotency-Key": PHONE})
    stored = await driver.harness.stored()
    assert b"shopify" in stored
    assert len(stored) > 2_000
    for planted in (PHONE, PHONE[1:], "2125550123", "Ruiz", "Beans", wording, "acme.example"):
        assert planted.encode() not in stored


async def test_the_tables_hold_one_row_for_each_thing(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    tables = (deliveries, delivery_keys, published, subjects, quarantine)
    assert [await driver.count(table) for table in tables] == [1, 2, 2, 3, 0]


@pytest.mark.parametrize("topic", ["customers/redact", "customers/data_request", "shop/redact", "app/uninstalled"])
async def test_a_signed_order_sent_again_under_another_topic_erases_no_person_and_closes_no_shop(
    driver: IngestDriver, topic: str
) -> None:
    await driver.shopify("orders/create", shopify_order())
    answer = await driver.shopify(topic, shopify_order())
    assert answer.json() == {"status": "quarantined", "reason": "topic_mismatch"}
    reported = await driver.harness.log_events()
    assert {event.type for event in reported} <= {"trigger.received", "consent.reported"}


async def test_another_body_under_a_known_id_is_news_and_counted(driver: IngestDriver) -> None:
    counted = IDS_REUSED.labels("shopify")._value
    before, other = counted.get(), shopify_order(id=77, name="#77")
    for document, status in ((shopify_order(), "accepted"), (shopify_order(), "duplicate"), (other, "accepted")):
        answer = await driver.shopify("orders/create", document, event_id="one")
        assert answer.json()["status"] == status
    for document in (shopify_order(), other):
        again = await driver.shopify("orders/create", document, event_id="one")
        assert again.json()["status"] == "duplicate"
    assert (await driver.count(), counted.get()) == (2, before + 1)


async def test_bodies_under_one_id_at_the_same_moment_are_all_taken(driver: IngestDriver) -> None:
    documents = [shopify_order(id=number, name=f"#{number}") for number in range(70, 76)]
    reported = (driver.shopify("orders/create", document, event_id="one") for document in documents)
    answers = await asyncio.gather(*reported)
    assert {answer.json()["status"] for answer in answers} == {"accepted"}
    assert {trigger.subject for trigger in await driver.triggers()} == {f"order-{number}" for number in range(70, 76)}


async def test_a_signed_body_of_nothing_but_members_is_kept_and_not_looked_through(driver: IngestDriver) -> None:
    body = b'{"id":1,"line_items":[' + b"{}," * MOST_MEMBERS + b"{}]}"
    answer = await driver.shopify("orders/create", body)
    assert (answer.status_code, answer.json()) == (200, {"status": "quarantined", "reason": "misshapen"})
    [row] = await driver.harness.rows(sa.select(quarantine))
    assert row["detail"] == f"body: holds more than {MOST_MEMBERS:,} members"
