"""A user sees where they are signed in, and ends one, or all but this; nobody else's."""

import re

from services.console.tables import sessions
from tests.integration.across_services.console.conftest import Console
from tests.integration.across_services.console.test_account_log import entries
from tests.integration.across_services.console.test_two_steps import PAGE, send
from tests.integration.across_services.console.test_users import PASSWORD, add
from tests.integration.engines import only_on_sqlite

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"


async def enter(console: Console, name: str = "anna", user_agent: str = FIREFOX) -> str:
    """Sign in as another browser would, and return the cookie."""
    console.http.cookies.clear()
    form = {"name": name, "password": PASSWORD}
    await console.http.post("/console/sign-in", data=form, headers={"User-Agent": user_agent})
    return console.http.cookies["followup_console"]


async def is_in(console: Console, cookie: str) -> bool:
    console.http.cookies.clear()
    console.http.cookies.set("followup_console", cookie)
    return (await console.http.get("/console/settings")).status_code == 200


def offered(page: str) -> list[str]:
    """Return the sessions that a page offers to end."""
    return re.findall(r'name="session" type="hidden" value="([0-9a-f]{64})"', page)


async def test_one_session_is_ended_from_another_and_the_log_says_so(console: Console) -> None:
    await add(console)
    lost = await enter(console)
    console.clock.advance(minutes=7)
    here = await enter(console, user_agent="curl/8.5.0 <b>")
    page = (await console.http.get(PAGE)).text
    assert ("Firefox on Windows" in page, "an unknown browser" in page, "curl" in page) == (True, True, False)
    [other] = offered(page)
    assert (await send(console, "sessions/end", session=other)).headers["location"] == PAGE
    assert (await send(console, "sessions/end", session=other)).status_code == 404
    assert (await is_in(console, lost), await is_in(console, here)) == (False, True)
    [ended] = [entry for entry in await entries(console) if entry["action"] == "sessions.ended"]
    assert (ended["actor"], ended["subject"], ended["counts"]) == ("anna", "anna", {"sessions": 1})


async def test_all_others_end_at_once_and_begun_sign_ins_too(console: Console) -> None:
    await add(console)
    others, here = [await enter(console) for _ in range(3)], await enter(console)
    assert (await send(console, "sessions/end-others")).status_code == 303
    assert [await is_in(console, cookie) for cookie in (*others, here)] == [False, False, False, True]
    assert "Nowhere else" in (await console.http.get(PAGE)).text
    assert (await send(console, "sessions/end-others")).status_code == 303
    assert [entry["counts"] for entry in await entries(console) if entry["action"] == "sessions.ended"] == [
        {"sessions": 3}
    ]


@only_on_sqlite("the statements are those of the tests beside it")
async def test_nobody_sees_or_ends_a_session_of_somebody_else(console: Console) -> None:
    await add(console)
    await add(console, name="bo", merchant="bolt")
    of_bo = await enter(console, "bo")
    row = (await console.harness.rows(sessions.select()))[0]
    await enter(console)
    assert offered((await console.http.get(PAGE)).text) == []
    assert (await send(console, "sessions/end", session=row["token_sha256"].hex())).status_code == 404
    assert (await send(console, "sessions/end-others")).status_code == 303
    assert await is_in(console, of_bo)


@only_on_sqlite("the statements are those of the tests beside it")
async def test_last_use_is_written_down_every_five_minutes_and_no_oftener(console: Console) -> None:
    await add(console)
    await enter(console)
    [began] = await console.harness.rows(sessions.select())
    for minutes, is_noted in ((4, False), (1, True), (4, False)):
        console.clock.advance(minutes=minutes)
        before = (await console.harness.rows(sessions.select()))[0]["used_at"]
        await console.http.get("/console/settings")
        [row] = await console.harness.rows(sessions.select())
        assert (row["used_at"] != before) == is_noted
        assert row["began_at"] == began["began_at"]
