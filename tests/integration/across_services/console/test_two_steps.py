"""Signing in with two steps: set up, asked for, used once, required of everybody, and reset by the operator."""

import asyncio
import re

import httpx2
import sqlalchemy as sa
from pyotp.totp import TOTP

from services.console.accounts.totp import RECOVERY_CODES
from services.console.tables import recovery_codes, second_factors, sessions, users
from shared.db.transaction import WritePriority
from shared.testing.make_metrics import READ_KEY
from tests.integration.across_services.console.conftest import Console
from tests.integration.across_services.console.test_account_log import entries, form_token
from tests.integration.across_services.console.test_users import PASSWORD, add, sign_in
from tests.integration.engines import only_on_sqlite

PAGE = "/console/settings/sign-in"
CODE = "/console/sign-in/code"
STEP_COOKIE = "followup_console_step"
no_sql_of_its_own = only_on_sqlite("its statements are run on PostgreSQL by the tests beside it")


async def send(console: Console, path: str, **form: str) -> httpx2.Response:
    token = await form_token(console, PAGE)
    return await console.http.post(f"{PAGE}/{path}", data={"form_token": token, **form})


def shown(page: str) -> tuple[TOTP, str]:
    """Return the authenticator that a page offers, and what the page carries."""
    key, setup = re.search(r"secret=([A-Z2-7]{32})", page), re.search(r'name="setup" type="hidden" value="(\w+)"', page)
    assert key is not None
    assert setup is not None
    return TOTP(key[1]), setup[1]


async def set_up(console: Console, name: str = "anna", role: str = "owner") -> tuple[TOTP, list[str]]:
    """Sign a new user in, turn two steps on, and return the authenticator and the recovery codes."""
    await add(console, name=name, role=role)
    await sign_in(console, name)
    app, setup = shown((await console.http.get(PAGE)).text)
    done = await send(console, "two-steps", setup=setup, code=app.at(console.clock.now()))
    codes = re.findall(r"<li><code>([a-z2-7-]{19})</code>", done.text)
    assert (done.status_code, len(codes)) == (200, RECOVERY_CODES)
    console.clock.advance(seconds=30)
    return app, codes


async def code(console: Console, given: str) -> httpx2.Response:
    return await console.http.post(CODE, data={"code": given})


@no_sql_of_its_own
async def test_a_session_exists_only_after_both_steps(console: Console) -> None:
    app, _ = await set_up(console)
    await console.http.post("/console/sign-out", data={"form_token": await form_token(console)})
    first = await sign_in(console)
    assert (first.status_code, "Second step" in first.text) == (200, True)
    assert "followup_console=" not in str(first.headers.get_list("set-cookie"))
    assert (await console.http.get("/console")).headers["location"] == "/console/sign-in"
    step = console.http.cookies[STEP_COOKIE]
    posed_as = {"Cookie": f"followup_console={step}"}
    assert (await console.http.get("/console", headers=posed_as)).headers["location"] == "/console/sign-in"
    done = await code(console, app.at(console.clock.now()))
    assert (done.status_code, done.headers["location"]) == (303, "/console")
    assert (await console.http.get("/console")).status_code == 200
    assert [row["kind"] for row in await console.harness.rows(sessions.select())] == ["session"]


async def test_a_code_opens_one_session_also_when_it_comes_twice_at_once(console: Console) -> None:
    app, _ = await set_up(console)
    now, cookies = app.at(console.clock.now()), []
    for _ in range(3):
        await sign_in(console)
        cookies.append(console.http.cookies[STEP_COOKIE])
        console.http.cookies.clear()
    tries = [
        console.http.post(CODE, data={"code": now}, headers={"Cookie": f"{STEP_COOKIE}={cookie}"}) for cookie in cookies
    ]
    assert sorted(answer.status_code for answer in await asyncio.gather(*tries)) == [303, 401, 401]
    console.clock.advance(seconds=30)
    late = await console.http.post(CODE, data={"code": now}, headers={"Cookie": f"{STEP_COOKIE}={cookies[0]}"})
    assert late.status_code == 401


async def test_a_recovery_code_works_once(console: Console) -> None:
    _, codes = await set_up(console)
    for given, status in ((codes[3].upper().replace("-", " "), 303), (codes[3], 401), (codes[4], 303)):
        await sign_in(console)
        assert (await code(console, given)).status_code == status
    assert "You have 8 recovery codes left" in (await console.http.get(PAGE)).text


