"""The list of messages, one message and the search: what they show to whom, and what their forms do."""

import csv
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services import embedded
from services.console.pages.messages import _own_address
from shared.testing.harness import ServiceHarness
from shared.vocabulary.roles import SCOPES_OF, Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application is embedded")


LIST = "/console/messages"
NUMBER = "+12125550123"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


async def planned(opened: embedded.Application, person: Person, **changes: Any) -> str:
    """Plan a text far ahead through the API, let all services read of it, and return its id."""
    body = {"to": NUMBER, "text": "Hello", "purpose": "transactional", "due_in": "9d", **changes}
    answer = await person.http.post("/v1/follow-ups", json=body, headers=person.operator_of("acme"))
    assert answer.status_code == 202, answer.text
    await ServiceHarness(opened.runtime).settle(*opened.services)
    return str(answer.json()["follow_up_id"])


async def state_of(person: Person, key: str) -> str:
    return str((await person.read(f"/v1/follow-ups/{key}"))["state"])


async def search(person: Person, q: str) -> Any:
    return await person.send("/console/search", seen_on=LIST, q=q)


async def test_an_empty_list_says_how_it_begins(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    page = await anna.page(LIST)
    assert "No text has been planned yet" in page
    assert 'aria-current="page"' in page
    assert "There is no such text" in await anna.page(f"{LIST}?state=blocked")


async def test_texts_are_cancelled_with_a_reason_after_saying_how_many(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    first = await planned(opened, anna)
    second = await planned(opened, anna, text="Hello again")
    page = await anna.page(LIST)
    assert page.count('name="chosen"') == 2
    where = f"{LIST}/cancel"
    asked = await anna.send(where, seen_on=LIST, chosen=first, back=f"{LIST}?state=pending")
    assert asked.status_code == 200
    assert "1 planned text will be cancelled" in asked.text
    unexplained = await anna.send(where, seen_on=LIST, chosen=first, confirmed="yes", reason=" ")
    assert (unexplained.status_code, "Say why" in unexplained.text) == (422, True)
    assert await state_of(anna, first) == "pending"
    done = await anna.send(
        where, seen_on=LIST, chosen=first, confirmed="yes", reason="she called", back=f"{LIST}?state=pending"
    )
    assert (done.status_code, done.headers["location"]) == (303, f"{LIST}?state=pending&cancelled=1&under_way=0")
    assert [await state_of(anna, key) for key in (first, second)] == ["cancelled", "pending"]
    assert "1 text cancelled." in await anna.page(done.headers["location"])
    [entry] = (await anna.read("/v1/audit/scheduler"))["entries"]
    assert (entry["action"], entry["actor"], entry["reason"]) == ("follow-up.cancelled", "support-acme", "she called")
    again = await anna.send(where, seen_on=LIST, chosen=first)
    assert "There is nothing left to cancel" in again.text
    every = await anna.send(where, seen_on=LIST, listed=second, every="yes", confirmed="yes", reason="all")
    assert every.status_code == 303
    assert await state_of(anna, second) == "cancelled"


async def test_a_forged_form_cancels_nothing_and_leads_nowhere_else(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    key = await planned(opened, anna)
    form = {"chosen": key, "confirmed": "yes", "reason": "forged"}
    for forged, status in ((form, 403), ({**form, "form_token": "0" * 64}, 409)):
        assert (await anna.http.post(f"{LIST}/cancel", data=forged)).status_code == status
    assert await state_of(anna, key) == "pending"
    for back in (
        "https://elsewhere.example",
        "//elsewhere.example",
        f"{LIST}//elsewhere",
        f"{LIST}?x\r\nSet-Cookie: a",
    ):
        assert _own_address(back) == LIST
    assert _own_address("/console/follow-ups/x") == "/console/follow-ups/x"


@pytest.mark.parametrize("role", Role)
async def test_each_role_sees_the_list_and_cancels_where_its_scopes_say(
    opened: embedded.Application, role: Role
) -> None:
    person = await Person(opened).enter(role)
    key = await planned(opened, person)
    page = await person.page(LIST)
    assert f"/console/follow-ups/{key}" in page
    may = "follow-ups:write" in SCOPES_OF[role]
    assert ('name="chosen"' in page) == may
    story = await person.page(f"/console/follow-ups/{key}")
    assert ("Cancel this text" in story) == may
    reads = SCOPES_OF[role] >= {"messages:read", "dispatches:read"}
    assert ("Not written yet" in story) == reads
    assert ("Your role shows no texts" in story) != reads
    answer = await person.send(f"{LIST}/cancel", seen_on=LIST, chosen=key, confirmed="yes", reason="why")
    assert answer.status_code == (303 if may else 403)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
async def test_a_planned_text_is_read_ahead_by_a_button_for_roles_that_read_texts(
    opened: embedded.Application, role: Role
) -> None:
    person = await Person(opened).enter(role)
    text = "Hi <b>{{ recipient.first_name }}</b>"
    key = await planned(opened, person, text=text, recipient={"first_name": "Anna"})
    path, may = f"/console/follow-ups/{key}", "messages:read" in SCOPES_OF[role]
    assert ("Show how it would read now" in await person.page(path)) == may
    answer = await person.send(path, seen_on="/console/messages")
    assert answer.status_code == (200 if may else 403)
    assert ("Hi &lt;b&gt;Anna&lt;/b&gt;" in answer.text) == may
    assert ("As it would read now; a preview, not sent." in answer.text) == may
    assert (await person.http.post(path, data={"form_token": "0" * 64})).status_code == 403
    if may:
        body = {"follow_ups": [key], "reason": "why"}
        await person.http.post("/v1/follow-ups/cancel", json=body, headers=person.operator_of("acme"))
        gone = await person.send(path, seen_on="/console/messages")
        assert "This follow-up is cancelled" in gone.text
        assert "Anna" not in gone.text


async def test_a_number_leads_to_its_person_and_stands_in_no_address(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    key = await planned(opened, anna, subject="order-1001")
    for spelled in (NUMBER, "+1 (212) 555-0123"):
        found = await search(anna, spelled)
        assert found.status_code == 303
        assert "555" not in found.headers["location"]
        assert key in await anna.page(found.headers["location"])
    assert (await search(anna, f" {key} ")).headers["location"] == f"/console/follow-ups/{key}"
    by_order = (await search(anna, "order-1001")).headers["location"]
    assert by_order == f"{LIST}?order=order-1001"
    assert key in await anna.page(by_order)
    person = re.search(r"/console/people/([0-9a-f-]{36})", await anna.page(LIST))
    assert person is not None
    assert (await search(anna, person[1])).headers["location"] == f"/console/people/{person[1]}"
    for nothing in ("+12125550199", "order-9", "00000000-0000-4000-8000-000000000000", "<script>alert(1)</script>"):
        missing = await search(anna, nothing)
        assert (missing.status_code, "Nothing found" in missing.text) == (404, True)
        assert "<script>alert" not in missing.text
    actions = [entry["action"] for entry in (await anna.read("/v1/audit/scheduler"))["entries"]]
    assert actions.count("recipient.looked-up") == 3


async def test_two_shops_see_and_touch_their_own_alone(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    key = await planned(opened, anna, subject="order-1001")
    assert key not in await bert.page(LIST)
    assert (await bert.http.get(f"/console/follow-ups/{key}")).status_code == 404
    for wanted in (key, NUMBER, "order-1001"):
        assert (await search(bert, wanted)).status_code == 404
    answer = await bert.send(f"{LIST}/cancel", seen_on=LIST, chosen=key, confirmed="yes", reason="not mine")
    assert "cancelled=0" in answer.headers["location"]
    assert await state_of(anna, key) == "pending"


async def test_the_file_holds_the_list_and_no_formula(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    key = await planned(opened, anna)
    answer = await anna.http.get(f"{LIST}?as=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    [values] = csv.DictReader(io.StringIO(answer.text))
    assert (values["follow_up_id"], values["state"], values["sender_number"]) == (key, "pending", "'+12025550100")
    assert NUMBER not in answer.text


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("from=yesterday", 422, "Write a day"),
        ("from=2026-12-02&to=2026-12-01", 422, "The last day is before the first"),
        ("person=%2B12125550123", 422, "no recipient id"),
        ("state=lost", 422, "could not be understood"),
        ("cursor=nonsense", 422, "could not be understood"),
        ("flow=%3Cscript%3Ealert(1)%3C/script%3E", 200, "There is no such text"),
        ("order=%3Cscript%3Ealert(1)%3C/script%3E", 200, "There is no such text"),
    ],
)
async def test_what_an_address_cannot_hold_is_said_and_never_run(
    opened: embedded.Application, query: str, status: int, words: str
) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    answer = await anna.http.get(f"{LIST}?{query}")
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert "<script>alert" not in answer.text
