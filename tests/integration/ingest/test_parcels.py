"""A parcel is reported when it is shipped, and once more when it becomes trackable."""

from typing import Any

import pytest

from shared.testing.make_ingest import ORDER_ID, shopify_order
from tests.integration.ingest.driver import IngestDriver

ADDRESS = "https://parcels.example/1"
BARE: dict[str, Any] = {
    "id": 255,
    "order_id": ORDER_ID,
    "status": "success",
    "created_at": "2026-12-01T12:00:00-05:00",
    "updated_at": "2026-12-01T12:00:00-05:00",
    "tracking_url": None,
}
FOLLOWED = BARE | {"tracking_url": ADDRESS, "updated_at": "2026-12-01T14:00:00-05:00"}
LATER = FOLLOWED | {"updated_at": "2026-12-01T15:00:00-05:00"}


@pytest.mark.parametrize(
    ("states", "reported"),
    [
        ((BARE, BARE), (None,)),
        ((BARE, FOLLOWED, LATER), (None, ADDRESS)),
        ((FOLLOWED, LATER), (ADDRESS,)),
        ((FOLLOWED, BARE, LATER), (ADDRESS,)),
    ],
)
async def test_tracking_is_announced_once_when_it_first_appears(
    driver: IngestDriver, states: tuple[dict[str, Any], ...], reported: tuple[str | None, ...]
) -> None:
    await driver.shopify("orders/create", shopify_order())
    for place, state in enumerate(states):
        topic = "fulfillments/update" if place else "fulfillments/create"
        await driver.shopify(topic, state, event_id=f"parcel-{place}")
        await driver.shopify("orders/updated", shopify_order(fulfillments=[state]), event_id=f"order-{place}")
    found = [each for each in await driver.triggers() if each.kind == "fulfilment"]
    assert tuple(driver.facts(each).get("tracking_url") for each in found) == reported


async def test_a_deleted_order_is_announced_for_its_person_once(driver: IngestDriver) -> None:
    await driver.shopify("orders/create", shopify_order())
    for each in ("one", "two"):
        await driver.shopify("orders/delete", {"id": ORDER_ID}, event_id=each)
    bought, gone = await driver.triggers()
    assert (gone.kind, gone.subject, gone.recipient_id) == ("order_deleted", bought.subject, bought.recipient_id)
