"""Recorded deliveries of platforms, sent as webhooks; and what Followup then holds about each person."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

import services.compliance.app
import services.ingest.app
import services.scheduler.app
from services.compliance import store as ledger
from services.compliance.gate.advice import advise
from services.scheduler.tables import follow_ups
from shared import aad
from shared.config.directory import MerchantDirectory
from shared.events.consent import PrivacyRequested
from shared.events.follow_up import Purpose
from shared.events.trigger import Contact, TriggerReceived
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.ids import MerchantId, RecipientId
from shared.phone import E164
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_ingest import body_of, merchants_folder, shopify_headers
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("what a delivery says is read before any table is asked")

CASES = [
    json.loads(line) for line in (Path(__file__).parents[3] / "cases" / "shopify.jsonl").read_text("utf-8").splitlines()
]
NOW = datetime(2026, 11, 30, 17, tzinfo=UTC)
ACME = MerchantId("acme")
_MORE = """\
time_zone: America/New_York
providers: {main: {kind: simulated}}
numbers: [{number: "+12025550100", provider: main, kind: long_code, parts_per_second: 10}]
"""
_CANCELLED = """\
cancel_on:
  - {on: cancellation, when: event.subject == trigger.subject}
  - {on: refund, when: event.subject == trigger.subject}
"""
_FLOWS = {
    "thanks": f"""\
flow: thanks
on: purchase
enter: {{once_per: trigger.subject}}
{_CANCELLED}
steps:
  - wait: 5s
  - text: thanks
    purpose: transactional
    expire_after: 12h
    body: "Thanks {{{{ recipient.first_name | default: 'so much' }}}}!"
  - wait: 3d
  - text: review
    purpose: marketing
    expire_after: 3d
    body: "How are the beans? Reply STOP to end."
""",
    "shipped": f"""\
flow: shipped
on: fulfilment
enter: {{once_per: trigger.subject}}
{_CANCELLED}
steps:
  - wait: 5s
  - text: shipped
    purpose: transactional
    expire_after: 12h
    body: "Your order has left us."
""",
}


class EntryPoint:
    """The webhook entry point, and the services that parse a delivery, store consent and plan texts."""

    def __init__(self, built: ServiceHarness, client: httpx2.AsyncClient, three: list[Any]) -> None:
        self._harness = built
        self._client = client
        self._three = three
        self._sealer = built.runtime.sealer

    async def take(self, place: int, step: dict[str, Any]) -> None:
        """Send one delivery, and let the services process its events."""
        extra = step.get("many_note_attributes", 0)
        document = step.get("body", {}) | (
            {"note_attributes": [{"name": "n", "value": "x" * 1000}] * extra} if extra else {}
        )
        body = step["raw"].encode() if "raw" in step else body_of(document)
        ids = {name: step[name] for name in ("webhook_id",) if name in step}
        headers = shopify_headers(body, step["topic"], event_id=step.get("event_id", f"event-{place}"))
        headers |= {f"x-shopify-{name.replace('_', '-')}": value for name, value in ids.items()}
        answer = await self._client.post("/v1/webhooks/shopify/acme", content=body, headers=headers)
        assert (answer.status_code, answer.json()["status"]) != (200, "quarantined")
        assert answer.status_code == 200
        await self._harness.settle(*self._three)

    async def marketing(self, phone: str) -> str:
        """Return a person's status of consent to marketing."""
        who = self.who(phone)
        people = await self._harness.runtime.database.read(lambda db: ledger.people(db, [who]))
        return people[who].standing.consent_for(Purpose.MARKETING, NOW).status.value

    async def texts(self) -> dict[str, list[str]]:
        """Return each person's texts: step, state, and why."""
        found: dict[str, list[str]] = {}
        for row in await self._harness.rows(sa.select(follow_ups)):
            why = f": {row['reason']}" if row["reason"] else ""
            state = "planned" if row["state"] == "pending" else row["state"]
            found.setdefault(str(row["recipient_id"]), []).append(f"{row['step']} {state}{why}")
        return {who: sorted(each) for who, each in found.items()}

    async def triggers(self) -> list[TriggerReceived]:
        return await self._harness.published(TriggerReceived)

    async def rights(self) -> list[tuple[str, RecipientId]]:
        return [(each.right.value, each.recipient_id) for each in await self._harness.published(PrivacyRequested)]

    def name(self, trigger: TriggerReceived) -> str | None:
        """Return the first name that a text about this would be filled in with."""
        clear = self._sealer.open(ACME, aad.contact(trigger.recipient_id), trigger.contact)
        return Contact.model_validate_json(clear).first_name

    def who(self, phone: str) -> RecipientId:
        return self._sealer.recipient_id(ACME, E164(phone))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[EntryPoint]:
    """Open the entry point in a folder."""
    merchants = merchants_folder(folder, "acme")
    file = merchants / "acme" / "merchant.yaml"
    file.write_text(file.read_text("utf-8") + _MORE, encoding="utf-8")
    (merchants / "acme" / "flows").mkdir()
    for name, flow in _FLOWS.items():
        (merchants / "acme" / "flows" / f"{name}.yaml").write_text(flow, encoding="utf-8")
    directory, clock = MerchantDirectory.load(merchants, {}), FakeClock(NOW)
    assert not directory.problems
    async with harness(folder, clock, directory) as built:
        three = [
            services.ingest.app.build(built.runtime),
            services.compliance.app.build(built.runtime),
            services.scheduler.app.build(built.runtime, advise),
        ]
        await built.create(*(service.metadata for service in three))
        web = create_app(
            "application",
            three[0].routers,
            keys=Keys(directory, RateLimit(1000, clock)),
            health=Health(),
            max_body_bytes=built.runtime.settings.max_body_bytes,
            max_webhook_body_bytes=built.runtime.settings.max_webhook_body_bytes,
        )
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(web), base_url="http://followup.test") as client:
            yield EntryPoint(built, client, three)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_a_delivery_means_what_its_shop_meant(tmp_path: Path, case: dict[str, Any]) -> None:
    expected = case["expected"]
    assert expected
    async with opened(tmp_path) as webhook:
        for place, step in enumerate(case["deliveries"]):
            await webhook.take(place, step)
        triggers = await webhook.triggers()
        for phone, status in expected.get("marketing", {}).items():
            assert (phone, await webhook.marketing(phone)) == (phone, status)
        if "texts" in expected:
            assert await webhook.texts() == {
                str(webhook.who(phone)): texts for phone, texts in expected["texts"].items()
            }
        if "told" in expected:
            assert [trigger.kind for trigger in triggers] == expected["told"]
        if "amounts" in expected:
            assert [trigger.amount_minor for trigger in triggers] == expected["amounts"]
        if "names" in expected:
            assert {trigger.recipient_id: webhook.name(trigger) for trigger in triggers} == {
                webhook.who(phone): name for phone, name in expected["names"].items()
            }
        if "rights" in expected:
            assert await webhook.rights() == [(right, webhook.who(phone)) for right, phone in expected["rights"]]
