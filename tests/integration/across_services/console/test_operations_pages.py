"""The pages of sources and deliverability: what they show, and what their forms do in the running application."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from services import embedded
from services.ingest.tables import deliveries
from shared.events.trigger import TriggerKind
from shared.testing.harness import ServiceHarness
from shared.vocabulary.roles import Role
from tests.integration.across_services.console import house
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application in one process has SQLite")

SOURCES, DELIVERABILITY = "/console/sources", "/console/deliverability"
SECRET = "the secret of the platform"


@pytest.fixture
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[embedded.Application]:
    sources = "sources: {{shopify: {{secrets: [{{env: SHOPIFY_SECRET}}]}}}}"
    monkeypatch.setenv("SHOPIFY_SECRET", SECRET)
    monkeypatch.setattr(house, "MERCHANT", house.MERCHANT.replace("sources: {{}}", sources))
    async with open_house(tmp_path) as application:
        yield application


async def deliver(person: Person, body: bytes, merchant: str = "acme", delivery: str = "d-1") -> int:
    """Deliver a webhook as the platform does, and return the status."""
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    headers = {
        "X-Shopify-Hmac-Sha256": signature,
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Webhook-Id": delivery,
        "Content-Type": "application/json",
    }
    answer = await person.http.post(f"/v1/webhooks/shopify/{merchant}", content=body, headers=headers)
    return answer.status_code


async def test_what_could_not_be_read_is_shown_read_again_and_discarded(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OPERATOR)
    assert "Every genuine delivery could be read" in await anna.page(SOURCES)
    assert await deliver(anna, json.dumps({"id": "<script>alert(1)</script>"}).encode()) == 200
    [waiting] = (await anna.read("/v1/quarantine"))["deliveries"]
    page = await anna.page(SOURCES)
    assert f'value="{waiting["delivery_id"]}"' in page
    assert "<script>alert" not in page
    assert "1 delivery could not be read" in await anna.page("/console")
    again = await anna.send(SOURCES, action="redrive", delivery=waiting["delivery_id"])
    assert again.headers["location"] == f"{SOURCES}?done=0&left=1"
    assert "1 still cannot be" in await anna.page(again.headers["location"])
    unsaid = await anna.send(SOURCES, action="discard", delivery=waiting["delivery_id"], reason=" ")
    assert (unsaid.status_code, "Say why" in unsaid.text, " checked" in unsaid.text) == (422, True, True)
    none = await anna.send(SOURCES, action="discard", reason="a test")
    assert (none.status_code, "Choose deliveries" in none.text) == (422, True)
    file = await anna.http.get(f"{SOURCES}/quarantine.csv")
    assert file.text.splitlines()[1].startswith(waiting["delivery_id"])
    gone = await anna.send(SOURCES, action="discard", delivery=waiting["delivery_id"], reason="a test")
    assert gone.headers["location"] == f"{SOURCES}?gone=1"
    assert (await anna.read("/v1/quarantine"))["deliveries"] == []


async def test_another_shops_delivery_is_neither_shown_nor_discarded(opened: embedded.Application) -> None:
    anna, boris = await Person(opened).enter(Role.OWNER), await Person(opened).enter(Role.OWNER, "bolt")
    await deliver(boris, b'{"id": "x"}', "bolt")
    [waiting] = (await anna.read("/v1/quarantine", "bolt"))["deliveries"]
    assert waiting["delivery_id"] not in await anna.page(SOURCES)
    await anna.send(SOURCES, action="discard", delivery=waiting["delivery_id"], reason="not mine")
    await anna.send(SOURCES, action="redrive_all")
    assert len((await anna.read("/v1/quarantine", "bolt"))["deliveries"]) == 1
    assert waiting["delivery_id"] in await boris.page(SOURCES)


async def test_deliverability_shows_numbers_limits_and_that_every_call_had_an_answer(
    opened: embedded.Application,
) -> None:
    anna = await Person(opened).enter(Role.OPERATOR)
    page = await anna.page(DELIVERABILITY)
    assert "Every call to a provider had an answer" in page
    assert "+1202•••0100" in page
    assert "New people this hour" in page
    assert "registered" in page
    assert "Providers" in page
    numbers = (await anna.http.get(f"{DELIVERABILITY}/numbers.csv")).text.splitlines()
    assert numbers[1].startswith("'+1202•••0100,main,closed,,registered,")
    providers = (await anna.http.get(f"{DELIVERABILITY}/providers.csv")).text.splitlines()
    assert providers[1].startswith("main,simulated,True,1,0,")


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"outcome": "maybe", "reason": "x"}, 422, "Choose what became of the text."),
        ({"outcome": "sent", "reason": ""}, 422, "Say what you saw"),
        ({"outcome": "sent", "reason": "in the log"}, 404, "No such"),
    ],
)
async def test_a_text_that_nobody_has_cannot_be_resolved(
    opened: embedded.Application, form: dict[str, str], status: int, says: str
) -> None:
    anna = await Person(opened).enter(Role.OPERATOR)
    ids = dict.fromkeys(("follow_up_id", "attempt_id"), "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f")
    answer = await anna.send(DELIVERABILITY, seen_on="/console/controls", **ids, **form)
    assert answer.status_code == status
    assert says in answer.text or status == 404


async def test_who_may_not_is_told_so_and_nothing_held_is_a_page_too(opened: embedded.Application) -> None:
    viewer = await Person(opened).enter(Role.VIEWER)
    assert [(await viewer.http.get(path)).status_code for path in (SOURCES, DELIVERABILITY)] == [403, 403]
    assert "Deliverability" not in await viewer.page("/console")
    foreign = await viewer.http.post(SOURCES, data={"action": "redrive_all", "form_token": "x"})
    assert foreign.status_code in {403, 409}
    anna = await Person(opened).enter(Role.OPERATOR)
    nothing = await anna.send(f"{DELIVERABILITY}/release", seen_on="/console/controls")
    assert (nothing.status_code, "No run of neighbouring numbers holds any text." in nothing.text) == (409, True)


async def test_a_test_event_happens_to_a_phone_of_the_shops_own_and_to_no_other(tmp_path: Path) -> None:
    async with open_house(tmp_path, more='test_recipients: ["+12125550123"]\n') as opened:
        anna = await Person(opened).enter(Role.OPERATOR)
        page, trial = "/console/sources", "/console/sources/trial"
        assert "+1212•••0123" in await anna.page(page)
        for phone in ("1", "-1", "²", "+12125550124"):
            refused = await anna.send(trial, seen_on=page, phone=phone, kind="purchase", once="a")
            assert (refused.status_code, "Choose a phone." in refused.text) == (422, True)
        strange = await anna.send(trial, seen_on=page, phone="0", kind="custom.party", once="a")
        assert strange.status_code == 422
        for number, kind in enumerate(TriggerKind):
            for _ in range(2):  # pressed twice is once
                sent = await anna.send(trial, seen_on=page, phone="0", kind=kind, once=f"press {number}")
                assert (sent.status_code, sent.headers["location"]) == (303, f"{page}?tried=1")
        assert "The test event was taken in" in await anna.page(f"{page}?tried=1")
        await ServiceHarness(opened.runtime).settle(*opened.services)
        recorded = await ServiceHarness(opened.runtime).rows(sa.select(deliveries))
        assert sorted(row["topic"] for row in recorded) == sorted(TriggerKind)
        assert {row["outcome"] for row in recorded} == {"accepted"}
        found = (await anna.read("/v1/kpis"))["kpis"]
        assert all(each["numerator"] in {0, None} for each in found if each["name"] == "planned")
        body = {"to": "+12125550124"}
        other = await anna.http.post("/v1/trial-events", json=body, headers=anna.operator_of("acme"))
        assert (other.status_code, "test_recipients" in other.text) == (422, True)
        viewer = await Person(opened).enter(Role.SUPPORT)
        assert (await viewer.send(trial, seen_on="/console", phone="0", kind="purchase")).status_code == 403
