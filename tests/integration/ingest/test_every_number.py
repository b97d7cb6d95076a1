"""A privacy request, or a withdrawal as a customer, covers every number the person ever had."""

from typing import Any

import pytest

from services.ingest.tables import former_people, subjects
from shared.events.consent import ConsentReported, PrivacyRequested
from shared.ids import RecipientId
from shared.phone import E164
from shared.testing.make_ingest import ORDER_ID, shopify_order
from tests.integration.ingest.driver import IngestDriver

OLD, NEW = "+12125550120", "+12125550121"
SHOP = "acme.myshopify.com"


def consent(phone: str | None, state: str, at: str = "2026-12-01T11:00:00-05:00") -> dict[str, Any]:
    return {"customer_id": 9003, "phone": phone, "sms_marketing_consent": {"state": state, "consent_updated_at": at}}


async def reported(driver: IngestDriver, topic: str, document: dict[str, Any], event_id: str) -> None:
    assert (await driver.shopify(topic, document, event_id=event_id)).json() == {"status": "accepted"}


async def changed_their_number(driver: IngestDriver) -> set[RecipientId]:
    for place, phone in enumerate((OLD, NEW)):
        await reported(driver, "customers_marketing_consent/update", consent(phone, "subscribed"), f"consent-{place}")
    sealer = driver.harness.runtime.sealer
    [merchant] = {each.merchant_id for each in await driver.harness.published(ConsentReported)}
    return {sealer.recipient_id(merchant, E164(phone)) for phone in (OLD, NEW)}


def redaction(**changes: Any) -> dict[str, Any]:
    return {"shop_domain": SHOP, "customer": {"id": 9003}, "orders_to_redact": []} | changes


@pytest.mark.parametrize("phone", [None, NEW, OLD])
async def test_a_withdrawal_reaches_every_number_of_the_customer(driver: IngestDriver, phone: str | None) -> None:
    both = await changed_their_number(driver)
    withdrawn = consent(phone, "redacted", "2026-12-01T11:59:00-05:00")
    await reported(driver, "customers_marketing_consent/update", withdrawn, "withdrawn")
    before, *_ = (each for each in await driver.harness.published(ConsentReported) if each.act == "revoked")
    reports = [
        each
        for each in await driver.harness.published(ConsentReported)
        if each.act == "revoked" and each.event_id != before.event_id
    ]
    assert {each.recipient_id for each in reports} == both
    assert len(reports) == len(both)


@pytest.mark.parametrize("customer", [{"id": 9003}, {"id": 9003, "phone": OLD}, {"id": 9003, "phone": NEW}])
async def test_an_erasure_reaches_every_number_of_the_customer(driver: IngestDriver, customer: dict[str, Any]) -> None:
    both = await changed_their_number(driver)
    await reported(driver, "customers/redact", redaction(customer=customer), "redact")
    requests = await driver.harness.published(PrivacyRequested)
    assert ({each.recipient_id for each in requests}, len(requests)) == (both, 2)


async def test_a_customers_new_number_is_not_the_one_an_order_went_to_and_both_are_asked_about(
    driver: IngestDriver,
) -> None:
    await reported(driver, "orders/create", shopify_order(phone=OLD, customer=None), "order")
    await reported(
        driver, "customers/redact", redaction(customer={"id": 1, "phone": NEW}, orders_to_redact=[ORDER_ID]), "1"
    )
    requests = await driver.harness.published(PrivacyRequested)
    [purchase] = await driver.triggers()
    assert len(requests) == 2
    assert purchase.recipient_id in {each.recipient_id for each in requests}


@pytest.mark.parametrize(
    ("topic", "document", "right"),
    [
        (
            "customers/redact",
            {"shop_id": 1, "customer": {"id": 77, "phone": None}, "orders_to_redact": [ORDER_ID]},
            "erasure",
        ),
        (
            "customers/data_request",
            {"shop_id": 1, "orders_requested": [ORDER_ID], "customer": {"id": 79, "phone": ""}},
            "export",
        ),
    ],
)
async def test_a_guest_is_found_by_their_order(
    driver: IngestDriver, topic: str, document: dict[str, Any], right: str
) -> None:
    await reported(driver, "orders/create", shopify_order(phone=OLD, customer=None), "order")
    await reported(driver, topic, document, "asked")
    [request] = await driver.harness.published(PrivacyRequested)
    [purchase] = await driver.triggers()
    assert (request.right, request.recipient_id) == (right, purchase.recipient_id)


async def test_who_asks_to_be_forgotten_is_not_remembered_for_it(driver: IngestDriver) -> None:
    await reported(driver, "customers/redact", redaction(customer={"id": 9003, "phone": OLD}), "redact")
    assert await driver.count(subjects) == 0


async def test_a_permission_is_for_the_number_it_was_given_for(driver: IngestDriver) -> None:
    await changed_their_number(driver)
    given = [each for each in await driver.harness.published(ConsentReported) if each.act == "granted"]
    assert len({each.recipient_id for each in given}) == len(given) == 2


async def test_a_number_received_again_and_again_is_kept_once(driver: IngestDriver) -> None:
    for place in range(4):
        document = consent((OLD, NEW)[place % 2], "subscribed", f"2026-12-01T11:0{place}:00-05:00")
        await reported(driver, "customers_marketing_consent/update", document, f"turn-{place}")
    assert (await driver.count(subjects), await driver.count(former_people)) == (2, 2)
