"""A form that is sent after its session ended: nothing typed is lost, and nothing is done before it is sent again."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from shared.vocabulary.roles import Role
from tests.integration.across_services.console.house import PASSWORD, Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the whole application in one process is always on SQLite")

PAGE = "/console/controls"
TYPED = {"action": "pause", "scope": "merchant:", "reason": 'wrong <code> & "price"'}


@pytest.fixture
async def anna(tmp_path: Path) -> AsyncIterator[Person]:
    async with open_house(tmp_path) as application:
        yield await Person(application).enter(Role.OWNER)


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page, as a browser would send them."""
    fields = re.findall(r'<input name="(\w+)" type="hidden" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in fields}


async def ended(anna: Person) -> httpx2.Response:
    """Send a form whose session was signed out in between."""
    form_token = await anna.form_token()
    anna.http.cookies.clear()
    return await anna.http.post(PAGE, data={"form_token": form_token, **TYPED})


async def controls(anna: Person) -> list[str]:
    return [control["reason"] for control in (await anna.read("/v1/controls"))["controls"]]


async def test_what_was_typed_is_sent_after_signing_in_again(anna: Person) -> None:
    refused = await ended(anna)
    assert refused.status_code == 401
    assert "what you typed is kept" in refused.text
    again = await anna.http.post(
        "/console/sign-in", data={"name": anna.name, "password": PASSWORD, **hidden(refused.text)}
    )
    assert again.status_code == 200
    assert "Nothing you typed is lost" in again.text
    assert "wrong <code>" not in again.text
    assert await controls(anna) == []
    fields = hidden(again.text.partition('action="/console/controls"')[2])
    assert fields.items() >= TYPED.items()
    assert (await anna.http.post(PAGE, data=fields)).status_code == 303
    assert await controls(anna) == [TYPED["reason"]]


async def test_a_wrong_password_in_between_loses_nothing(anna: Person) -> None:
    typed = hidden((await ended(anna)).text)
    wrong = await anna.http.post("/console/sign-in", data={"name": anna.name, "password": "guessed wrong", **typed})
    assert wrong.status_code == 401
    assert hidden(wrong.text)["typed"] == typed["typed"]


async def test_a_form_of_the_sign_in_before_is_shown_once_more(anna: Person) -> None:
    old = await anna.form_token()
    await anna.http.post("/console/sign-in", data={"name": anna.name, "password": PASSWORD})
    shown = await anna.http.post(PAGE, data={"form_token": old, **TYPED})
    assert (shown.status_code, "Nothing you typed is lost" in shown.text) == (409, True)
    assert await controls(anna) == []


@pytest.mark.parametrize(
    "typed",
    [
        "nonsense",
        "{}",
        '{"to":"https://elsewhere.example","fields":[["a","b"]]}',
        '{"to":"/console/../v1/controls","fields":[["a","b"]]}',
        '{"to":"/console/sign-in","fields":[["name","b"]]}',
        '{"to":"/console/controls","fields":[]}',
        '{"to":"/console/controls","fields":"ab"}',
        '{"to":"/console/controls","fields":[["a","' + "b" * 60_000 + '"]]}',
    ],
)
async def test_what_no_page_of_the_console_wrote_is_not_shown(anna: Person, typed: str) -> None:
    answer = await anna.http.post("/console/sign-in", data={"name": anna.name, "password": PASSWORD, "typed": typed})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")


async def test_another_sites_form_is_not_kept(anna: Person) -> None:
    anna.http.cookies.clear()
    answer = await anna.http.post(
        PAGE, data={"form_token": "0" * 64, **TYPED}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in"
    no_page = await anna.http.post(PAGE, data=TYPED)
    assert no_page.status_code == 303
