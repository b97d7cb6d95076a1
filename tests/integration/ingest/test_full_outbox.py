"""While the outbox is full both HTTP entry points refuse, and accept the same requests once there is room."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from shared.bus.errors import OutboxFull
from shared.bus.local import LocalLog
from shared.testing.clock import FakeClock
from shared.testing.make_ingest import body_of, event, shopify_headers, shopify_order
from tests.integration.ingest.driver import IngestDriver, open_ingest


class Room:
    """Stands for an outbox."""

    is_full = True

    def require(self) -> None:
        if self.is_full:
            raise OutboxFull


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
async def driver(
    tmp_path: Path, clock: FakeClock, room: Room, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[IngestDriver]:
    monkeypatch.setattr(LocalLog, "require_room", lambda _log: room.require())
    async with open_ingest(tmp_path, clock) as driver:
        yield driver


def is_turned_away(answer: httpx2.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (503, "outbox_full") and int(
        answer.headers["Retry-After"]
    ) > 0


async def test_a_webhook_is_turned_away_and_taken_when_the_platform_comes_again(
    driver: IngestDriver, room: Room
) -> None:
    assert is_turned_away(await driver.shopify("orders/create", shopify_order()))
    assert await driver.count() == 0
    room.is_full = False
    assert (await driver.shopify("orders/create", shopify_order())).json() == {"status": "accepted"}


async def test_events_are_turned_away_and_taken_when_they_come_again(driver: IngestDriver, room: Room) -> None:
    assert is_turned_away(await driver.report(event()))
    assert await driver.count() == 0
    room.is_full = False
    assert (await driver.report(event())).status_code == 202


async def test_an_unsigned_request_learns_nothing_about_the_outbox(driver: IngestDriver) -> None:
    body = body_of(shopify_order())
    headers = {**shopify_headers(body, "orders/create", event_id="event-1"), "x-shopify-hmac-sha256": "wrong"}
    answer = await driver.client.post("/v1/webhooks/shopify/acme", content=body, headers=headers)
    assert answer.status_code == 401
