"""Connectors on a temporary database, a web server that plays the merchant's endpoints, and a client for its routes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import orjson
import sqlalchemy as sa

from services.connectors import app, tables
from services.connectors.dependencies import ConnectorsDependencies
from services.ingest.domain.parsed_deliveries import ShopSettings
from services.ingest.sources.standard_webhooks import STANDARD_WEBHOOKS
from shared import aad
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Row
from shared.events.engagement import ReplyReceived
from shared.events.envelope import Event
from shared.events.trigger import Contact
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit, key_sha256
from shared.http.networks import Networks
from shared.http.outbound import OutboundClient
from shared.ids import EventId, MerchantId, RecipientId
from shared.phone import E164
from shared.service import Service
from shared.telemetry.health import Health
from shared.testing import make
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from tests.web_receiver import ReceivedRequest, WebReceiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = OutboundClient(Networks.of("127.0.0.0/8"))
PHONE = E164("+12125550123")
SCOPES = '["notifications:read", "notifications:write", "audit:read"]'
ALL_EVENTS = (
    "[reply.received, reply.needs_review, reply.reviewed, text.unknown, control.changed, approval.asked, shop.closed]"
)


def key_of(merchant: str) -> str:
    return f"fu_key_of_{merchant}"


def endpoint(name: str, url: str, events: str = ALL_EVENTS) -> str:
    return f'    - {{name: {name}, url: "{url}", secrets: [{{env: HOOK_SECRET}}], events: {events}}}\n'


def write_merchant(folder: Path, merchant: str, *endpoints: str) -> None:
    """Write a merchant's file, with these endpoints."""
    (folder / merchant).mkdir(parents=True, exist_ok=True)
    key = f'  - {{id: all, sha256: "{key_sha256(key_of(merchant))}", scopes: {SCOPES}}}\n'
    notify = f"notify:\n  webhooks:\n{''.join(endpoints)}" if endpoints else ""
    head = f"merchant: {merchant}\nbrand: {merchant.title()}\ncountry: US\n"
    (folder / merchant / "merchant.yaml").write_text(f"{head}api_keys:\n{key}{notify}")


@dataclass(slots=True)
class ConnectorsDriver:
    """Everything a test of connectors needs within reach."""

    harness: ServiceHarness
    clock: FakeClock
    connectors: ConnectorsDependencies
    service: Service
    http: httpx2.AsyncClient
    merchants_folder: Path

    def reply(self, number: int = 1, merchant: str = "acme", **changes: Any) -> ReplyReceived:
        """Return a reply of Ana's; each number is another one."""
        person = self.person(merchant)
        place = aad.contact(person)
        contact = Contact(phone=PHONE, first_name="Ana").model_dump_json().encode()
        return make.event(
            ReplyReceived,
            **{
                "event_id": EventId(UUID(int=make.REQUEST.int + number)),
                "merchant_id": MerchantId(merchant),
                "recipient_id": person,
                "occurred_at": self.clock.now(),
                "contact": self.harness.runtime.sealer.seal(MerchantId(merchant), place, contact),
                **changes,
            },
        )

    def person(self, merchant: str = "acme") -> RecipientId:
        return self.harness.runtime.sealer.recipient_id(MerchantId(merchant), PHONE)

    async def hear(self, *events: Event) -> None:
        """Put events into the log and let connectors read them."""
        await self.harness.publish(*events)
        await self.harness.settle(self.service)

    async def deliver(self) -> None:
        """Let every endpoint that may be called take one turn."""
        await self.connectors.deliverer.step()
        await self.connectors.deliverer.finish()

    async def deliver_all(self) -> None:
        """Let the endpoints take turns until nothing is due now."""
        for _ in range(20):
            self.clock.advance(seconds=1)
            await self.deliver()

    async def deliveries(self, merchant: str = "acme") -> Sequence[Row]:
        its = tables.deliveries.c.merchant_id == merchant
        return await self.harness.rows(
            sa.select(tables.deliveries).where(its).order_by(tables.deliveries.c.delivery_id)
        )

    async def states(self, merchant: str = "acme") -> list[str]:
        return [row["state"] for row in await self.deliveries(merchant)]

    async def get(self, path: str, merchant: str = "acme") -> httpx2.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {key_of(merchant)}"})

    async def post(self, path: str, body: Any = None, merchant: str = "acme") -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key_of(merchant)}"}
        return await self.http.post(path, json=body, headers=headers)

    def is_genuine(self, request: ReceivedRequest) -> bool:
        """Return whether the receiver of another installation would take a request."""
        return STANDARD_WEBHOOKS.is_genuine(request.headers, request.body, [SECRET], ShopSettings(), self.clock.now())


def data_of(request: ReceivedRequest) -> dict[str, Any]:
    return dict(orjson.loads(request.body)["data"])


@asynccontextmanager
async def open_driver(folder: Path, receiver: WebReceiver) -> AsyncIterator[ConnectorsDriver]:
    """Yield connectors with the merchants acme and other, each with one endpoint on the receiver."""
    merchants, clock = folder / "merchants", FakeClock()
    write_merchant(merchants, "acme", endpoint("helpdesk", receiver.url("/acme")))
    write_merchant(merchants, "other", endpoint("helpdesk", receiver.url("/other")))
    environ = {"HOOK_SECRET": SECRET}
    directory = MerchantDirectory.load(merchants, environ)
    async with harness(folder, clock, directory) as built:
        await built.create(tables.metadata)
        connectors = ConnectorsDependencies.of(built.runtime, environ, LOOPBACK)
        service = app.service_of(connectors)
        api = create_app(
            "connectors",
            service.routers,
            keys=Keys(directory, RateLimit(1000, clock)),
            health=Health(),
            max_body_bytes=65_536,
        )
        transport = httpx2.ASGITransport(api)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield ConnectorsDriver(built, clock, connectors, service, http, merchants)
