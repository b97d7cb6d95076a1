"""Test texts: to the shop's own phones alone, through the gate, and in no run of the flow they show."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.events.consent import ConsentChanged
from shared.ids import MerchantId
from shared.phone import E164
from shared.testing import make
from tests.integration.scheduler.driver import SchedulerDriver, open_driver

PHONE = "+12125550123"
SENDS = {"decision": "send", "reason": None, "explanation": "It may go now."}
TEXT: dict[str, Any] = {"to": PHONE, "test": True, "text": "Table {{ trigger.table }}", "facts": {"table": "12"}}
STEP: dict[str, Any] = {"to": PHONE, "test": True, "flow": "order-thank-you", "trigger": {"order_name": "#1001"}}


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[SchedulerDriver]:
    async with open_driver(tmp_path, more=f'test_recipients: ["{PHONE}"]\n', advice=lambda _: SENDS) as driver:
        yield driver


async def test_a_text_goes_now_says_that_it_is_a_test_and_belongs_to_no_flow_of_the_shop(
    driver: SchedulerDriver,
) -> None:
    shown = (await driver.ask(**TEXT, dry_run=True)).json()
    assert shown["texts"][0]["text"].startswith("Acme Coffee: [Test] Table 12")
    assert (await driver.ask(**TEXT)).status_code == 202
    await driver.fire(seconds=1)
    (due,) = await driver.dues()
    assert (due.flow, due.purpose) == ("test", "transactional")


@pytest.mark.parametrize(
    ("step", "locale", "words"),
    [
        (None, None, "[Test] Thanks so much! Order #1001"),
        ("thanks", "es", "[Test] ¡Gracias! Pedido #1001"),
        ("review", None, "[Test] How is the coffee?"),
    ],
)
async def test_a_step_of_a_flow_is_shown_in_its_language_and_starts_no_run(
    driver: SchedulerDriver, step: str | None, locale: str | None, words: str
) -> None:
    body = {**STEP, "step": step, "recipient": {"locale": locale}}
    assert words in (await driver.ask(**body, dry_run=True)).json()["texts"][0]["text"]
    assert (await driver.ask(**body)).status_code == 202
    assert (await driver.ask(**body)).status_code == 202, "once per order is a rule of the flow, not of its tests"
    assert [planned.flow for planned in await driver.planned()] == ["test", "test"]
    assert (await driver.get("/v1/enrollments?flow=order-thank-you")).json()["enrollments"] == []


async def test_without_a_trigger_a_step_is_shown_on_the_invented_event_of_the_previews(driver: SchedulerDriver) -> None:
    answer = await driver.ask(**STEP | {"trigger": None}, dry_run=True)
    assert "[Test] Thanks so much! Order #1042" in answer.json()["texts"][0]["text"]


async def test_those_who_write_flows_send_their_texts_to_a_phone_of_the_shops_own(driver: SchedulerDriver) -> None:
    path = "/v1/flows/order-thank-you/tests"
    body = {"to": PHONE, "step": "thanks", "locale": "es"}
    first = await driver.http.post(path, json=body, headers=driver.headers("once"))
    again = await driver.http.post(path, json=body, headers=driver.headers("once"))
    assert (first.status_code, again.json()) == (202, first.json())
    assert [planned.flow for planned in await driver.planned()] == ["test"]
    for change in ({"to": "+12125550124"}, {"step": "nonsense"}, {"colour": "blue"}):
        assert (await driver.http.post(path, json=body | change, headers=driver.headers())).status_code == 422
    foreign = await driver.http.post(path, json=body, headers=driver.headers(merchant="globex"))
    assert foreign.status_code == 404
    unknown = await driver.http.post("/v1/flows/nonsense/tests", json=body, headers=driver.headers())
    assert unknown.status_code == 404
    assert len(await driver.planned()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"to": "+12125550124"}, "test_recipients"),
        ({"step": "nonsense"}, "it has thanks, review"),
        ({"flow": "nonsense"}, "no flow of this name"),
        ({"trigger": {}}, "trigger.order_name"),
        ({"due_in": "1h"}, "a test goes now"),
        ({"expires_at": "2027-01-01T00:00:00Z"}, "a test goes now"),
        ({"cancel_on": [{"on": "refund"}]}, "a test goes now"),
        ({"test": False, "step": "thanks"}, "add test"),
        ({"flow": None, "trigger": None, "text": "Hello", "step": "thanks"}, "belong to flow"),
    ],
)
async def test_what_is_no_test_is_refused_with_what_to_do(
    driver: SchedulerDriver, change: dict[str, Any], words: str
) -> None:
    answer = await driver.ask(**{**STEP, **change})
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
    assert await driver.rows() == []


async def test_a_phone_of_another_shop_is_no_phone_for_tests(driver: SchedulerDriver) -> None:
    answer = await driver.http.post("/v1/follow-ups", json=TEXT, headers=driver.headers(merchant="globex"))
    assert answer.status_code == 422


async def test_a_test_that_the_gate_would_block_is_refused_at_once_with_the_way_out(tmp_path: Path) -> None:
    async with open_driver(tmp_path, more=f'test_recipients: ["{PHONE}"]\n') as driver:
        refused = await driver.ask(**TEXT)
        assert (refused.status_code, refused.json()["code"]) == (409, "test_refused")
        assert "text START" in refused.json()["detail"]
        assert await driver.rows() == []
        recipient = driver.sealer.recipient_id(MerchantId("acme"), E164(PHONE))
        await driver.hear(make.event(ConsentChanged, recipient_id=recipient))
        assert (await driver.ask(**TEXT)).status_code == 202
