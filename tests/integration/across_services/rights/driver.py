"""All services with events over one database: an erasure or export must reach the data of each of them.

Of the console there are the tables and the audit log: it holds nothing about recipients.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa

import services.compliance.app
import services.connectors.app
import services.console.tables
import services.ingest.app
import services.metrics.app
import services.scheduler.app
import services.sender.app
from services.compliance.gate.advice import advise
from services.console.accounts.account_log import AccountLog
from services.sender.providers.provider import Inbound
from services.sender.queue.dispatches import Dispatch
from services.sender.replies.intake import ReplyIntake
from services.sender.store import dispatch_of
from services.sender.tables import dispatches, receipts
from shared import aad, ids
from shared.bus import local, parked
from shared.bus.port import Message
from shared.config.directory import MerchantDirectory
from shared.db.system_tables import SystemTables
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.envelope import Event, encode
from shared.http.app import create_app
from shared.http.audit_routes import create_audit_router
from shared.http.auth import Keys, RateLimit
from shared.ids import MerchantId, RecipientId
from shared.phone import E164
from shared.telemetry.health import Health
from shared.testing import make
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_ingest import body_of, shopify_headers, shopify_order
from shared.testing.make_ingest import merchants_folder as ingest_folder
from shared.testing.sealed import ring_of, with_the_keys

PHONE = E164("+12125550123")
KEY = "fu_rights_tests"
SENDER_NUMBER = E164(make.SENDER_NUMBER)
SECRETS = ("2125550123", "Ana", "Ruiz", "what a lovely cup")
"""What must not be found anywhere once the person is forgotten."""

_MORE = """\
notify:
  webhooks:
    - {{name: helpdesk, url: "https://help.acme.example", secrets: [{{env: HOOK}}], events: [reply.received]}}
links: {{base_url: "https://go.acme.example"}}
providers:
  main: {{kind: simulated}}
numbers:
  - {{number: "{number}", provider: main, kind: long_code, parts_per_second: 10, registration: registered}}
"""
_FLOW = """\
flow: thanks
description: Thank the buyer.
on: purchase
enter: {once_per: trigger.subject}
steps:
  - wait: 1h
  - text: thanks
    purpose: transactional
    body: {en: "Thanks {{ recipient.first_name | default: 'friend' }}!"}