@no_sql_of_its_own
async def test_the_second_step_takes_the_same_browser_within_five_minutes_and_the_same_password(
    console: Console,
) -> None:
    app, _ = await set_up(console)
    await sign_in(console)
    cookie = console.http.cookies[STEP_COOKIE]
    console.http.cookies.clear()
    assert "took too long" in (await code(console, app.at(console.clock.now()))).text
    for nonsense in ("x" * 43, "x" * 3000, "é", ""):
        answer = await console.http.post(
            CODE, data={"code": "1"}, headers={b"Cookie": f"{STEP_COOKIE}={nonsense}".encode()}
        )
        assert answer.status_code == 401
    kept = {"Cookie": f"{STEP_COOKIE}={cookie}"}
    assert (await console.http.get(CODE, headers=kept)).status_code == 200
    console.clock.advance(minutes=5)
    late = await console.http.post(CODE, data={"code": app.at(console.clock.now())}, headers=kept)
    assert late.status_code == 401
    await sign_in(console)
    await console.operate("POST", "/console/users/anna/password", password="five loud cups of tea")
    assert (await code(console, app.at(console.clock.now()))).status_code == 401


@no_sql_of_its_own
async def test_wrong_codes_are_braked_by_account_entered_and_never_said_to_be_near(console: Console) -> None:
    app, codes = await set_up(console)
    await sign_in(console)
    for number in range(5):
        assert (await code(console, f"{number:06}")).status_code == 401
    for given in (app.at(console.clock.now()), codes[0]):
        braked = await code(console, given)
        assert (braked.status_code, "wait five minutes" in braked.text) == (429, True)
    await sign_in(console)
    assert (await code(console, codes[0])).status_code == 429
    failed = [entry for entry in await entries(console) if entry["action"] == "sign-in.failed"]
    assert [(entry["fields"], entry["counts"]) for entry in failed] == [(["code"], {"today": 1})]
    console.clock.advance(seconds=301)
    await sign_in(console)
    assert (await code(console, codes[0])).status_code == 303


@no_sql_of_its_own
async def test_a_secret_and_its_recovery_codes_cannot_be_read_from_the_database(console: Console) -> None:
    app, codes = await set_up(console)
    stored = await console.harness.stored()
    assert app.secret.encode() not in stored
    assert app.byte_secret() not in stored
    assert not any(each.replace("-", "").encode() in stored or each.encode() in stored for each in codes)


@no_sql_of_its_own
async def test_a_page_of_set_up_is_good_for_its_user_for_half_an_hour(console: Console) -> None:
    await add(console, name="mia")
    await sign_in(console, "mia")
    _, of_mia = shown((await console.http.get(PAGE)).text)
    await add(console)
    await sign_in(console)
    app, setup = shown((await console.http.get(PAGE)).text)
    for odd in (of_mia, setup[:-2] + "00", "zz", ""):
        refused = await send(console, "two-steps", setup=odd, code=app.at(console.clock.now()))
        assert (refused.status_code, "too old" in refused.text) == (422, True)
    wrong = await send(console, "two-steps", setup=setup, code="000000")
    assert (wrong.status_code, shown(wrong.text)[1]) == (422, setup)
    console.clock.advance(minutes=30)
    assert (await send(console, "two-steps", setup=setup, code=app.at(console.clock.now()))).status_code == 422
    assert await console.harness.rows(second_factors.select()) == []


async def test_turning_off_and_new_codes_take_the_password(console: Console) -> None:
    _, codes = await set_up(console)
    listed = (await console.operate("GET", "/console/users")).json()["users"]
    assert [(user["name"], user["has_second_factor"]) for user in listed] == [("anna", True)]
    for what in ("remove", "codes"):
        refused = await send(console, f"two-steps/{what}", current="not my password")
        assert (refused.status_code, "not your password" in refused.text) == (422, True)
    renewed = await send(console, "two-steps/codes", current=PASSWORD)
    assert (renewed.status_code, codes[0] in renewed.text) == (200, False)
    assert (await send(console, "two-steps/remove", current=PASSWORD)).headers["location"] == PAGE
    assert (await sign_in(console)).headers["location"] == "/console"
    assert await console.harness.rows(recovery_codes.select()) == []
    done = [entry["action"] for entry in await entries(console) if "session" not in entry["action"]]
    assert done == ["user.added", "second-factor.added", "recovery-codes.renewed", "second-factor.removed"]


