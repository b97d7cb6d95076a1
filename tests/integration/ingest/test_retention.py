import sqlalchemy as sa

from services.ingest.tables import deliveries, delivery_keys, quarantine, subjects
from shared.events.consent import RecipientErased
from shared.ids import EventId, derived
from shared.testing.clock import START, FakeClock
from shared.testing.make_ingest import event, shopify_order
from tests.integration.ingest.stage import Stage


async def purge(stage: Stage) -> None:
    loop = stage.service.loops[0]
    while not await loop._step():
        continue


async def test_raw_deliveries_go_after_their_days_and_younger_ones_stay(stage: Stage, clock: FakeClock) -> None:
    await stage.shopify("orders/create", shopify_order())
    await stage.shopify("orders/dreamt", b"{}")
    clock.advance(days=29)
    await stage.tell(event())
    await purge(stage)
    assert await stage.count(deliveries) == 3
    clock.advance(days=2)
    await purge(stage)
    assert [await stage.count(table) for table in (deliveries, delivery_keys, quarantine)] == [1, 1, 0]


async def test_an_order_told_again_after_its_delivery_was_forgotten_is_no_second_purchase(
    stage: Stage, clock: FakeClock
) -> None:
    await stage.shopify("orders/create", shopify_order())
    clock.advance(days=31)
    await purge(stage)
    again = await stage.shopify("orders/create", shopify_order())
    assert again.json() == {"status": "ignored"}
    assert len(await stage.triggers()) == 1


async def test_an_erased_person_leaves_no_sealed_part_and_no_join(stage: Stage) -> None:
    await stage.shopify("orders/create", shopify_order())
    await stage.tell(event(recipient={"phone": "+12125550199"}))
    erased, kept = await stage.triggers()
    erasure = RecipientErased(
        event_id=EventId(derived("recipient.erased", erased.recipient_id, at=START)),
        merchant_id=erased.merchant_id,
        recipient_id=erased.recipient_id,
        occurred_at=START,
        correlation_id="c",
    )
    await stage.house.publish(erasure, erasure)
    await stage.house.settle(stage.service)
    rows = await stage.house.rows(sa.select(deliveries))
    assert {row["recipient_id"]: bool(row["body"] or row["headers"]) for row in rows} == {
        erased.recipient_id: False,
        kept.recipient_id: True,
    }
    people = await stage.house.rows(sa.select(subjects.c.recipient_id))
    assert {row["recipient_id"] for row in people} == {kept.recipient_id}
