"""The ledger's entries by HTTP: the newest first, bounded, of one merchant, without who it is about."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.compliance.ledger import listing
from shared.testing.make_compliance import api_key
from tests.integration.compliance.driver import ComplianceDriver, opened
from tests.integration.compliance.test_api import CONSENT

PATH = "/v1/consents"
PHONES = ("+12125550121", "+12125550122", "+12125550123")


async def told(driver: ComplianceDriver, http: httpx2.AsyncClient) -> None:
    """Let three people consent, and the second of them withdraw."""
    for phone in PHONES:
        driver.clock.advance(seconds=1)
        assert (await http.post(PATH, json={**CONSENT, "to": phone})).status_code == 201
    driver.clock.advance(seconds=1)
    assert (await http.post(f"{PATH}/revoke", json={"to": PHONES[1], "reason": "by phone"})).status_code == 200


async def page(http: httpx2.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await http.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_entries_are_listed_the_newest_first_without_who_it_is_about(driver: ComplianceDriver) -> None:
    async with driver.http() as http:
        assert await page(http) == {"entries": [], "next_cursor": None, "searched_to": None}
        await told(driver, http)
        found = await page(http)
    assert [each["act"] for each in found["entries"]] == ["revoked", "granted", "granted", "granted"]
    people = [each["recipient_id"] for each in found["entries"]]
    assert people == [str(driver.person(phone)) for phone in (PHONES[1], *reversed(PHONES))]
    granted = found["entries"][-1]
    shown = {name: granted[name] for name in ("scope", "level", "method", "source", "captured_at", "has_evidence")}
    assert shown == {
        "scope": "marketing",
        "level": "pewc",
        "method": "web_form",
        "source": CONSENT["source"],
        "captured_at": CONSENT["captured_at"],
        "has_evidence": True,
    }
    assert not any(secret in str(found) for secret in (*PHONES, "192.0.2.7", "by phone", "Text me offers"))


async def test_pages_show_every_entry_once(driver: ComplianceDriver) -> None:
    async with driver.http() as http:
        await told(driver, http)
        found, cursor = [], None
        while True:
            part = await page(http, limit=3, **({"cursor": cursor} if cursor else {}))
            found += [each["entry_id"] for each in part["entries"]]
            if (cursor := part["next_cursor"]) is None:
                break
        assert len(found) == len(set(found)) == 4


async def test_a_filter_looks_at_a_bounded_number_of_entries_and_says_how_far_it_came(
    driver: ComplianceDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 3)
    async with driver.http() as http:
        await told(driver, http)
        first = await page(http, act="revoked")
        assert ([each["act"] for each in first["entries"]], first["next_cursor"] is not None) == (["revoked"], True)
        rest = await page(http, act="revoked", cursor=first["next_cursor"])
        assert (rest["entries"], rest["next_cursor"]) == ([], None)
        assert rest["searched_to"] < first["searched_to"]


async def test_a_made_up_cursor_and_a_key_without_the_scope_get_nothing(
    driver: ComplianceDriver,
) -> None:
    async with driver.http() as http:
        await told(driver, http)
        for query in ({"cursor": "@@@"}, {"cursor": "x" * 65}, {"cursor": "AAAA"}, {"limit": 101}, {"act": "sold"}):
            assert (await http.get(PATH, params=query)).status_code == 422, query
    async with driver.http(api_key(kind="none")) as scopeless:
        assert (await scopeless.get(PATH)).status_code == 403


async def test_another_merchants_entries_are_not_there(tmp_path: Path) -> None:
    async with opened(tmp_path, "acme", "other") as driver:
        async with driver.http() as http:
            await told(driver, http)
        async with driver.http(api_key("other")) as other:
            assert (await page(other))["entries"] == []
