"""Invitations: a link makes one user, once, in the role that was chosen, and says what is wrong with it otherwise."""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from services.console.retention import prune
from services.console.tables import invitations as table
from shared.testing.make_metrics import READ_KEY
from tests.integration.across_services.console.conftest import Console
from tests.integration.across_services.console.test_users import PASSWORD, add, sign_in
from tests.integration.engines import only_on_sqlite

PAGE = "/console/settings/invitations"
no_sql_of_its_own = only_on_sqlite("its statements are run on PostgreSQL by the tests beside it")


async def invited(console: Console, role: str = "support", merchant: str = "acme") -> tuple[str, str]:
    """Return the code of a link that the operator made, and its id."""
    made = await console.operate("POST", "/console/invitations", merchant, role=role)
    assert made.status_code == 201
    return code_in(made.json()["link"]), made.json()["invitation_id"]


def code_in(link: str) -> str:
    return parse_qs(urlsplit(link).query)["code"][0]


async def opened(console: Console, code: str) -> httpx2.Response:
    return await console.http.get("/console/join", params={"code": code})


async def join(console: Console, code: str, name: str = "bo", password: str = PASSWORD) -> httpx2.Response:
    return await console.http.post("/console/join", data={"code": code, "name": name, "password": password})


async def states(console: Console, merchant: str = "acme") -> list[str]:
    found = (await console.operate("GET", "/console/invitations", merchant)).json()["invitations"]
    return [each["state"] for each in found]


async def send(console: Console, path: str = PAGE, **form: str) -> httpx2.Response:
    page = (await console.http.get(PAGE)).text
    token = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', page)
    assert token is not None
    return await console.http.post(path, data={"form_token": token[1], **form})


async def test_a_link_makes_one_user_in_its_role_once_however_often_it_is_opened(console: Console) -> None:
    code, _ = await invited(console)
    for _ in range(3):
        page = await opened(console, code)
        assert (page.status_code, "Join Acme Coffee" in page.text, "<b>support</b>" in page.text) == (200, True, True)
        assert page.headers["referrer-policy"] == "no-referrer"
    assert code.encode() not in await console.harness.stored()
    for name, password, words in (("bo", "short", "12 to 200 characters"), ("no spaces", PASSWORD, "a-z, 0-9")):
        refused = await join(console, code, name, password)
        assert (refused.status_code, words in refused.text, password in refused.text) == (422, True, False)
    made = await join(console, code, " Bo ")
    assert (made.status_code, made.headers["location"]) == (303, "/console")
    assert '<b>bo</b> <span class="fine">support</span>' in (await console.http.get("/console/settings")).text
    again = await join(console, code, "eve")
    assert (again.status_code, "was used" in again.text) == (410, True)
    assert "was used" in (await opened(console, code)).text
    assert await states(console) == ["used"]
    entries = (await console.operate("GET", "/v1/audit/console")).json()["entries"]
    assert sorted((each["action"], each["actor"], *each["fields"]) for each in entries) == [
        ("invitation.made", "operator", "role support"),
        ("invitation.used", "bo"),
        ("session.opened", "bo"),
        ("user.added", "bo", "invitation", "role support"),
    ]


