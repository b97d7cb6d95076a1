"""The same thing at the same moment through ingest and compliance: the result is as if one had come after the other."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from services.compliance.ledger.roots import RootKeeper
from services.compliance.tables import daily_roots, decisions, erasures, ledger, preferences, send_slots
from services.ingest.app import build as build_ingest
from services.ingest.tables import deliveries
from shared.bus import parked
from shared.bus.local import LOCAL
from shared.bus.port import Message
from shared.bus.router import Router
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentReported, RecipientErased
from shared.events.envelope import Event, encode
from shared.events.follow_up import FollowUpCleared, FollowUpDeferred, Purpose
from shared.events.trigger import TriggerReceived
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.signing import SigningKey
from shared.telemetry.health import Health
from shared.testing import make
from shared.testing.clock import FakeClock
from shared.testing.make_compliance import PHONE
from shared.testing.make_ingest import api_key, body_of, event, shopify_headers, shopify_order
from tests.integration.across_services.concurrency.at_once import AT_ONCE, all_at_once, handled
from tests.integration.across_services.rights import driver as rights
from tests.integration.compliance import driver as compliance
from tests.integration.ingest.driver import open_ingest

KEY = {"Idempotency-Key": "once"}
CONSENT = {"to": PHONE, "scope": "marketing", "level": "pewc", "disclosure": "shown"}


async def test_one_key_used_by_many_requests_at_once_is_one_request_with_one_answer(tmp_path: Path) -> None:
    async with rights.opened(tmp_path) as driver:
        asked: dict[str, Any] = {"/v1/events": event(), "/v1/consents": CONSENT, "/v1/erasures": {"to": PHONE}}
        for path, body in asked.items():
            answers = await all_at_once(lambda path=path, body=body: driver.client.post(path, json=body, headers=KEY))  # type: ignore[misc]  # the loop's own values
            assert {answer.status_code for answer in answers} <= {201, 202}, [answer.text for answer in answers]
            assert [answer.json() for answer in answers] == [answers[0].json()] * AT_ONCE
        published = [type(each).__name__ for each in await driver.harness.log_events()]
        assert sorted(published) == ["ConsentChanged", "ConsentReported", "PrivacyRequested", "TriggerReceived"]


async def test_one_id_for_two_events_at_once_is_taken_once_and_refused_once(tmp_path: Path) -> None:
    async with open_ingest(tmp_path, FakeClock()) as driver:
        for number in range(AT_ONCE):
            answers = await asyncio.gather(
                *(driver.report(event(id=f"e-{number}", subject=f"order-{which}")) for which in range(2))
            )
            assert sorted(answer.status_code for answer in answers) == [202, 409]
        assert len(await driver.triggers()) == await driver.count(deliveries) == AT_ONCE


async def test_a_delivery_brought_to_two_replicas_at_once_is_kept_once(tmp_path: Path) -> None:
    async with open_ingest(tmp_path, FakeClock()) as driver:
        runtime = driver.harness.runtime
        keys = Keys(runtime.merchants, RateLimit(1000, runtime.clock))
        replicas = []
        for _ in range(AT_ONCE):
            routers = build_ingest(runtime).routers
            app = create_app("ingest", routers, keys=keys, health=Health(), max_body_bytes=100_000)
            replicas.append(httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest.test"))
        body = body_of(shopify_order())
        headers = shopify_headers(body, "orders/create")
        path = "/v1/webhooks/shopify/acme"
        answers = await asyncio.gather(*(each.post(path, content=body, headers=headers) for each in replicas))
        reported = sorted(answer.json()["status"] for answer in answers)
        assert reported == ["accepted", *["duplicate"] * (AT_ONCE - 1)]
        assert await driver.count(deliveries) == len(await driver.harness.published(TriggerReceived)) == 1
        assert api_key()


async def test_claims_about_a_stranger_through_both_entry_points_at_once_make_one_chain(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver, driver.http() as http:
        claims = [driver.claim(source=f"form-{n}") for n in range(AT_ONCE)]
        bodies = [{**CONSENT, "source": f"page-{n}"} for n in range(AT_ONCE)]
        asked = asyncio.gather(*(http.post("/v1/consents", json=body) for body in bodies))
        await handled(driver.harness, driver.service, *([claim] for claim in claims))
        answers = await asked
        assert {answer.status_code for answer in answers} == {201}
        assert sorted(row["position"] for row in await driver.rows(ledger)) == [*range(2 * AT_ONCE)]
        assert await driver.first_break() is None
        assert sorted(change.epoch for change in await driver.changes()) == [*range(1, 2 * AT_ONCE + 1)]


async def test_texts_to_one_person_judged_at_once_do_not_all_see_room(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver:
        await driver.hear(driver.claim())
        dues = [[driver.due(f"text-{n}", purpose=Purpose.INFORMATIONAL)] for n in range(AT_ONCE)]
        await handled(driver.harness, driver.service, *dues)
        cleared = [type(verdict) for verdict in await driver.verdicts()]
        assert (cleared.count(FollowUpCleared), cleared.count(FollowUpDeferred)) == (1, AT_ONCE - 1)
        assert len(await driver.rows(send_slots)) == 1


async def test_one_due_read_by_two_replicas_at_once_is_judged_once(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver:
        await driver.hear(driver.claim())
        due = driver.due()
        await handled(driver.harness, driver.service, *([due] for _ in range(AT_ONCE)))
        assert len(await driver.rows(decisions)) == len(await driver.verdicts()) == 1


async def test_an_erasure_beside_a_consent_leaves_no_evidence_whoever_is_first(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver, driver.http() as http:
        for number in range(AT_ONCE):
            phone = f"+1212555010{number}"
            erased = make.event(RecipientErased, recipient_id=driver.person(phone), occurred_at=driver.clock.now())
            driver.clock.advance(seconds=1)
            answer, _ = await asyncio.gather(
                http.post("/v1/consents", json={**CONSENT, "to": phone}),
                handled(driver.harness, driver.service, [erased]),
            )
            assert answer.status_code in {201, 409}
        entries = await driver.rows(ledger)
        assert all(row["evidence"] is None for row in entries)
        assert len(await driver.rows(erasures)) == AT_ONCE


async def test_a_file_imported_twice_at_once_enters_once(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver, driver.http() as http:
        row = {**CONSENT, "captured_at": "2026-11-01T10:00:00Z"}
        body = {"rows": [{**row, "to": f"+1212555010{n}"} for n in range(9)]}
        answers = await all_at_once(lambda: http.post("/v1/consents/imports", json=body))
        assert sum(answer.json()["recorded"] for answer in answers) == 9
        assert len(await driver.rows(ledger)) == 9


async def test_wishes_chosen_at_once_are_both_kept_and_a_stop_is_one_entry(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver, driver.http() as http:
        for number in range(AT_ONCE):
            person = {"to": f"+1212555010{number}"}
            standing = (await http.post("/v1/recipients/standing", json=person)).json()
            page = httpx2.URL(standing["preferences_url"]).path
            await asyncio.gather(*(http.post(page, data={"choice": choice}) for choice in ("pause", "fewer")))
        wishes = [(wish["is_fewer"], wish["paused_until"] is not None) for wish in await driver.rows(preferences)]
        assert wishes == [(True, True)] * AT_ONCE
        await all_at_once(lambda: http.post(page, data={"choice": "stop_all"}))
        assert len(await driver.rows(ledger)) == 1


async def test_two_keepers_sign_each_day_once(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver:
        await driver.hear(driver.claim(), driver.claim(source="another"))
        driver.clock.advance(days=2)
        key = SigningKey.new()
        keepers = [RootKeeper(driver.harness.runtime.units, driver.clock, key) for _ in range(AT_ONCE)]
        await asyncio.gather(*(keeper.step() for keeper in keepers))
        assert len(await driver.rows(daily_roots)) == 1


async def test_a_parked_event_redriven_by_two_hands_at_once_is_handled_once(tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver:
        claim, system_tables = driver.claim(), driver.service.system_tables
        message = Message(LOCAL, 1, claim.type, claim.recipient_id, encode(claim))
        units = driver.harness.runtime.units
        row = parked.row(message, claim.merchant_id, "a repair is awaited", driver.clock.now())
        await units.run(lambda uow: uow.db.insert(system_tables.parked, [row]), WritePriority.BATCHES)
        handed: list[Event] = []
        router = Router()

        @router.on(ConsentReported)
        async def take(events: Sequence[ConsentReported], uow: UnitOfWork) -> None:
            await asyncio.sleep(0.02)
            handed.extend(events)

        await asyncio.gather(*(parked.redrive(units, system_tables, router) for _ in range(AT_ONCE)))
        assert len(handed) == 1
