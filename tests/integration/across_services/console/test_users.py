"""Users sign in by name, do what their role may, and are made by the operator alone."""

import asyncio
import re
import time
from pathlib import Path

import httpx2
import pytest

from services.console.accounts.account_log import AccountLog
from services.console.accounts.sessions import Sessions
from services.console.tables import users as table
from shared.testing.make_metrics import NO_SCOPE_KEY, READ_KEY
from tests.integration.across_services.console.conftest import Console

PASSWORD = "seven quiet beans roast"
ANNA = {"name": "anna", "role": "owner", "password": PASSWORD}


async def add(console: Console, merchant: str = "acme", **changes: str) -> httpx2.Response:
    return await console.operate("POST", "/console/users", merchant, **{**ANNA, **changes})


async def sign_in(console: Console, name: str = "anna", password: str = PASSWORD) -> httpx2.Response:
    return await console.http.post("/console/sign-in", data={"name": name, "password": password})


async def test_a_user_signs_in_and_sees_their_own_shop(console: Console) -> None:
    made = await add(console, name=" Anna ", role="viewer")
    assert (made.status_code, made.json()["name"], made.json()["role"]) == (201, "anna", "viewer")
    assert PASSWORD not in made.text
    answer = await sign_in(console, "ANNA")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    page = await console.http.get("/console")
    assert "Acme Coffee" in page.text
    assert '<b>anna</b> <span class="fine">viewer</span>' in page.text


async def test_a_user_of_one_shop_sees_nothing_of_another(console: Console) -> None:
    await add(console, merchant="bolt")
    await sign_in(console)
    page = await console.http.get("/console")
    assert "Bolt Coffee" in page.text
    assert "Acme" not in page.text
    assert [user["name"] for user in (await console.operate("GET", "/console/users", "bolt")).json()["users"]] == [
        "anna"
    ]
    assert (await console.operate("GET", "/console/users", "acme")).json()["users"] == []
    for method, path, body in (
        ("POST", "/console/users/anna/password", {"password": "another long password"}),
        ("DELETE", "/console/users/anna", {}),
    ):
        assert (await console.operate(method, path, "acme", **body)).status_code == 404
    assert (await add(console, merchant="acme")).status_code == 409


@pytest.mark.usefixtures("real_passwords")
async def test_what_is_stored_of_a_password_is_its_argon2id_hash(console: Console) -> None:
    await add(console)
    assert PASSWORD.encode() not in await console.harness.stored()
    [row] = await console.harness.rows(table.select())
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.usefixtures("real_passwords")
async def test_a_wrong_name_and_a_wrong_password_are_told_alike_and_as_slowly(console: Console) -> None:
    await add(console)
    began = time.perf_counter()
    wrong = await sign_in(console, password="not the password at all")
    between = time.perf_counter()
    nobody = await sign_in(console, name="nobody")
    ended = time.perf_counter()
    assert (wrong.status_code, nobody.status_code) == (401, 401)
    assert wrong.text == nobody.text
    assert "set-cookie" not in wrong.headers
    assert ended - between > (between - began) / 5, "a hash was computed for a name without a user"


async def test_ten_wrong_passwords_brake_the_account_from_wherever_they_come(console: Console) -> None:
    await add(console)
    answers = [await sign_in(console, password=f"a wrong one, number {n}") for n in range(10)]
    assert {answer.status_code for answer in answers} == {401}
    braked = await sign_in(console)
    assert (braked.status_code, braked.headers["retry-after"]) == (429, "61")
    console.clock.advance(seconds=61)
    assert (await sign_in(console)).status_code == 303


