"""The page of consent: the ledger, its file, and requests by right, for each role and shop."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services import embedded
from shared.vocabulary.roles import SCOPES_OF, Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application in one process has SQLite")
CONSENT = "/console/consent"
ANA = "+12125550121"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


async def enter(application: embedded.Application, role: Role, merchant: str = "acme") -> Person:
    return await Person(application).enter(role, merchant)


async def consent(person: Person, **changes: Any) -> None:
    body = {
        "to": ANA,
        "scope": "marketing",
        "level": "pewc",
        "captured_at": "2026-11-01T16:00:00Z",
        "method": "web_form",
        "disclosure": "Text me offers. Reply STOP to end.",
        "source": "https://acme.example/join",
        "ip": "192.0.2.7",
        **changes,
    }
    answer = await person.http.post("/v1/consents", json=body, headers=person.operator_of("acme"))
    assert answer.status_code == 201, answer.text


async def ask(person: Person, right: str, **form: str) -> httpx2.Response:
    form_token = await person.form_token(CONSENT)
    return await person.http.post(f"{CONSENT}/{right}", data={"form_token": form_token, **form})


async def test_an_empty_ledger_says_how_consent_comes_in(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    page = await ana.page(CONSENT)
    assert "No consent is recorded yet" in page
    assert "STOP honoured in" in page
    assert "Opt-ins" in page
    assert "No such entry" in await ana.page(f"{CONSENT}?act=revoked")


async def test_entries_are_shown_as_text_filtered_and_saved_as_no_formula(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    await consent(ana, source='=HYPERLINK("x")', method="<script>alert(1)</script>")
    for page in (await ana.page(CONSENT), await ana.page(f"{CONSENT}?act=granted")):
        assert "opted in" in page
        assert "<script>alert" not in page
        assert ANA not in page
        assert "192.0.2.7" not in page
    assert "No such entry" in await ana.page(f"{CONSENT}?act=revoked")
    file = await ana.http.get(f"{CONSENT}/file.csv?act=granted")
    assert file.headers["content-type"].startswith("text/csv")
    assert """"'=HYPERLINK(""x"")\"""" in file.text
    assert ANA not in file.text


async def test_a_button_checks_the_ledger_and_says_a_sentence(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.SUPPORT)
    assert f"{CONSENT}/check" in await ana.page(CONSENT)
    assert "Nothing was recorded" in await ana.page(f"{CONSENT}/check")
    await consent(ana)
    assert "The one entry of the last 30 days is in order. Signed days: 0 of 1" in await ana.page(f"{CONSENT}/check")
    marketer = await enter(opened, Role.MARKETER)
    assert (await marketer.http.get(f"{CONSENT}/check")).status_code == 403


async def test_a_person_is_forgotten_once_somebody_is_sure_and_the_certificate_says_so(
    opened: embedded.Application,
) -> None:
    ana = await enter(opened, Role.OWNER)
    await consent(ana)
    unsure = await ask(ana, "erasures", to=ANA)
    assert (unsure.status_code, f'value="{ANA}"' in unsure.text) == (422, True)
    wrong = await ask(ana, "erasures", to="12", sure="yes")
    assert (wrong.status_code, 'value="12"' in wrong.text) == (422, True)
    assert (await ana.read("/v1/erasures"))["erasures"] == []
    asked = await ask(ana, "erasures", to=ANA, sure="yes")
    assert asked.status_code == 303
    assert ANA not in asked.headers["location"]
    page = await ana.page(asked.headers["location"])
    assert "the ledger verifies" in page
    assert "Under way" in page
    assert asked.headers["location"] in await ana.page(CONSENT)


async def test_a_copy_is_a_file_once_it_is_complete(opened: embedded.Application) -> None:
    ana = await enter(opened, Role.OWNER)
    await consent(ana)
    assert (await ask(ana, "exports", to=ANA)).status_code == 303
    link = re.search(r'href="(/console/consent/exports/[^"]+)"', await ana.page(CONSENT))
    assert link is not None
    early = await ana.http.get(link[1])
    assert (early.status_code, "still lacks" in early.text) == (409, True)
    for _ in range(3):
        for service in opened.services:
            while service.runner is not None and await service.runner.step(linger_seconds=0):
                pass
    copy = await ana.http.get(link[1])
    assert (copy.status_code, copy.headers["cache-control"]) == (200, "no-store")
    assert "attachment" in copy.headers["content-disposition"]
    assert "192.0.2.7" in copy.text


@pytest.mark.parametrize("role", Role)
async def test_a_role_sees_and_asks_what_its_scopes_say(opened: embedded.Application, role: Role) -> None:
    person = await enter(opened, role)
    reads, asks = "consents:read" in SCOPES_OF[role], "rights:write" in SCOPES_OF[role]
    for address in (CONSENT, f"{CONSENT}/file.csv"):
        assert (await person.http.get(address)).status_code == (200 if reads else 403)
    form = {"form_token": await person.form_token(CONSENT if reads else "/console"), "to": ANA, "sure": "yes"}
    for right in ("erasures", "exports"):
        answer = await person.http.post(f"{CONSENT}/{right}", data=form)
        assert answer.status_code == (303 if asks else 403)
        assert len((await person.read(f"/v1/{right}"))[right]) == (1 if asks else 0)


async def test_a_shop_sees_nothing_of_another_and_no_forged_form_is_obeyed(opened: embedded.Application) -> None:
    ana, bert = await enter(opened, Role.OWNER), await enter(opened, Role.OWNER, "bolt")
    await consent(ana)
    erasure = (await ask(ana, "erasures", to=ANA, sure="yes")).headers["location"]
    await ask(ana, "exports", to=ANA)
    [copy] = (await ana.read("/v1/exports"))["exports"]
    assert "No consent is recorded yet" in await bert.page(CONSENT)
    for address in (erasure, f"{CONSENT}/exports/{copy['id']}/copy.json"):
        assert (await bert.http.get(address)).status_code == 404
    for forged, status in (({}, 403), ({"form_token": "0" * 64}, 409)):
        answer = await bert.http.post(f"{CONSENT}/erasures", data={**forged, "to": ANA, "sure": "yes"})
        assert answer.status_code == status
    assert (await bert.read("/v1/erasures", "bolt"))["erasures"] == []


@pytest.mark.parametrize("query", ["act=sold", "cursor=@@@", "cursor=" + "x" * 65])
async def test_an_address_that_was_made_up_is_answered_with_a_page(opened: embedded.Application, query: str) -> None:
    ana = await enter(opened, Role.SUPPORT)
    answer = await ana.http.get(f"{CONSENT}?{query}")
    assert (answer.status_code, "<h1" in answer.text) == (422, True)