"""
_SCOPES = (
    '["events:write", "consents:write", "consents:read", "rights:write", "rights:read", "follow-ups:read", '
    '"follow-ups:write", "gate:read", "decisions:read", "dispatches:read", "metrics:read", '
    '"operations:read", "operations:write", '
    '"controls:write", "holds:write", "replies:read", "replies:write", "audit:read", "notifications:read"]'
)


class RightsDriver:
    """The services, and what a test sends them and reads from them."""

    def __init__(
        self, built: ServiceHarness, clock: FakeClock, client: httpx2.AsyncClient, all_built: list[Any]
    ) -> None:
        self.harness = built
        self.clock = clock
        self.client = client
        self.services = all_built
        self.sealer = built.runtime.sealer
        self.merchant = built.runtime.merchants.get(MerchantId("acme"))

    @property
    def person(self) -> RecipientId:
        return self.sealer.recipient_id(MerchantId("acme"), PHONE)

    async def settle(self) -> None:
        await self.harness.settle(*self.services)

    async def shopify(self, topic: str, document: Any, event_id: str) -> None:
        body = body_of(document)
        headers = shopify_headers(body, topic, event_id=event_id)
        answer = await self.client.post("/v1/webhooks/shopify/acme", content=body, headers=headers)
        assert answer.json() == {"status": "accepted"}
        await self.settle()

    async def lived(self) -> None:
        """Let Ana buy, be planned a text, have it cleared, called for, answered; her order awaits in every service."""
        await self.shopify("orders/create", shopify_order(), "order")
        self.clock.advance(hours=1)
        await self.services[1].loops[0]._step()
        await self.settle()
        [row] = await self.harness.rows(sa.select(dispatches))
        assert row["body"] is not None
        await self._call(dispatch_of(row))
        inbound = Inbound("SM-reply", PHONE, SENDER_NUMBER, "what a lovely cup", provider_answered=False)
        assert self.merchant is not None
        await ReplyIntake(self.harness.runtime.units, self.sealer).record(self.merchant, PHONE, inbound)
        await self.settle()

    async def park(self, system_tables: SystemTables, event: Event) -> None:
        """Park an event of Ana's in a service."""
        message = Message(local.LOCAL, 1, event.type, event.recipient_id, encode(event))

        async def work(uow: UnitOfWork) -> None:
            row = parked.row(message, event.merchant_id, "a repair is awaited", uow.now)
            await uow.db.insert(system_tables.parked, [row])

        await self.harness.runtime.units.run(work, WritePriority.BATCHES)

    async def erased(self) -> dict[str, Any]:
        """Ask for the erasure of Ana, and return its certificate."""
        return await self._answered("erasures")

    async def exported(self) -> dict[str, Any]:
        """Ask for a copy of what is held about Ana, and return it."""
        return await self._answered("exports")

    async def found_anywhere(self) -> list[str]:
        """Return where anything about Ana can still be read, by opening every value that opens; the log apart."""
        places = []
        for metadata in [service.metadata for service in self.services]:
            for table in metadata.sorted_tables:
                for row in await self.harness.rows(sa.select(table)):
                    clear = " ".join(self._clear(value) for value in row.values())
                    if any(secret in clear for secret in SECRETS):
                        places.append(table.name)
        return places

    async def _answered(self, what: str) -> dict[str, Any]:
        asked = await self.client.post(f"/v1/{what}", json={"to": PHONE})
        assert asked.status_code == 202
        await self.settle()
        answer = await self.client.get(f"/v1/{what}/{asked.json()['id']}")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    async def _call(self, dispatch: Dispatch) -> None:
        """Leave what a provider's callback leaves."""
        receipt_id = ids.minted(self.clock.now())
        raw = self.sealer.seal(dispatch.merchant_id, aad.receipt(receipt_id), b"MessageStatus=sent&Note=Ana")
        receipt = {
            "id": receipt_id,
            "attempt_id": dispatch.attempt_id(1),
            "merchant_id": dispatch.merchant_id,
            "provider": "main",
            "provider_message_id": "SM1",
            "raw": raw,
            "received_at": self.clock.now(),
        }

        async def work(uow: UnitOfWork) -> None:
            await uow.db.change(dispatches, [{"follow_up_id": dispatch.follow_up_id, "attempts": 1}])
            await uow.db.insert(receipts, [receipt])

        await self.harness.runtime.units.run(work, WritePriority.BATCHES)

    def _clear(self, value: Any) -> str:
        if isinstance(value, bytes):
            sealed = with_the_keys(ring_of(self.sealer), value)
            return (value + b" " + sealed).decode(errors="replace")
        return str(value)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[RightsDriver]:
    """Build the services over a database in a folder."""
    merchants = ingest_folder(folder, "acme")
    own = merchants / "acme"
    text = (own / "merchant.yaml").read_text(encoding="utf-8")
    extra = f'  - {{id: all, sha256: "{hashlib.sha256(KEY.encode()).hexdigest()}", scopes: {_SCOPES}}}\n'
    (own / "merchant.yaml").write_text(text + extra + _MORE.format(number=SENDER_NUMBER), encoding="utf-8")
    (own / "flows").mkdir()
    (own / "flows" / "thanks.yaml").write_text(_FLOW, encoding="utf-8")
    clock = FakeClock()
    directory = MerchantDirectory.load(merchants, {"HOOK": "whsec_made-up"})
    assert not directory.problems
    async with harness(folder, clock, directory) as built:
        every = [
            services.ingest.app.build(built.runtime),
            services.scheduler.app.build(built.runtime, advise),
            services.compliance.app.build(built.runtime),
            services.sender.app.build(built.runtime),
            services.metrics.app.build(built.runtime),
            services.connectors.app.build(built.runtime),
        ]
        for service in every:
            await built.create(service.metadata)
        await built.create(services.console.tables.metadata)
        console = create_audit_router(AccountLog.of(built.runtime.sealer).audit, built.runtime.units)
        web = create_app(
            "application",
            [*(router for service in every for router in service.routers), console],
            keys=Keys(directory, RateLimit(10_000, clock)),
            health=Health(),
            max_body_bytes=1_000_000,
        )
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(web),
            base_url="http://followup.test",
            headers={"Authorization": f"Bearer {KEY}"},
        ) as client:
            yield RightsDriver(built, clock, client, every)
