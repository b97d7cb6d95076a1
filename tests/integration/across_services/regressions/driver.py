"""All services of a shop in one process: HTTP, a clock that tests move, a scripted provider, and phones."""

import hashlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa

import services.compliance.app
import services.ingest.app
import services.metrics.app
import services.scheduler.app
import services.sender.app
from services.compliance.gate.advice import advise
from services.scheduler.tables import follow_ups
from services.sender.dependencies import SenderDependencies
from services.sender.settings import SenderSettings
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Row
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.service import Service
from shared.telemetry.health import Health
from shared.testing import make_sender
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_ingest import SECRET, body_of, shopify_headers
from shared.testing.make_sender import ScriptedProvider, SentText, signed_post

CASES = Path(__file__).parents[3] / "cases" / "sending"
SHOP = "harbor"
NUMBER = "+12025550143"
PERSON = "+12125550123"
KEY = "fu_shop_tests"
REPLIES = f"https://sms.harbor.example/v1/providers/main/{SHOP}/replies"
DISCLOSURE = "Harbor Books may text me offers, also by automated means. Consent is no condition of a purchase."


@dataclass(slots=True)
class Shop:
    """What a test does to the services, and what it looks at: phones, states, standings and figures."""

    harness: ServiceHarness
    clock: FakeClock
    provider: ScriptedProvider
    http: httpx2.AsyncClient
    sender: SenderDependencies
    five: list[Service]
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def work(self) -> None:
        """Let everybody read, plan, judge and send until nothing is left to do at this moment."""
        while True:
            read = await self.harness.settle(*self.five)
            calls = len(self.provider.texts)
            scheduler = next(service for service in self.five if service.name == "scheduler")
            await scheduler.loops[0]._step()
            read += await self.harness.settle(*self.five)
            await self.sender.dispatcher.step()
            await self.sender.calls.drain()
            if not read and len(self.provider.texts) == calls:
                return

    async def later(self, **by: float) -> None:
        """Move the clock, and let all services work."""
        self.clock.advance(**by)
        await self.work()

    async def allow(self, to: str = PERSON, scope: str = "all", level: str = "pewc") -> None:
        """Record a consent."""
        answer = await self.http.post(
            "/v1/consents",
            json={
                "to": to,
                "scope": scope,
                "event": "granted",
                "level": level,
                "captured_at": "2026-01-05T10:00:00Z",
                "method": "checkout",
                "disclosure": DISCLOSURE,
                "source": "https://harbor.example/checkout",
            },
        )
        assert answer.status_code == 201, answer.text
        await self.work()

    async def ask(self, **body: Any) -> httpx2.Response:
        """Ask for a text or a flow, and let all services work."""
        answer = await self.http.post("/v1/follow-ups", json={"to": PERSON, **body})
        await self.work()
        return answer

    async def event(self, kind: str, **changes: Any) -> None:
        """Report an event of a person's."""
        number = next(self._numbers)
        event = {
            "id": f"evt-{number}",
            "kind": kind,
            "occurred_at": self.clock.now().isoformat(),
            "subject": f"subject-{number}",
            **changes,
            "recipient": {"phone": PERSON, "country": "US", "state": "NY", **changes.get("recipient", {})},
        }
        answer = await self.http.post("/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        await self.work()

    async def shopify(self, topic: str, **document: Any) -> str:
        """Deliver a webhook, and return what it was answered."""
        body = body_of(document)
        headers = shopify_headers(body, topic, event_id=f"delivery-{next(self._numbers)}")
        answer = await self.http.post(f"/v1/webhooks/shopify/{SHOP}", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        await self.work()
        return str(answer.json()["status"])

    async def delivered(self, text: SentText | None = None, status: str = "delivered", code: int | None = None) -> None:
        """Let the provider report on the newest text, or on this one."""
        answer = await self.http.post(**(text or self.provider.texts[-1]).receipt(status, code))
        assert answer.status_code == 200
        await self.work()

    async def reply(self, body: str, **fields: str) -> None:
        """Let the person write back, as the provider brings it."""
        form = {"MessageSid": f"SM{next(self._numbers):032x}", "From": PERSON, "To": NUMBER, "Body": body, **fields}
        answer = await self.http.post(**signed_post(REPLIES, form))
        assert answer.status_code == 200
        await self.work()

    async def tap(self, link: str, agent: str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile Safari/604.1") -> str:
        """Follow a short link as a phone does; return where it leads."""
        answer = await self.http.get(f"/r/{link.rpartition('/r/')[2]}", headers={"User-Agent": agent})
        assert answer.status_code == 302, answer.text
        await self.work()
        return str(answer.headers["location"])

    @property
    def phone(self) -> list[str]:
        """Every text that any phone got, oldest first."""
        return [text.form["Body"] for text in self.provider.texts]

    async def texts(self) -> list[Row]:
        """Return every follow-up, in the order they were planned for."""
        return await self.harness.rows(sa.select(follow_ups).order_by(follow_ups.c.first_due_at, follow_ups.c.id))  # type: ignore[return-value] # rows are mappings

    async def states(self) -> list[tuple[str, str | None]]:
        """Return state and reason of every follow-up, in the order they were planned for."""
        return [(row["state"], row["reason"]) for row in await self.texts()]

    async def standing(self) -> dict[str, Any]:
        """Return what the ledger says of the person."""
        answer = await self.http.post("/v1/recipients/standing", json={"to": PERSON})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def figure(self, name: str, **window: Any) -> dict[str, Any]:
        """Return a figure with its parts; the one of the currency named."""
        currency = window.pop("currency", None)
        until = (self.clock.now() + timedelta(hours=1)).isoformat()
        answer = await self.http.get("/v1/kpis", params={"to": until, **window})
        assert answer.status_code == 200, answer.text
        found = [each for each in answer.json()["kpis"] if each["name"] == name]
        found = [each for each in found if currency is None or each["currency"] == currency] or found
        assert len(found) == 1, found
        one: dict[str, Any] = found[0]
        return one


@asynccontextmanager
async def opened(folder: Path, at: datetime | None = None) -> AsyncIterator[Shop]:
    """Open the application in a folder, at a given time."""
    clock = FakeClock() if at is None else FakeClock(at)
    provider = ScriptedProvider(clock)
    await provider.start()
    directory = MerchantDirectory.load(_files(folder, provider.base_url), make_sender.ENVIRON)
    assert not directory.problems
    async with harness(folder, clock, directory) as built:
        sender = SenderDependencies.of(built.runtime, SenderSettings(), make_sender.ENVIRON)
        five = [
            services.ingest.app.build(built.runtime),
            services.scheduler.app.build(built.runtime, advice=advise),
            services.compliance.app.build(built.runtime),
            services.sender.app.service_of(sender),
            services.metrics.app.build(built.runtime),
        ]
        await built.create(*(service.metadata for service in five))
        web = create_app(
            "application",
            [router for service in five for router in service.routers],
            keys=Keys(directory, RateLimit(10_000, clock)),
            health=Health(),
            max_body_bytes=1_000_000,
        )
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(web), base_url="http://followup.test", headers=headers
        ) as client:
            yield Shop(built, clock, provider, client, sender, five)
        await sender.calls.stop()
        await sender.providers.close()
    await provider.stop()


def _files(folder: Path, base_url: str) -> Path:
    """Write the shop's files, and return the folder of all shops."""
    secrets, own = folder / "secrets", folder / "merchants" / SHOP
    secrets.mkdir()
    (secrets / "shopify").write_text(SECRET, encoding="utf-8")
    (own / "flows").mkdir(parents=True)
    for flow in (CASES / "flows").iterdir():
        (own / "flows" / flow.name).write_bytes(flow.read_bytes())
    values = {
        "folder": secrets,
        "account": make_sender.ACCOUNT_SID,
        "base_url": base_url,
        "key": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    text = (CASES / "merchant.yaml").read_text(encoding="utf-8").format(**values)
    (own / "merchant.yaml").write_text(text, encoding="utf-8")
    return own.parent
