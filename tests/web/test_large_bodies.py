"""Bodies of webhooks: as large as a platform makes them, once a signature is there, and bounded all together."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request, Response

from shared.config.directory import MerchantDirectory
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock

EVERYBODYS, WEBHOOKS = 1_000, 10_000
SIGNED = {"X-Shopify-Hmac-Sha256": "c2lnbmVk"}


class Entry:
    """Counts what it reads, and holds on to it until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.reading = 0

    async def take(self, request: Request) -> Response:
        size = len(await request.body())
        self.reading += 1
        await self.go.wait()
        return Response(str(size))


@pytest.fixture
def service() -> Entry:
    return Entry()


@pytest.fixture
async def client(tmp_path: Path, service: Entry) -> AsyncIterator[httpx2.AsyncClient]:
    router = APIRouter()
    for path in ("/v1/webhooks/{source}/{merchant}", "/v1/events"):
        router.add_route(path, service.take, methods=["POST"])
    keys = Keys(MerchantDirectory.load(tmp_path, {}), RateLimit(3, FakeClock()))
    app: FastAPI = create_app(
        "t", [router], keys=keys, health=Health(), max_body_bytes=EVERYBODYS, max_webhook_body_bytes=WEBHOOKS
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("header", ["X-Shopify-Hmac-Sha256", "webhook-signature", "X-WC-Webhook-Signature"])
async def test_a_webhook_with_a_signature_may_be_large(client: httpx2.AsyncClient, header: str) -> None:
    taken = await client.post("/v1/webhooks/shopify/acme", content=b"x" * WEBHOOKS, headers={header: "s"})
    assert (taken.status_code, taken.text) == (HTTPStatus.OK, str(WEBHOOKS))
    refused = await client.post("/v1/webhooks/shopify/acme", content=b"x" * (WEBHOOKS + 1), headers={header: "s"})
    assert (refused.status_code, refused.json()["code"]) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large")


async def test_without_a_signature_or_elsewhere_bodies_end_where_they_always_did(
    client: httpx2.AsyncClient, service: Entry
) -> None:
    for path, headers in (("/v1/webhooks/shopify/acme", {}), ("/v1/events", SIGNED)):
        answer = await client.post(path, content=b"x" * (EVERYBODYS + 1), headers=headers)
        assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert service.reading == 0


async def test_a_large_body_without_a_length_is_refused_where_it_passes_the_limit(client: httpx2.AsyncClient) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 100
            yield b"x" * 100

    answer = await client.post("/v1/webhooks/shopify/acme", content=endless(), headers=SIGNED)
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert given <= WEBHOOKS + 200


async def test_many_large_bodies_at_once_are_asked_to_retry_and_small_ones_are_not(
    client: httpx2.AsyncClient, service: Entry
) -> None:
    service.go.clear()
    crowd = [
        asyncio.create_task(client.post("/v1/webhooks/shopify/acme", content=b"x" * WEBHOOKS, headers=SIGNED))
        for _ in range(40)
    ]
    small = asyncio.create_task(client.post("/v1/events", content=b"x" * EVERYBODYS))
    refused = [await each for each in crowd[20:]]
    assert {answer.status_code for answer in refused} == {HTTPStatus.SERVICE_UNAVAILABLE}
    assert {answer.json()["code"] for answer in refused} == {"too_many_large_bodies"}
    assert all("retry-after" in answer.headers for answer in refused)
    service.go.set()
    assert (await small).status_code == HTTPStatus.OK
    taken = [each for each in [await asked for asked in crowd] if each.status_code == HTTPStatus.OK]
    assert len(taken) >= 16
    again = await client.post("/v1/webhooks/shopify/acme", content=b"x" * WEBHOOKS, headers=SIGNED)
    assert again.status_code == HTTPStatus.OK


async def test_a_length_beyond_all_numbers_is_too_large(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/events", content=b"", headers={"Content-Length": "9" * 5000})
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
