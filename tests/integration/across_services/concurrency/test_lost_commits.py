"""A commit without an answer: whatever is decided on its result, doing it again is harmless and leaves nothing out."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa

from services.compliance.tables import decisions, ledger, send_slots
from services.ingest.tables import deliveries
from services.metrics import store as metrics_store
from services.metrics.domain.rollups import rebuild
from services.metrics.tables import facts
from shared.bus import local
from shared.errors import CommitUnknown
from shared.events.consent import ConsentAct, ConsentReported, PrivacyRequested
from shared.events.dispatch import DispatchAccepted, DispatchDelivered
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import FollowUpCleared, Purpose
from shared.events.trigger import TriggerReceived
from shared.service import Service
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness
from shared.testing.make_compliance import PHONE
from shared.testing.make_ingest import event, shopify_order
from shared.testing.make_metrics import MERCHANT, TextFacts
from shared.testing.waiting import until
from tests.integration.across_services.concurrency.line import Line, Place
from tests.integration.across_services.rights import driver as rights
from tests.integration.compliance import driver as compliance
from tests.integration.ingest.driver import open_ingest
from tests.integration.metrics.conftest import opened as metrics_opened
from tests.integration.sender.driver import SenderDriver, alarms, open_driver

KEY = {"Idempotency-Key": "once"}
CONSENT = {"to": PHONE, "scope": "marketing", "level": "pewc", "disclosure": "shown"}


async def repeated(ask: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """Ask, be told that nobody knows, and ask again."""
    doubtful = await ask()
    assert (doubtful.status_code, doubtful.json()["code"]) == (503, "commit_unknown")
    assert "Idempotency-Key" in doubtful.json()["detail"]
    return await ask()


async def read_through(harness: ServiceHarness, service: Service) -> None:
    """Let a service read everything, as its process does: with faults waited out."""
    assert service.runner is not None
    runner = service.runner
    reading = asyncio.create_task(runner.run_forever())

    async def is_through() -> bool:
        rows = await harness.rows(sa.select(sa.func.max(local.event_log.c.id).label("newest")))
        return bool((runner.position(local.LOCAL) or 0) > rows[0]["newest"])

    await until(is_through)
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    assert runner.halted is None


async def test_a_delivery_is_kept_and_published_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with open_ingest(tmp_path, FakeClock()) as driver:
        line.cut(place)
        again = await repeated(lambda: driver.shopify("orders/create", shopify_order()))
        assert again.json() == {"status": "accepted" if place is Place.BEFORE else "duplicate"}
        assert await driver.count(deliveries) == len(await driver.harness.published(TriggerReceived)) == 1


async def test_deliveries_that_share_a_commit_are_all_in_doubt_and_all_kept_once(
    line: Line, place: Place, tmp_path: Path
) -> None:
    async with open_ingest(tmp_path, FakeClock()) as driver:
        line.cut(place)

        async def all_of_them() -> list[int]:
            asked = [driver.shopify("orders/create", {**shopify_order(), "id": n}, event_id=f"e-{n}") for n in range(9)]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

        assert await all_of_them() == [503] * 9
        assert await all_of_them() == [200] * 9
        assert await driver.count(deliveries) == len(await driver.harness.published(TriggerReceived)) == 9


async def test_a_keyed_request_of_ingest_is_answered_as_if_it_had_been_one(
    line: Line, place: Place, tmp_path: Path
) -> None:
    async with open_ingest(tmp_path, FakeClock()) as driver:
        line.cut(place)
        again = await repeated(lambda: driver.report(event(), **KEY))
        assert (again.status_code, again.json()["accepted"]) == (202, 1)
        assert len(await driver.triggers()) == 1


async def test_a_consent_enters_the_ledger_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver, driver.http() as http:
        line.cut(place)
        again = await repeated(lambda: http.post("/v1/consents", json=CONSENT, headers=KEY))
        assert (again.status_code, again.json()["recorded"]) == (201, True)
        assert len(await driver.rows(ledger)) == len(await driver.changes()) == 1
        assert await driver.first_break() is None


async def test_an_erasure_is_asked_for_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with rights.opened(tmp_path) as driver:
        line.cut(place)
        again = await repeated(lambda: driver.client.post("/v1/erasures", json={"to": PHONE}, headers=KEY))
        assert again.status_code == 202
        assert [request.right for request in await driver.harness.published(PrivacyRequested)] == ["erasure"]


async def test_a_due_text_is_judged_once_and_its_slot_taken_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver:
        await driver.hear(driver.claim())
        await driver.harness.publish(driver.due())
        line.cut(place)
        await read_through(driver.harness, driver.service)
        assert len(await driver.harness.published(FollowUpCleared)) == 1
        assert len(await driver.rows(decisions)) == len(await driver.rows(send_slots)) == 1
        assert await driver.parked() == []


async def test_a_claim_from_the_log_is_chained_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with compliance.opened(tmp_path) as driver:
        await driver.hear(driver.claim())
        await driver.harness.publish(driver.claim(ConsentAct.REVOKED), driver.about(DispatchAccepted))
        line.cut(place)
        await read_through(driver.harness, driver.service)
        assert len(await driver.rows(ledger)) == len(await driver.changes()) == 2
        assert await driver.first_break() is None
        assert len(await driver.rows(send_slots)) == 1


async def test_facts_are_counted_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with metrics_opened(tmp_path) as metrics:
        story = TextFacts(segment="vip").all_the_way()
        await metrics.take(story[0])
        await metrics.harness.publish(*story[1:])
        line.cut(place)
        await read_through(metrics.harness, metrics.service)
        kept = await metrics.harness.runtime.units.read(lambda db: metrics_store.all_rollups(db, MERCHANT))
        assert kept == rebuild(story)
        assert len(await metrics.harness.rows(sa.select(facts))) == len(story)


async def test_a_clearance_is_queued_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        await driver.hear(driver.cleared(1))
        await driver.harness.publish(driver.cleared(2, phone="+12125550102"))
        line.cut(place)
        await read_through(driver.harness, driver.service)
        await driver.send()
        assert len(driver.provider.texts) == len(await driver.dispatches()) == 2


async def settled(driver: SenderDriver) -> None:
    """Send until nothing is left, however long a text waits for its next turn."""
    for _ in range(4):
        await driver.send()
        driver.clock.advance(seconds=20)


@pytest.mark.parametrize("purpose", [Purpose.MARKETING, Purpose.TRANSACTIONAL])
async def test_an_intent_in_doubt_becomes_one_text_whatever_became_of_its_commit(
    line: Line, place: Place, tmp_path: Path, purpose: Purpose
) -> None:
    async with open_driver(tmp_path) as driver:
        await driver.hear(driver.cleared(purpose=purpose))
        line.cut(place)
        with pytest.raises(CommitUnknown):
            await driver.send()
        assert driver.provider.calls == 0
        await settled(driver)
        assert (driver.provider.calls, len(driver.provider.texts)) == (1, 1)
        assert [row["state"] for row in await driver.dispatches()] == ["accepted"]
        tried = [(row["state"], row["reason"]) for row in await driver.attempts()]
        doubtful = [("not_sent", "intent_in_doubt")] if place is Place.AFTER else []
        assert tried == [*doubtful, ("accepted", None)]


async def test_an_intent_in_doubt_of_a_process_that_died_is_never_called(
    line: Line, place: Place, tmp_path: Path
) -> None:
    async with open_driver(tmp_path) as driver:
        await driver.hear(driver.cleared(purpose=Purpose.MARKETING))
        line.cut(place)
        with pytest.raises(CommitUnknown):
            await driver.send()
        driver.restarted()
        await settled(driver)
        if place is Place.BEFORE:
            assert len(driver.provider.texts) == 1
            return
        await driver.reconcile(seconds=100)
        await driver.reconcile(minutes=5)
        await driver.reconcile(minutes=5)
        await settled(driver)
        assert driver.provider.calls == 0
        assert [row["state"] for row in await driver.attempts()] == ["proven_absent"]


async def test_an_outcome_is_written_once_and_its_text_not_sent_again(line: Line, place: Place, tmp_path: Path) -> None:
    doubles = alarms("double")
    async with open_driver(tmp_path) as driver:
        await driver.hear(driver.cleared())
        line.cut(place, at=2)
        await driver.send()
        await settled(driver)
        assert len(driver.provider.texts) == len(await driver.published(DispatchAccepted)) == 1
        assert [row["state"] for row in await driver.attempts()] == ["accepted"]
    assert alarms("double") == doubles


async def test_a_refusal_in_doubt_is_one_refusal(line: Line, place: Place, tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        driver.provider.script.append("refuse:21610")
        await driver.hear(driver.cleared())
        line.cut(place, at=2)
        await driver.send()
        await settled(driver)
        assert driver.provider.calls == 1
        assert [row["keyword_seq"] for row in await driver.people()] == [1]
        assert len(await driver.published(ConsentReported)) == 1


async def test_a_stop_is_answered_only_once_it_is_stored_and_reported_once(
    line: Line, place: Place, tmp_path: Path
) -> None:
    async with open_driver(tmp_path) as driver:
        line.cut(place)
        assert (await driver.reply("STOP")).status_code == 200
        assert [(row["suppressed"], row["keyword_seq"]) for row in await driver.people()] == [("opt_out", 1)]
        assert len(await driver.published(ConsentReported)) == len(await driver.published(ReplyReceived)) == 1


async def test_a_receipt_is_published_once(line: Line, place: Place, tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        await driver.hear(driver.cleared())
        await driver.send()
        receipt = driver.provider.texts[0].receipt("delivered")
        line.cut(place)
        assert (await repeated(lambda: driver.http.post(**receipt))).status_code == 200
        assert len(await driver.published(DispatchDelivered)) == 1
        assert len(await driver.receipts()) == (1 if place is Place.BEFORE else 2)
