"""The page of controls: what it shows, and what its forms do in the running application, for each role."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services import embedded
from shared.vocabulary.roles import SCOPES_OF, Role
from tests.integration.across_services.console import house
from tests.integration.across_services.console.house import open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the whole application in one process is always on SQLite")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


class Person(house.Person):
    """At the page of controls."""

    async def look(self) -> str:
        return await self.page("/console/controls")

    async def change(self, **form: str) -> httpx2.Response:
        return await self.send("/console/controls", **form)

    async def controls(self, merchant: str = "acme") -> list[dict[str, Any]]:
        return list((await self.read("/v1/controls", merchant))["controls"])


async def enter(application: embedded.Application, role: Role, merchant: str = "acme") -> Person:
    person = Person(application)
    await person.enter(role, merchant)
    return person


async def test_a_pause_is_made_shown_and_lifted_by_forms_alone(opened: embedded.Application) -> None:
    anna = await enter(opened, Role.OWNER)
    assert "Nothing is paused or stopped" in await anna.look()
    made = await anna.change(action="pause", scope="number:+12025550100", reason="wrong code", until="2099-12-24T08:00")
    assert (made.status_code, made.headers["location"]) == (303, "/console/controls")
    [control] = await anna.controls()
    assert (control["action"], control["made_by"], control["reason"]) == ("pause", "user:owner-acme", "wrong code")
    assert control["scope"]["number"] == "+12025550100"
    page = await anna.look()
    assert "texts from +12025550100" in page
    assert "wrong code" in page
    lifted = await anna.change(action="resume", scope="number:+12025550100", reason="the code works now")
    assert lifted.status_code == 303
    assert await anna.controls() == []


async def test_a_stop_says_first_how_many_texts_it_cancels(opened: embedded.Application) -> None:
    anna = await enter(opened, Role.OPERATOR)
    form = {"action": "stop", "scope": "merchant:", "reason": "the offer is over"}
    asked = await anna.change(**form)
    assert asked.status_code == 200
    assert "0 planned texts will be cancelled" in asked.text
    assert await anna.controls() == []
    assert (await anna.change(**form, confirmed="yes")).status_code == 303
    assert [control["action"] for control in await anna.controls()] == ["stop"]
    assert "all texts" in await anna.look()


@pytest.mark.parametrize("role", Role)
async def test_a_role_sees_and_does_what_its_scopes_say(opened: embedded.Application, role: Role) -> None:
    person = await enter(opened, role)
    may = "controls:write" in SCOPES_OF[role]
    assert ("Pause or stop texts" in await person.look()) == may
    answer = await person.change(action="pause", scope="merchant:", reason="a test")
    assert answer.status_code == (303 if may else 403)
    assert len(await person.controls()) == (1 if may else 0)
    assert (await person.http.get("/console")).status_code == 200


async def test_a_shop_neither_sees_nor_touches_what_another_has_paused(opened: embedded.Application) -> None:
    anna = await enter(opened, Role.OWNER)
    bert = await enter(opened, Role.OWNER, "bolt")
    await anna.change(action="pause", scope="merchant:", reason="a reason of acme's")
    assert "a reason of acme" not in await bert.look()
    assert (await bert.change(action="resume", scope="merchant:acme", reason="not mine")).status_code == 409
    assert (await bert.change(action="pause", scope="number:+12025550100", reason="not mine")).status_code == 422
    assert len(await anna.controls()) == 1


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 422),
        ({"action": "explode", "scope": "merchant:", "reason": "x"}, 422),
        ({"action": "pause", "scope": "everything:", "reason": "x"}, 422),
        ({"action": "pause", "scope": "flow:", "reason": "x"}, 422),
        ({"action": "pause", "scope": "flow:no-such-flow", "reason": "x"}, 422),
        ({"action": "pause", "scope": "merchant:", "reason": " "}, 422),
        ({"action": "pause", "scope": "merchant:", "reason": "x", "until": "tomorrow"}, 422),
        ({"action": "pause", "scope": "merchant:", "reason": "x", "until": "0001-01-01T00:00"}, 422),
        ({"action": "pause", "scope": "merchant:", "reason": "x", "until": "2020-01-01T00:00"}, 422),
        ({"action": "resume", "scope": "merchant:", "reason": "x"}, 409),
    ],
)
async def test_a_form_that_cannot_be_is_shown_again_with_what_is_wrong_and_nothing_lost(
    opened: embedded.Application, form: dict[str, str], status: int
) -> None:
    anna = await enter(opened, Role.OWNER)
    answer = await anna.change(**form)
    assert answer.status_code == status, answer.text
    assert 'role="alert"' in answer.text
    if form.get("reason", " ").strip():
        assert f'value="{form["reason"]}"' in answer.text
    assert await anna.controls() == []


async def test_what_somebody_wrote_as_a_reason_is_shown_as_text(opened: embedded.Application) -> None:
    anna = await enter(opened, Role.OWNER)
    await anna.change(action="pause", scope="merchant:", reason="<script>alert(1)</script>")
    page = await anna.look()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_a_form_without_this_sessions_token_changes_nothing(opened: embedded.Application) -> None:
    anna = await enter(opened, Role.OWNER)
    form = {"action": "pause", "scope": "merchant:", "reason": "forged"}
    for forged, status in ((form, 403), ({**form, "form_token": "0" * 64}, 409)):
        assert (await anna.http.post("/console/controls", data=forged)).status_code == status
    assert await anna.controls() == []