async def test_of_many_who_use_a_link_at_once_one_becomes_a_user(console: Console) -> None:
    code, _ = await invited(console)
    answers = await asyncio.gather(*(join(console, code, f"user-{n}") for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410]
    assert len((await console.operate("GET", "/console/users")).json()["users"]) == 1


@no_sql_of_its_own
async def test_a_taken_name_uses_nothing_up(console: Console) -> None:
    await add(console, merchant="bolt")
    code, _ = await invited(console)
    taken = await join(console, code, "anna")
    assert (taken.status_code, "already" in taken.text, 'value="anna"' in taken.text) == (409, True, True)
    assert (await join(console, code)).status_code == 303


@no_sql_of_its_own
async def test_an_owner_sees_a_link_once_and_withdraws_it(console: Console) -> None:
    await add(console)
    await sign_in(console)
    assert "No invitation yet" in (await console.http.get(PAGE)).text
    assert "Choose a role" in (await send(console, role="emperor")).text
    made = await send(console, role="viewer")
    link = re.search(r">([^<>]+/console/join\?code=[^<]+)<", made.text)
    assert link is not None
    code = code_in(link[1])
    listed = (await console.http.get(PAGE)).text
    assert code not in listed
    number = re.search(r"invitations/([0-9a-f-]{36})/withdraw", listed)
    assert number is not None
    for _ in range(2):
        assert (await send(console, f"{PAGE}/{number[1]}/withdraw")).status_code == 303
    assert await states(console) == ["withdrawn"]
    refused = await join(console, code)
    assert (refused.status_code, "was withdrawn" in refused.text) == (410, True)


async def test_an_invitation_ends_after_72_hours_and_with_its_inviter(console: Console) -> None:
    await add(console)
    await sign_in(console)
    links = [re.search(r"join\?code=([^<]+)<", (await send(console, role="owner")).text) for _ in range(2)]
    first, second = (link[1] if link else "" for link in links)
    await join(console, first, "bo")
    await console.operate("DELETE", "/console/users/anna")
    console.clock.advance(seconds=1)
    await add(console)
    assert "no owner of the shop any more" in (await join(console, second, "eve")).text
    code, _ = await invited(console)
    console.clock.advance(hours=72)
    assert "has expired" in (await join(console, code)).text
    console.clock.advance(days=7, seconds=1)
    await prune(console.harness.runtime.units)
    assert await console.harness.rows(table.select()) == []
    assert (await opened(console, code)).status_code == 404


@no_sql_of_its_own
async def test_nobody_but_an_owner_by_name_makes_or_withdraws_and_nobody_another_shops(console: Console) -> None:
    code, number = await invited(console)
    for method, path, body in (
        ("POST", "/console/invitations", {"role": "owner"}),
        ("GET", "/console/invitations", None),
        ("DELETE", f"/console/invitations/{number}", None),
    ):
        answer = await console.http.request(method, path, json=body, headers={"Authorization": f"Bearer {READ_KEY}"})
        assert answer.status_code in {401, 403}, (method, path)
    assert (await console.operate("DELETE", f"/console/invitations/{number}", "bolt")).status_code == 404
    await add(console, "bolt")
    await sign_in(console)
    assert number not in (await console.http.get(PAGE)).text
    assert (await send(console, f"{PAGE}/{number}/withdraw")).status_code == 404
    unsigned = await console.http.post(PAGE, data={"form_token": "0" * 64, "role": "owner"})
    assert unsigned.status_code in {403, 409}
    await add(console, name="vera", role="viewer")
    await sign_in(console, "vera")
    assert (await console.http.get(PAGE)).status_code == 403
    assert (await join(console, code)).status_code == 303
    assert (await console.operate("DELETE", f"/console/invitations/{number}")).json()["code"] == "invitation_used"


async def test_open_and_kept_invitations_of_a_shop_are_bounded(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.accounts.invitations.MOST_OPEN", 2)
    monkeypatch.setattr("services.console.accounts.invitations.MOST_KEPT", 3)
    for _ in range(4):
        _, number = await invited(console)
        await console.operate("DELETE", f"/console/invitations/{number}")
        console.clock.advance(seconds=1)
    await invited(console)
    code, _ = await invited(console)
    assert await states(console) == ["open", "open", "withdrawn"]
    full = await console.operate("POST", "/console/invitations", role="viewer")
    assert (full.status_code, full.json()["code"]) == (409, "too_many_invitations")
    await invited(console, merchant="bolt")
    assert (await opened(console, code)).status_code == 200


@no_sql_of_its_own
async def test_made_up_links_are_braked_and_those_of_other_sites_refused(console: Console) -> None:
    code, _ = await invited(console)
    other = {"Sec-Fetch-Site": "cross-site"}
    assert (await console.http.post("/console/join", data={"code": code}, headers=other)).status_code == 403
    tried = ["", "x" * 43, "x" * 150, *(f"guess {n}" for n in range(7))]
    assert {(await opened(console, each)).status_code for each in tried} == {404}
    braked = await opened(console, code)
    assert (braked.status_code, braked.headers["retry-after"]) == (429, "61")
    console.clock.advance(seconds=61)
    assert (await opened(console, code)).status_code == 200