async def test_guesses_at_the_same_moment_are_counted_before_they_are_judged(console: Console) -> None:
    await add(console)
    answers = await asyncio.gather(*(sign_in(console, password=f"a wrong one, number {n}") for n in range(14)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 4


async def test_another_password_ends_every_session_at_once(console: Console) -> None:
    await add(console)
    await sign_in(console)
    reset = await console.operate("POST", "/console/users/anna/password", password="five loud cups of tea")
    assert reset.status_code == 200
    assert (await console.http.get("/console")).status_code == 303
    assert (await sign_in(console)).status_code == 401
    assert (await sign_in(console, password="five loud cups of tea")).status_code == 303


async def test_a_removed_user_is_out_at_once_and_one_of_the_same_name_is_another(console: Console) -> None:
    await add(console)
    await sign_in(console)
    cookie = console.http.cookies["followup_console"]
    assert (await console.operate("DELETE", "/console/users/anna")).status_code == 200
    assert (await console.http.get("/console")).status_code == 303
    await add(console)
    kept = await console.http.get("/console", headers={"Cookie": f"followup_console={cookie}"})
    assert kept.status_code == 303


async def test_signing_in_never_takes_a_session_that_the_browser_brought(console: Console) -> None:
    await add(console)
    planted = "p" * 43
    console.http.cookies.set("followup_console", planted, domain="shop.test", path="/console")
    answer = await sign_in(console)
    assert planted not in answer.headers["set-cookie"]
    assert (await console.http.get("/console", headers={"Cookie": f"followup_console={planted}"})).status_code == 303


async def test_signing_in_again_ends_the_session_before(console: Console) -> None:
    await add(console)
    await sign_in(console)
    before = console.http.cookies["followup_console"]
    await sign_in(console)
    console.http.cookies.clear()
    assert (await console.http.get("/console", headers={"Cookie": f"followup_console={before}"})).status_code == 303


@pytest.mark.parametrize("key", [READ_KEY, f"{NO_SCOPE_KEY}acme", "fc_forged.token", ""])
async def test_no_api_key_makes_changes_or_lists_users(console: Console, key: str) -> None:
    await add(console)
    for method, path, body in (
        ("POST", "/console/users", {**ANNA, "name": "eve"}),
        ("GET", "/console/users", None),
        ("POST", "/console/users/anna/password", {"password": "chosen by somebody else"}),
        ("DELETE", "/console/users/anna", None),
    ):
        answer = await console.http.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code in {401, 403}, (method, path)
    assert (await sign_in(console)).status_code == 303


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "x" * 201}, "password"),
        ({"password": "my name is anna, hello"}, "password"),
        ({"name": "an na"}, "name"),
        ({"name": "ånna"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"role": "god"}, "role"),
    ],
)
async def test_a_user_that_cannot_be_is_refused_with_the_field_that_is_wrong(
    console: Console, changes: dict[str, str], field: str
) -> None:
    answer = await add(console, **changes)
    assert answer.status_code == 422
    assert field in answer.text
    assert changes.get("password", PASSWORD) not in answer.text


async def first_user_form(console: Console, code: str, **changes: str) -> httpx2.Response:
    form = {"code": code, "merchant": "acme", "name": "anna", "password": PASSWORD, **changes}
    return await console.http.post("/console/first-user", data=form)


def sessions(console: Console) -> Sessions:
    runtime = console.harness.runtime
    return Sessions(runtime.units, runtime.merchants, 12, AccountLog.of(runtime.sealer))


async def test_the_first_user_is_made_by_the_link_once_and_is_an_owner(console: Console) -> None:
    code = await sessions(console).first_user_code()
    assert code is not None
    asked = await console.http.get("/console/first-user", params={"code": code})
    assert (asked.status_code, code in asked.text) == (200, True)
    refused = await first_user_form(console, code, password="short")
    assert (refused.status_code, "12 to 200 characters" in refused.text) == (422, True)
    made = await first_user_form(console, code)
    assert (made.status_code, made.headers["location"]) == (303, "/console")
    assert '<b>anna</b> <span class="fine">owner</span>' in (await console.http.get("/console")).text
    again = await first_user_form(console, code, name="eve")
    assert (again.status_code, "no longer good" in again.text) == (410, True)


async def test_a_link_for_the_first_user_is_nothing_once_there_is_one_or_for_a_stranger(console: Console) -> None:
    code = await sessions(console).first_user_code()
    assert code is not None
    await add(console)
    for given in (code, "", "x" * 43, "x" * 150):
        assert (await first_user_form(console, given, name="eve")).status_code == 410
    assert await sessions(console).first_user_code() is None


async def test_a_form_of_another_session_or_site_does_nothing(console: Console) -> None:
    await add(console)
    await sign_in(console)
    page = (await console.http.get("/console")).text
    found = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', page)
    assert found is not None
    for form, headers in (
        ({}, {}),
        ({"form_token": "0" * 64}, {}),
        ({"form_token": found[1]}, {"Sec-Fetch-Site": "cross-site"}),
        ({"form_token": found[1]}, {"Origin": "https://evil.example"}),
        ({"form_token": found[1]}, {"Origin": "null"}),
    ):
        answer = await console.http.post("/console/sign-out", data=form, headers=headers)
        assert answer.status_code == 403
    assert (await console.http.get("/console")).status_code == 200
    own = await console.http.post(
        "/console/sign-out", data={"form_token": found[1]}, headers={"Origin": "http://shop.test"}
    )
    assert own.status_code == 303


async def test_a_merchant_has_a_bounded_number_of_users(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("services.console.accounts.users.MOST_USERS", 1)
    assert (await add(console)).status_code == 201
    full = await add(console, name="berta")
    assert (full.status_code, full.json()["code"]) == (409, "too_many_users")
