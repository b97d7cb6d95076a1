"""How sources are doing: counted as deliveries come, and told without reading them."""

from typing import Any

import pytest
import sqlalchemy as sa

from services.ingest import retention
from services.ingest.settings import IngestSettings
from services.ingest.tables import source_hours
from services.ingest.tallies import store
from shared.db.sweep import swept
from shared.testing.clock import FakeClock
from shared.testing.make_ingest import api_key, shopify_order
from tests.integration.ingest.driver import IngestDriver


async def stored(driver: IngestDriver) -> None:
    [loop] = [loop for loop in driver.service.loops if loop.name == "count-sources"]
    await loop._step()


async def sources(driver: IngestDriver, merchant: str = "acme") -> dict[str, dict[str, Any]]:
    await stored(driver)
    answer = await driver.client.get("/v1/sources", headers={"Authorization": f"Bearer {api_key(merchant)}"})
    assert answer.status_code == 200, answer.text
    return {each["source"]: each for each in answer.json()["sources"]}


def counts(source: dict[str, Any]) -> dict[str, int]:
    return {outcome: number for outcome, number in source["last_24h"].items() if number}


async def test_each_source_of_the_file_is_told_before_it_brought_anything(driver: IngestDriver) -> None:
    found = await sources(driver)
    assert set(found) == {"api", "shopify", "standard-webhooks"}
    assert (found["shopify"]["last_delivery_at"], found["shopify"]["silent_since"]) == (None, None)
    assert counts(found["shopify"]) == {}


async def test_deliveries_are_counted_by_what_became_of_them(driver: IngestDriver, clock: FakeClock) -> None:
    for _ in range(2):
        await driver.shopify("orders/create", shopify_order())
    await driver.shopify("orders/dreamt", b"{}", event_id="event-2")
    await stored(driver)
    clock.advance(minutes=1)
    await driver.shopify("orders/create", shopify_order(), event_id="event-3", x_shopify_hmac_sha256="forged")
    await driver.report({"id": "e-1"})
    shopify, api = (await sources(driver))["shopify"], (await sources(driver))["api"]
    assert counts(shopify) == {"accepted": 1, "duplicate": 1, "quarantined": 1, "refused": 1}
    assert shopify["last_error"]["what"] == "signature"
    assert shopify["last_delivery_at"] < shopify["last_error"]["at"]  # a forged one is none of the source's
    assert shopify["quarantined"] == 1
    assert (counts(api), api["last_error"]["what"]) == ({"refused": 1}, "invalid")
    assert (await sources(driver, "bolt"))["shopify"]["last_delivery_at"] is None


async def test_a_source_is_silent_after_six_hours_and_its_counts_go_after_a_day(
    driver: IngestDriver, clock: FakeClock
) -> None:
    await driver.shopify("orders/create", shopify_order())
    assert (await sources(driver))["shopify"]["silent_since"] is None
    clock.advance(hours=6)
    shopify = (await sources(driver))["shopify"]
    assert shopify["silent_since"] == shopify["last_delivery_at"] is not None
    clock.advance(hours=20)
    assert counts((await sources(driver))["shopify"]) == {}
    clock.advance(hours=24)
    await swept(driver.harness.runtime.units, retention.sweeps(clock.now(), IngestSettings()))
    assert await driver.harness.rows(sa.select(source_hours)) == []
    assert (await sources(driver))["shopify"]["last_delivery_at"] is not None


async def test_what_cannot_be_stored_now_is_counted_later(
    driver: IngestDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.shopify("orders/create", shopify_order())

    async def away(*_: object) -> None:
        raise RuntimeError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "add", away)
        with pytest.raises(RuntimeError, match="away"):
            await stored(driver)
    await driver.shopify("orders/create", shopify_order(id=7), event_id="event-2")
    assert counts((await sources(driver))["shopify"]) == {"accepted": 2}


async def test_strangers_cannot_make_it_count_what_the_merchant_does_not_have(driver: IngestDriver) -> None:
    for path in ("/v1/webhooks/stripe/acme", "/v1/webhooks/shopify/nobody", "/v1/webhooks/x/acme"):
        assert (await driver.client.post(path, content=b"{}")).status_code == 401
    await stored(driver)
    assert await driver.harness.rows(sa.select(source_hours)) == []