async def test_the_operators_reset_removes_it_and_one_of_the_same_name_inherits_nothing(console: Console) -> None:
    await set_up(console)
    await console.operate("POST", "/console/users/anna/password", password="five loud cups of tea")
    assert (await sign_in(console, password="five loud cups of tea")).headers["location"] == "/console"
    [reset] = [entry for entry in await entries(console) if entry["action"] == "user.reset"]
    assert reset["fields"] == ["second factor"]
    app, setup = shown((await console.http.get(PAGE)).text)
    await send(console, "two-steps", setup=setup, code=app.at(console.clock.now()))
    await console.operate("DELETE", "/console/users/anna")
    await add(console)
    assert (await sign_in(console)).headers["location"] == "/console"


async def test_an_owner_asks_everybody_and_nobody_does_anything_without(console: Console) -> None:
    await add(console, name="bo", role="support")
    await add(console, name="carl")
    await sign_in(console, "carl")
    assert (await send(console, "two-steps/rule", required="yes")).status_code == 409
    await set_up(console)
    assert (await send(console, "two-steps/rule", required="yes")).status_code == 303
    assert (await console.http.get("/console")).status_code == 200
    by_key = await console.http.post("/console/sign-in", data={"key": READ_KEY})
    assert (by_key.status_code, "Sign in by name" in by_key.text) == (403, True)
    await sign_in(console, "bo")
    for path in ("/console", "/console/settings", "/console/messages"):
        assert (await console.http.get(path)).headers["location"] == PAGE
    page = (await console.http.get(PAGE)).text
    assert "Set up your second step to go on" in page
    app, setup = shown(page)
    assert (await send(console, "two-steps/rule", required="no")).status_code == 403
    assert (await send(console, "two-steps", setup=setup, code=app.at(console.clock.now()))).status_code == 200
    assert (await console.http.get("/console")).status_code == 200
    assert (await send(console, "two-steps/rule", required="no")).status_code == 403


@no_sql_of_its_own
async def test_the_current_password_cannot_be_guessed_in_an_open_browser(console: Console) -> None:
    await set_up(console)
    for number in range(5):
        for what in ("remove", "codes"):
            assert (await send(console, f"two-steps/{what}", current=f"guess {number}")).status_code == 422
    token = await form_token(console)
    form = {"form_token": token, "current": PASSWORD, "password": "five loud cups of tea"}
    braked = await console.http.post("/console/settings/password", data=form)
    assert (braked.status_code, "wait a minute" in braked.text) == (429, True)
    assert (await send(console, "two-steps/remove", current=PASSWORD)).status_code == 429
    console.clock.advance(seconds=61)
    assert (await send(console, "two-steps/remove", current=PASSWORD)).status_code == 303


@no_sql_of_its_own
async def test_who_has_no_password_shows_a_code_in_its_place(console: Console) -> None:
    app, codes = await set_up(console)
    nothing = sa.update(users).values(password_hash="")
    await console.harness.runtime.database.write(lambda db: db.execute(nothing), WritePriority.BATCHES)
    for wrong in (PASSWORD, "", "000000"):
        assert (await send(console, "two-steps/remove", current=wrong)).status_code == 422
    assert (await send(console, "two-steps/codes", current=codes[0])).status_code == 200
    assert (await send(console, "two-steps/remove", current=codes[1])).status_code == 422
    assert (await send(console, "two-steps/remove", current=app.at(console.clock.now()))).status_code == 303


@no_sql_of_its_own
async def test_who_signed_in_with_a_key_is_out_once_everybody_is_asked(console: Console) -> None:
    code_before = (await console.http.post("/console/codes")).json()["code"]
    await console.http.post("/console/sign-in", data={"key": READ_KEY})
    by_key = console.http.cookies["followup_console"]
    await set_up(console)
    await send(console, "two-steps/rule", required="yes")
    console.http.cookies.clear()
    kept = await console.http.get("/console", headers={"Cookie": f"followup_console={by_key}"})
    assert kept.headers["location"] == "/console/sign-in"
    assert (await console.http.post("/console/sign-in", data={"code": code_before})).status_code == 401
