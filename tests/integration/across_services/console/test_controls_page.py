"""The page of controls: what it shows, and what its forms do in the running application, for each role."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services import embedded
from shared.http.auth import MERCHANT_HEADER
from shared.settings import ProcessSettings
from shared.vocabulary.roles import SCOPES_OF, Role

PASSWORD = "seven quiet beans roast"
MERCHANT = """
merchant: {name}
brand: {name} Coffee
sources: {{}}
providers: {{main: {{kind: simulated}}}}
numbers: [{{number: "{number}", provider: main, kind: long_code, registration: registered}}]
api_keys: []
"""


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    for name, number in (("acme", "+12025550100"), ("bolt", "+12025550101")):
        (tmp_path / "merchants" / name).mkdir(parents=True)
        text = MERCHANT.format(name=name, number=number)
        (tmp_path / "merchants" / name / "merchant.yaml").write_text(text, encoding="utf-8")
    settings = ProcessSettings(data_dir=tmp_path / "data", merchants_dir=tmp_path / "merchants")
    async with embedded.open_application(settings) as application:
        yield application


class Person:
    """Somebody at the console, signed in by name."""

    def __init__(self, application: embedded.Application) -> None:
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(application.app), base_url="http://localhost")
        self.operator = {"Authorization": f"Bearer {application.operator_token}"}

    async def enter(self, role: Role, merchant: str = "acme") -> "Person":
        name = f"{role}-{merchant}"
        await self.http.post(
            "/console/users",
            json={"name": name, "role": role, "password": PASSWORD},
            headers={**self.operator, MERCHANT_HEADER: merchant},
        )
        answer = await self.http.post("/console/sign-in", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303
        return self

    async def page(self) -> str:
        answer = await self.http.get("/console/controls")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def send(self, **form: str) -> httpx2.Response:
        found = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', await self.page())
        assert found is not None
        return await self.http.post("/console/controls", data={"form_token": found[1], **form})

    async def controls(self, merchant: str = "acme") -> list[dict[str, Any]]:
        answer = await self.http.get("/v1/controls", headers={**self.operator, MERCHANT_HEADER: merchant})
        return list(answer.json()["controls"])


async def test_a_pause_is_made_shown_and_lifted_by_forms_alone(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    assert "Nothing is paused or stopped" in await anna.page()
    made = await anna.send(action="pause", scope="number:+12025550100", reason="wrong code", until="2099-12-24T08:00")
    assert (made.status_code, made.headers["location"]) == (303, "/console/controls")
    [control] = await anna.controls()
    assert (control["action"], control["made_by"], control["reason"]) == ("pause", "user:owner-acme", "wrong code")
    assert control["scope"]["number"] == "+12025550100"
    page = await anna.page()
    assert "texts from +12025550100" in page
    assert "wrong code" in page
    lifted = await anna.send(action="resume", scope="number:+12025550100", reason="the code works now")
    assert lifted.status_code == 303
    assert await anna.controls() == []


async def test_a_stop_says_first_how_many_texts_it_cancels(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OPERATOR)
    form = {"action": "stop", "scope": "merchant:", "reason": "the offer is over"}
    asked = await anna.send(**form)
    assert asked.status_code == 200
    assert "0 planned texts will be cancelled" in asked.text
    assert await anna.controls() == []
    assert (await anna.send(**form, confirmed="yes")).status_code == 303
    assert [control["action"] for control in await anna.controls()] == ["stop"]
    assert "all texts" in await anna.page()


@pytest.mark.parametrize("role", Role)
async def test_a_role_sees_and_does_what_its_scopes_say(opened: embedded.Application, role: Role) -> None:
    person = await Person(opened).enter(role)
    may = "controls:write" in SCOPES_OF[role]
    assert ("Pause or stop texts" in await person.page()) == may
    answer = await person.send(action="pause", scope="merchant:", reason="a test")
    assert answer.status_code == (303 if may else 403)
    assert len(await person.controls()) == (1 if may else 0)
    assert (await person.http.get("/console")).status_code == 200


async def test_a_shop_neither_sees_nor_touches_what_another_has_paused(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    await anna.send(action="pause", scope="merchant:", reason="a reason of acme's")
    assert "a reason of acme" not in await bert.page()
    assert (await bert.send(action="resume", scope="merchant:acme", reason="not mine")).status_code == 409
    assert (await bert.send(action="pause", scope="number:+12025550100", reason="not mine")).status_code == 422
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
    anna = await Person(opened).enter(Role.OWNER)
    answer = await anna.send(**form)
    assert answer.status_code == status, answer.text
    assert 'role="alert"' in answer.text
    if form.get("reason", " ").strip():
        assert f'value="{form["reason"]}"' in answer.text
    assert await anna.controls() == []


async def test_what_somebody_wrote_as_a_reason_is_shown_as_text(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    await anna.send(action="pause", scope="merchant:", reason="<script>alert(1)</script>")
    page = await anna.page()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_a_form_without_this_sessions_token_changes_nothing(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    form = {"action": "pause", "scope": "merchant:", "reason": "forged"}
    for forged in (form, {**form, "form_token": "0" * 64}):
        assert (await anna.http.post("/console/controls", data=forged)).status_code == 403
    assert await anna.controls() == []
