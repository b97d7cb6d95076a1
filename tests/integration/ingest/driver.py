"""Ingest behind its real entry points."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import sqlalchemy as sa

from services.ingest.app import build
from services.ingest.tables import deliveries
from shared.config.directory import MerchantDirectory
from shared.events.trigger import Contact, TriggerReceived
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.service import Service
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_ingest import api_key, body_of, merchants_folder, shopify_headers

MAX_BODY_BYTES = 1_048_576


class IngestDriver:
    """An application with ingest, and a client of its entry points."""

    def __init__(self, built: ServiceHarness, service: Service, client: httpx2.AsyncClient, folder: Path) -> None:
        self.harness = built
        self.service = service
        self.client = client
        self.folder = folder

    async def shopify(self, topic: str, document: Any, *, event_id: str = "event-1", **headers: str) -> httpx2.Response:
        body = document if isinstance(document, bytes) else body_of(document)
        return await self.client.post(
            "/v1/webhooks/shopify/acme",
            content=body,
            headers=shopify_headers(body, topic, event_id=event_id, **headers),
        )

    async def report(self, document: Any, *, merchant: str = "acme", **headers: str) -> httpx2.Response:
        return await self.client.post(
            "/v1/events", content=body_of(document), headers={"Authorization": f"Bearer {api_key(merchant)}"} | headers
        )

    async def triggers(self) -> list[TriggerReceived]:
        return await self.harness.published(TriggerReceived)

    async def count(self, table: sa.Table = deliveries) -> int:
        rows = await self.harness.rows(sa.select(sa.func.count().label("n")).select_from(table))
        return int(rows[0]["n"])

    def contact(self, trigger: TriggerReceived) -> Contact:
        sealer = self.harness.runtime.sealer
        return Contact.model_validate_json(
            sealer.open(trigger.merchant_id, trigger.associated_data()["contact"], trigger.contact)
        )

    def facts(self, trigger: TriggerReceived) -> dict[str, Any]:
        place = trigger.associated_data()["facts"]
        found: dict[str, Any] = orjson.loads(
            self.harness.runtime.sealer.open(trigger.merchant_id, place, trigger.facts)
        )
        return found


@asynccontextmanager
async def open_ingest(folder: Path, clock: FakeClock) -> AsyncIterator[IngestDriver]:
    """Open an application with ingest and two merchants, acme and bolt."""
    merchants = MerchantDirectory.load(merchants_folder(folder, "acme", "bolt"), os.environ)
    async with harness(folder, clock, merchants) as built:
        service = build(built.runtime)
        await built.create(service.metadata)
        app = create_app(
            "ingest",
            service.routers,
            keys=Keys(merchants, RateLimit(1000, clock)),
            health=Health(),
            max_body_bytes=MAX_BODY_BYTES,
        )
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ingest.test") as client:
            yield IngestDriver(built, service, client, folder)
