import sqlalchemy as sa

from services.ingest.tables import deliveries, delivery_keys, quarantine, subjects
from shared.events.consent import RecipientErased
from shared.ids import EventId, derived
from shared.testing.clock import START, FakeClock
from shared.testing.make_ingest import event, shopify_order
from tests.integration.ingest.driver import IngestDriver


async def purge(driver: IngestDriver) -> None:
    loop = driver.service.loops[0]
    while not await loop._step():
        continue


async def test_raw_deliveries_go_after_their_days_and_younger_ones_stay(driver: IngestDriver, clock: FakeClock) -> None:
    await driver.shopify("orders/create", shopify_order())
    await driver.shopify("orders/dreamt", b"{}")
    clock.advance(days=29)
    await driver.report(event())
    await purge(driver)
    assert await driver.count(deliveries) == 3
    clock.advance(days=2)
    await purge(driver)
    assert [await driver.count(table) for table in (deliveries, delivery_keys, quarantine)] == [1, 1, 0]


async def test_an_order_received_again_after_its_delivery_was_forgotten_is_no_second_purchase(
    driver: IngestDriver, clock: FakeClock
) -> None:
    await driver.shopify("orders/create", shopify_order())
    clock.advance(days=31)
    await purge(driver)
    again = await driver.shopify("orders/create", shopify_order())
    assert again.json() == {"status": "ignored"}
    assert len(await driver.triggers()) == 1


async def test_an_erased_person_leaves_no_sealed_part_and_no_join(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    await driver.report(event(recipient={"phone": "+12125550199"}))
    erased, kept = await driver.triggers()
    erasure = RecipientErased(
        event_id=EventId(derived("recipient.erased", erased.recipient_id, at=START)),
        merchant_id=erased.merchant_id,
        recipient_id=erased.recipient_id,
        occurred_at=START,
        correlation_id="c",
    )
    await driver.harness.publish(erasure, erasure)
    await driver.harness.settle(driver.service)
    rows = await driver.harness.rows(sa.select(deliveries))
    assert {row["recipient_id"]: bool(row["body"] or row["headers"]) for row in rows} == {
        erased.recipient_id: False,
        kept.recipient_id: True,
    }
    people = await driver.harness.rows(sa.select(subjects.c.recipient_id))
    assert {row["recipient_id"] for row in people} == {kept.recipient_id}
