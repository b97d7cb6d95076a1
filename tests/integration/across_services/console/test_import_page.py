"""Consents from a file in the browser: tried first, and recorded when somebody says so."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services import embedded
from services.console.imports import jobs
from shared.testing.waiting import until
from shared.vocabulary.roles import Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

PATH = "/console/consent/import"
HEAD = "phone,scope,event,level,captured_at,disclosure\n"
GIVEN = '{phone},marketing,imported,pewc,2026-01-05T10:00:00Z,"Yes, text me offers."\n'
FILE = (
    HEAD
    + GIVEN.format(phone="+12125550123")
    + GIVEN.format(phone="+12125550124")
    + "+12125550125,marketing,,,,\n"
    + "=1+1,marketing,imported,pewc,2026-01-05T10:00:00Z,<script>\n"
    + "+12125550126,all,unsubscribed,,2026-02-01T10:00:00Z,\n"
)


pytestmark = only_on_sqlite("the application is embedded")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application, application.app.router.lifespan_context(application.app):
        yield application


async def send(person: Person, content: bytes | str, *, name: str = "list.csv", **fields: str) -> httpx2.Response:
    data = {"form_token": await person.form_token(PATH), "scope": "marketing", **fields}
    return await person.http.post(PATH, data=data, files={"file": (name, content, "text/csv")})


async def shown(person: Person, words: str) -> str:
    """Return the page once it says this."""

    async def look() -> str | None:
        page = await person.page(PATH)
        return page if words in page else None

    return await until(look, 30)


def the_import(page: str) -> str:
    found = re.search(rf"{PATH}/([0-9a-f-]{{36}})", page)
    assert found is not None
    return found[1]


async def decide(person: Person, page: str, action: str) -> httpx2.Response:
    token = re.search(r'name="form_token" type="hidden" value="([0-9a-f]{64})"', page)
    assert token is not None
    return await person.http.post(f"{PATH}/{the_import(page)}", data={"form_token": token[1], "action": action})


async def entries(person: Person, merchant: str = "acme") -> list[Any]:
    found: list[Any] = (await person.read("/v1/consents?limit=100", merchant))["entries"]
    return found


async def test_a_file_is_tried_then_recorded_and_its_refused_rows_are_listed(house: embedded.Application) -> None:
    anna = await Person(house).enter(Role.SUPPORT)
    assert (await send(anna, FILE)).status_code == 303
    page = await shown(anna, "Ready to be imported")
    assert "<b>3</b> rows would be recorded" in page
    assert "<b>2</b> rows refused" in page
    assert await entries(anna) == [], "nothing is recorded before somebody says so"
    assert (await decide(anna, page, "import")).status_code == 303
    page = await shown(anna, ">Imported<")
    assert "<b>3</b> rows recorded" in page
    assert sorted(each["act"] for each in await entries(anna)) == ["imported", "imported", "revoked"]
    report = (await anna.http.get(f"{PATH}/{the_import(page)}/refused.csv")).text
    assert [line.split(",")[:2] for line in report.splitlines()[1:]] == [["4", "no_evidence"], ["5", "unusable_number"]]
    assert "<script>" not in page
    assert "1212555" not in report
    assert (await send(anna, FILE)).status_code == 303
    page = await shown(anna, "Ready to be imported")
    assert "<b>3</b> rows are in the ledger already" in page


async def test_an_opt_out_goes_in_from_a_row_that_says_nothing_else(house: embedded.Application) -> None:
    anna = await Person(house).enter(Role.OWNER)
    await send(anna, "mobile;status\n+12125550123;STOP\n", scope="all")
    await decide(anna, await shown(anna, "Ready to be imported"), "import")
    assert "<b>1</b> row recorded" in await shown(anna, ">Imported<")
    assert [each["act"] for each in await entries(anna)] == ["revoked"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choose a file that is not empty"),
        (b"name,scope\nAna,all\n", "the first line has no column for the number"),
        (b"PK\x03\x04" + bytes(2000), "the first line has no column for the number"),
        ("phone\n+12125550123\n".encode("utf-16"), "Ready to be imported"),
        (b"phone,event\n" + b"\n" * 200_000, "No row of it is new"),
        (b"phone,event\n+12125550123,\0revoked\n", "contains a NUL character"),
        (b"phone,event\n" + b"x" * 2_000_000 + b"\n", "refused"),
        (b"phone,event\r+12125550123,revoked\r", "import"),
    ],
    ids=["empty", "no number", "a zip", "utf-16", "empty lines", "nul", "one long line", "old line ends"],
)
async def test_an_odd_file_ends_in_words(house: embedded.Application, content: bytes, words: str) -> None:
    anna = await Person(house).enter(Role.OWNER)
    answer = await send(anna, content)
    assert answer.status_code == 303
    page = await anna.page(answer.headers["location"])
    if words not in page:
        await shown(anna, words)


async def test_who_may_not_import_cannot_upload_or_decide(house: embedded.Application) -> None:
    anna, viewer = await Person(house).enter(Role.OWNER), await Person(house).enter(Role.VIEWER)
    assert (await viewer.http.get(PATH)).status_code == 403
    await send(anna, FILE)
    page = await shown(anna, "Ready to be imported")
    own = {"form_token": await viewer.form_token("/console"), "action": "import"}
    assert (await viewer.http.post(f"{PATH}/{the_import(page)}", data=own)).status_code == 403
    data = {"form_token": "x", "scope": "marketing"}
    assert (await viewer.http.post(PATH, data=data, files={"file": ("a.csv", FILE)})).status_code == 403
    assert (await anna.http.post(PATH, data=data, files={"file": ("a.csv", FILE)})).status_code == 403


async def test_another_shop_sees_and_decides_nothing_of_it(house: embedded.Application) -> None:
    anna, bob = await Person(house).enter(Role.OWNER), await Person(house).enter(Role.OWNER, "bolt")
    await send(anna, FILE, name="acme-list.csv")
    page = await shown(anna, "Ready to be imported")
    assert "acme-list" not in await bob.page(PATH)
    assert (await bob.http.get(f"{PATH}/{the_import(page)}/refused.csv")).status_code == 404
    token = await bob.form_token(PATH)
    refused = await bob.http.post(f"{PATH}/{the_import(page)}", data={"form_token": token, "action": "import"})
    assert refused.status_code == 409
    await bob.http.post(f"{PATH}/{the_import(page)}", data={"form_token": token, "action": "stop"})
    assert "Ready to be imported" in await anna.page(PATH)


async def test_a_second_file_waits_for_the_first_and_a_discarded_one_is_gone(house: embedded.Application) -> None:
    anna, olga = await Person(house).enter(Role.OWNER), await Person(house).enter(Role.SUPPORT)
    await send(anna, FILE)
    page = await shown(anna, "Ready to be imported")
    told = await olga.http.post(
        PATH,
        data={"form_token": await olga.form_token("/console/controls"), "scope": "all"},
        files={"file": ("other.csv", FILE)},
    )
    assert "is%20not%20finished" in told.headers["location"]
    await decide(anna, page, "stop")
    assert "Stopped" in await anna.page(PATH)
    assert (await decide(anna, page, "import")).status_code == 409
    assert await entries(anna) == []
    assert (await send(anna, FILE)).status_code == 303


async def test_recording_twice_records_once(house: embedded.Application) -> None:
    anna = await Person(house).enter(Role.OWNER)
    await send(anna, FILE)
    page = await shown(anna, "Ready to be imported")
    assert [(await decide(anna, page, "import")).status_code for _ in range(2)] == [303, 303]
    await shown(anna, ">Imported<")
    assert len(await entries(anna)) == 3


async def test_nothing_is_recorded_in_the_name_of_somebody_who_was_removed(house: embedded.Application) -> None:
    anna, bert = await Person(house).enter(Role.SUPPORT), await Person(house).enter(Role.OWNER)
    await send(anna, FILE)
    page = await shown(bert, "Ready to be imported")
    gone = await bert.http.delete(f"/console/users/{anna.name}", headers=bert.operator_of("acme"))
    assert gone.is_success, gone.text
    await anna.http.aclose()
    await Person(house).enter(Role.SUPPORT)  # another of the same name
    assert (await decide(bert, page, "import")).status_code == 303
    assert "is no user any more" in await shown(bert, "no user any more")
    assert await entries(bert) == []


async def test_a_file_whose_process_ended_is_uploaded_again(
    house: embedded.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await Person(house).enter(Role.OWNER)
    await send(anna, FILE)
    page = await shown(anna, "Ready to be imported")
    console = next(each for each in house.services if each.name == "console")
    await next(stop for stop in console.on_stop if "ImportJobs" in getattr(stop, "__qualname__", ""))()
    monkeypatch.setattr(jobs, "SILENT_AFTER", timedelta())
    ended = await anna.page(PATH)
    assert "The process that held the file has ended" in ended
    assert "<b>3</b> rows would have been recorded" in ended
    assert (await decide(anna, page, "import")).status_code == 409
    await send(anna, FILE)
    await shown(anna, "Ready to be imported")


async def test_a_row_that_no_request_could_carry_costs_only_itself(house: embedded.Application) -> None:
    anna = await Person(house).enter(Role.OWNER)
    long = "\x01" * 60_000
    wide = f'{{phone}},{{scope}},{{event}},pewc,2026-01-05T10:00:00Z,"{long}",{long}\n'
    head = HEAD.replace("\n", ",source\n")
    rows = [
        GIVEN.format(phone="+12125550123").replace("\n", ",https://acme.example\n"),
        wide.format(phone="+12125550124", scope="marketing", event="imported"),
        wide.format(phone="+12125550125", scope="all", event="revoked"),
    ]
    await send(anna, head + "".join(rows))
    page = await shown(anna, "Ready to be imported")
    assert "<b>2</b> rows would be recorded" in page
    assert "<b>1</b> row refused" in page


async def test_files_of_all_shops_together_have_their_bound(
    house: embedded.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, bob = await Person(house).enter(Role.OWNER), await Person(house).enter(Role.OWNER, "bolt")
    await send(anna, FILE)
    await shown(anna, "Ready to be imported")
    monkeypatch.setattr(jobs, "MOST_HELD_BYTES", 1000)
    told = await send(bob, FILE)
    assert "iles%20of%20other%20shops" in told.headers["location"]
    await decide(anna, await anna.page(PATH), "stop")
    assert "problem" not in (await send(bob, FILE)).headers["location"]
    assert "Ready to be imported" in await shown(bob, "Ready to be imported")


async def test_a_file_nobody_decides_about_is_given_up(
    house: embedded.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await Person(house).enter(Role.OWNER)
    await send(anna, FILE)
    await shown(anna, "Ready to be imported")
    monkeypatch.setattr(jobs, "_TRIED_KEPT", timedelta())
    assert "Nobody said within an hour" in await shown(anna, "It could not go on")
