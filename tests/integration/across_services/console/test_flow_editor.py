"""The editor of flows: nothing typed is lost, nothing with errors is saved, and the second of two is told."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from services import embedded
from services.console.flows.drafts import examples
from shared.vocabulary.roles import SCOPES_OF, Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application is embedded")


EDIT = "/console/edit-flow"
NEW = f"{EDIT}?flow=mine&example=thank-you"
MINE = f"{EDIT}?flow=mine"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


def typed(page: str) -> str:
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def base(page: str) -> str:
    found = re.search(r'name="base" value="([0-9a-f]*)"', page)
    assert found is not None
    return found[1]


def held(file: Path) -> str | None:
    """Return what a file holds; None where there is none."""
    return file.read_text(encoding="utf-8") if file.exists() else None


class Editor(Person):
    """Somebody at the editor."""

    async def do(self, action: str, text: str, known: str = "", flow: str = "mine") -> httpx2.Response:
        token = await self.form_token("/console/new-flow")
        form = {"form_token": token, "flow": flow, "action": action, "text": text, "base": known}
        return await self.http.post(EDIT, data=form)


async def test_a_flow_is_begun_saved_and_changed_by_two(opened: embedded.Application, tmp_path: Path) -> None:
    file = tmp_path / "merchants" / "acme" / "flows" / "mine.yaml"
    anna = Editor(opened)
    await anna.enter(Role.OWNER)
    assert "abandoned-checkout" in await anna.page("/console/new-flow")
    text = typed(await anna.page(NEW))
    assert text.startswith("flow: mine\n")
    await _errors_are_shown_and_nothing_is_saved(anna, text, file)
    saved = await anna.do("save", text.replace("\n", "\r\n"))
    assert saved.status_code == 303
    assert held(file) == text
    assert "comes into force" in await anna.page(saved.headers["location"])
    assert opened.runtime.merchants.reload_if_changed()
    assert "Saved, and in force" in await anna.page(saved.headers["location"])
    assert f'href="{MINE}"' in await anna.page("/console/flows/mine")
    await _the_second_is_told_and_loses_nothing(anna, text, file)
    await _a_changed_file_is_handed_out(anna, text)
    await _deleting_takes_the_file_it_saw(anna, file)


async def _errors_are_shown_and_nothing_is_saved(anna: Editor, text: str, file: Path) -> None:
    broken = text.replace("transactional", "transactionl <script>alert(1)</script>")
    for action, status in (("check", 200), ("save", 422)):
        answer = await anna.do(action, broken)
        assert answer.status_code == status
        assert typed(answer.text) == broken
        assert "1 error" in answer.text
        assert "line 11" in answer.text or "line 12" in answer.text
        assert "<script>alert" not in answer.text
    assert held(file) is None


async def _the_second_is_told_and_loses_nothing(anna: Editor, text: str, file: Path) -> None:
    page = await anna.page(MINE)
    began, first, second = base(page), text.replace("Thanks", "Hi"), text.replace("Thanks", "Dear")
    assert (await anna.do("save", first, began)).status_code == 303
    told = await anna.do("save", second, began)
    assert told.status_code == 409
    assert "Somebody changed this file meanwhile" in told.text
    assert typed(told.text) == second
    assert "Hi {{" in html.unescape(told.text)
    assert held(file) == first
    assert (await anna.do("save", second, base(told.text))).status_code == 303
    assert held(file) == second


async def _a_changed_file_is_handed_out(anna: Editor, text: str) -> None:
    answer = await anna.do("download", text)
    assert answer.headers["content-disposition"] == 'attachment; filename="mine.yaml"'
    assert answer.text == text


async def _deleting_takes_the_file_it_saw(anna: Editor, file: Path) -> None:
    text = held(file) or ""
    assert (await anna.do("delete", text, "0" * 64)).status_code == 409
    assert held(file) == text
    assert (await anna.do("delete", text, base(await anna.page(MINE)))).status_code == 303
    assert held(file) is None
    assert (await anna.http.get(MINE)).status_code == 404


async def test_who_may_not_write_flows_changes_nothing(opened: embedded.Application, tmp_path: Path) -> None:
    text = examples()["thank-you"].named("mine")
    for role in Role:
        person = Editor(opened)
        await person.enter(role)
        may = "flows:write" in SCOPES_OF[role]
        for path in ("/console/new-flow", NEW):
            assert (await person.http.get(path)).status_code == (200 if may else 403), role
        if not may:
            form = {"form_token": await person.form_token(), "flow": "mine", "action": "save", "text": text}
            assert (await person.http.post(EDIT, data=form)).status_code == 403
    stranger = Person(opened)
    assert (await stranger.http.get(NEW)).status_code == 303
    owner = Editor(opened)
    await owner.enter(Role.OWNER)
    assert (await owner.http.post(EDIT, data={"flow": "mine", "action": "save", "text": text})).status_code == 403
    for name in ("..%2Fmerchant", "A", "a/b", "%3Cscript%3E", "x" * 65):
        assert (await owner.http.get(f"{EDIT}?flow={name}&example=thank-you")).status_code == 422
    assert (await owner.do("save", text, flow="../merchant")).status_code == 422
    assert (await owner.do("save", "x" * 48_001)).status_code == 422
    assert held(tmp_path / "merchants" / "acme" / "flows" / "mine.yaml") is None


async def test_every_example_is_without_fault(opened: embedded.Application) -> None:
    owner = Editor(opened)
    await owner.enter(Role.OWNER)
    for example in examples().values():
        answer = await owner.do("check", example.text, flow=example.name)
        shown = answer.text[answer.text.index('id="findings"') :]
        assert "No errors</h2>" in shown, (example.name, shown[:600])
        assert "Maria" in shown or "confirmed" in shown
        assert 'class="problem"' not in shown
