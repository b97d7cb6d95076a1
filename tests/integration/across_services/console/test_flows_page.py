"""The pages of flows: what they show, and what their forms do in the running application."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services import embedded
from shared.testing.harness import ServiceHarness
from shared.vocabulary.roles import SCOPES_OF, Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the whole application in one process is always on SQLite")

FLOW = """
flow: thanks
description: "Thank <b>them</b>"
on: purchase
when: 'trigger.amount_minor >= 2000 && trigger.order_name != "<script>alert(1)</script>"'
enter: {once_per: trigger.subject}
cancel_on: [{on: refund, when: event.subject == trigger.subject}]
steps:
  - wait: 1h
  - text: hello
    purpose: marketing
    expire_after: 1d
    body: {en: "<i>Hello</i> {{ recipient.first_name }}", es: "Hola"}
"""
PATH = "/console/flows"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    folder = tmp_path / "merchants" / "acme" / "flows"
    folder.mkdir(parents=True)
    (folder / "thanks.yaml").write_text(FLOW, encoding="utf-8")
    async with open_house(tmp_path) as application:
        yield application


async def test_a_flow_from_its_list_to_its_pause(opened: embedded.Application) -> None:
    owner = await Person(opened).enter(Role.OWNER)
    page = await owner.page(PATH)
    assert 'href="/console/flows/thanks"' in page
    assert "in force" in page
    await _the_page_of_a_flow_says_all_and_runs_no_markup(owner)
    await _pausing_needs_a_reason_and_keeps_what_was_typed(owner)
    await _a_flow_and_one_of_its_texts_are_paused_and_go_on(owner)
    await _a_stop_first_says_how_many(owner)
    await _what_is_no_flow_is_not_found(owner)
    await _the_table_is_a_file(owner)
    await _other_shops_and_roles(opened)


async def _the_page_of_a_flow_says_all_and_runs_no_markup(owner: Person) -> None:
    page = await owner.page(f"{PATH}/thanks")
    for words in ("When somebody buys, if its amount is at least 20.00 and", "Once for each order", "Wait 1 hour"):
        assert words in page
    assert "acme Coffee: &lt;i&gt;Hello&lt;/i&gt; Maria" in page
    assert "Hola" in page
    assert "1 part" in page
    assert "<script>alert" not in page
    assert "Thank &lt;b&gt;" in page
    assert "<svg" in page
    assert 'lang="es"' in page


async def test_a_text_of_a_flow_is_sent_to_a_phone_of_the_shops_own_by_who_writes_flows(tmp_path: Path) -> None:
    folder = tmp_path / "merchants" / "acme" / "flows"
    folder.mkdir(parents=True)
    (folder / "thanks.yaml").write_text(FLOW, encoding="utf-8")
    async with open_house(tmp_path, more='test_recipients: ["+12125550123"]\n') as application:
        marketer = await Person(application).enter(Role.MARKETER)
        path = f"{PATH}/thanks"
        page = await marketer.page(path)
        assert "+1212•••0123" in page
        assert "+12125550123" not in page
        test = {"step": "hello", "phone": "0", "locale": "es", "once": "1"}
        refused = await marketer.send(f"{path}/test", seen_on=path, **test)
        assert (refused.status_code, "text START from it" in refused.text) == (422, True)
        for phone in ("1", "-1", "x", "²", "9" * 200):
            chosen = await marketer.send(f"{path}/test", seen_on=path, **test | {"phone": phone})
            assert (chosen.status_code, "Choose a phone." in chosen.text) == (422, True)
        consent = {"to": "+12125550123", "scope": "all", "level": "express", "captured_at": "2026-01-01T10:00:00Z"}
        await marketer.http.post("/v1/consents", json=consent, headers=marketer.operator_of("acme"))
        await ServiceHarness(application.runtime).settle(*application.services)
        for _ in range(2):
            sent = await marketer.send(f"{path}/test", seen_on=path, **test)
            assert sent.status_code == 303
        assert "On its way to your phone" in await marketer.page(sent.headers["location"].partition("#")[0])
        found = (await marketer.read("/v1/follow-ups"))["follow_ups"]
        assert [each["flow"] for each in found] == ["test"]
        viewer = await Person(application).enter(Role.VIEWER)
        assert "Send to my own phone" not in await viewer.page(path)
        assert (await viewer.send(f"{path}/test", seen_on="/console", **test)).status_code == 403
        gone = await marketer.send(f"{PATH}/nonsense/test", seen_on=path, **test)
        assert gone.status_code == 404


async def _pausing_needs_a_reason_and_keeps_what_was_typed(owner: Person) -> None:
    to = f"{PATH}/thanks/controls"
    answer = await owner.send(to, seen_on=f"{PATH}/thanks", action="pause", reason=" ", until="2026-12-24T10:00")
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert 'value="2026-12-24T10:00"' in answer.text
    answer = await owner.send(to, seen_on=f"{PATH}/thanks", action="pause", reason="wrong words", until="tomorrow")
    assert answer.status_code == 422
    assert 'value="wrong words"' in answer.text
    assert (await owner.http.post(to, data={"action": "pause", "reason": "x"})).status_code == 403
    assert (await owner.read("/v1/controls"))["controls"] == []


async def _a_flow_and_one_of_its_texts_are_paused_and_go_on(owner: Person) -> None:
    to = f"{PATH}/thanks/controls"
    for step in ("", "hello"):
        answer = await owner.send(to, seen_on=f"{PATH}/thanks", action="pause", reason="wrong words", step=step)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}/thanks")
    scopes = [(each["scope"]["flow"], each["scope"]["step"]) for each in (await owner.read("/v1/controls"))["controls"]]
    assert sorted(scopes, key=str) == [("thanks", "hello"), ("thanks", None)]
    assert "This flow is paused" in await owner.page(f"{PATH}/thanks")
    assert "paused" in await owner.page(PATH)
    for step in ("", "hello"):
        await owner.send(to, seen_on=f"{PATH}/thanks", action="resume", reason="right again", step=step)
    assert (await owner.read("/v1/controls"))["controls"] == []


async def _a_stop_first_says_how_many(owner: Person) -> None:
    answer = await owner.send(f"{PATH}/thanks/controls", seen_on=f"{PATH}/thanks", action="stop", reason="old")
    assert "0 planned texts will be cancelled" in answer.text
    assert (await owner.read("/v1/controls"))["controls"] == []


async def _what_is_no_flow_is_not_found(owner: Person) -> None:
    for name in ("nothing", "api", "..%2F..%2Fetc", "%3Cscript%3Ealert(1)%3C/script%3E", "x" * 300):
        answer = await owner.http.get(f"{PATH}/{name}")
        assert answer.status_code in {404, 422}, name
        assert "<script>alert" not in answer.text
    assert (await owner.http.get(f"{PATH}?span=1000d")).status_code == 422


async def _the_table_is_a_file(owner: Person) -> None:
    answer = await owner.http.get(f"{PATH}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.text.splitlines()
    assert lines[0].startswith("flow,state,entered")
    assert lines[1].startswith("thanks,in force,0,")


async def _other_shops_and_roles(opened: embedded.Application) -> None:
    other = await Person(opened).enter(Role.OWNER, "bolt")
    assert "thanks" not in await other.page(PATH)
    assert "No flow is in force" in await other.page(PATH)
    assert (await other.http.get(f"{PATH}/thanks")).status_code == 404
    for role in Role:
        person = await Person(opened).enter(role)
        may = "flows:read" in SCOPES_OF[role]
        for path in (PATH, f"{PATH}/thanks", f"{PATH}.csv"):
            assert (await person.http.get(path)).status_code == (200 if may else 403), (role, path)
        if may and "controls:write" not in SCOPES_OF[role]:
            page = await person.page(f"{PATH}/thanks")
            assert "/controls" not in page.replace("/console/controls", "")
            refused = await person.send(f"{PATH}/thanks/controls", seen_on=f"{PATH}/thanks", action="pause", reason="x")
            assert refused.status_code == 403


async def test_texts_of_a_removed_flow_are_finished_by_a_button(tmp_path: Path) -> None:
    folder = tmp_path / "merchants" / "acme" / "flows"
    folder.mkdir(parents=True)
    (folder / "thanks.yaml").write_text(FLOW, encoding="utf-8")
    async with open_house(tmp_path) as application:
        owner = await Person(application).enter(Role.OWNER)
        trigger, person = {"amount_minor": 5000, "order_name": "1"}, {"first_name": "Ann"}
        asked = {"to": "+12125550123", "flow": "thanks", "subject": "1", "trigger": trigger, "recipient": person}
        told = await owner.http.post("/v1/follow-ups", json=asked, headers=owner.operator_of("acme"))
        assert told.status_code == 202, told.text
        (folder / "thanks.yaml").unlink()
        assert application.runtime.merchants.reload_if_changed()
        assert "is in no file any more" in await owner.page(PATH)
        page = await owner.page(f"{PATH}/thanks")
        assert "Hello" in page
        body = {"action": "pause", "scope": {"flow": "thanks"}, "reason": "gone"}
        await owner.http.post("/v1/controls", json=body, headers=owner.operator_of("acme"))
        assert "Finish them" in await owner.page(PATH)
        to = f"{PATH}/thanks/controls"
        await owner.send(to, seen_on=PATH, action="resume", answer="finish")
        assert (await owner.read("/v1/controls"))["controls"] == []
        answer = await owner.send(to, seen_on=PATH, action="stop", answer="cancel")
        assert "1 planned text will be cancelled" in answer.text
