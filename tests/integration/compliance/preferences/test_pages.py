import base64
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest

from services.compliance.preferences.links import PreferenceLinks
from services.compliance.tables import preferences
from shared.events.consent import ConsentAct, ConsentScope
from shared.events.follow_up import FollowUpBlocked, FollowUpCleared, FollowUpDeferred, Purpose
from shared.ids import MerchantId, RecipientId
from shared.privacy import Keyring, Sealer
from shared.testing.make_compliance import PHONE
from shared.testing.sealed import of_old
from tests.integration.compliance.driver import ComplianceDriver

TAMPERED = ("", "x", "acme.1.x.y", "acme.99999999999.AAAA.BBBB", "…", "a" * 5000)


async def link(driver: ComplianceDriver, client: httpx2.AsyncClient) -> str:
    """Return the path of a person's page, as the API returns it."""
    standing = (await client.post("/v1/recipients/standing", json={"to": PHONE})).json()
    return str(httpx2.URL(standing["preferences_url"]).path)


async def choose(client: httpx2.AsyncClient, path: str, choice: str) -> str:
    """Press a button without a key, and return the page that follows."""
    answer = await client.post(path, data={"choice": choice}, headers={"Authorization": ""})
    assert answer.status_code == 303
    followed = await client.get(answer.headers["location"])
    assert followed.status_code == 200
    return followed.text


async def test_the_link_holds_no_number_and_is_another_one_each_time(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        first, second = await link(driver, client), await link(driver, client)
    assert first != second
    assert not re.search(r"2125550123|12125550", first)
    assert str(driver.person()) not in first


async def test_stopping_everything_is_in_the_ledger_before_the_page_answers(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        page = await choose(client, await link(driver, client), "stop_all")
    assert "will not text you any more" in page
    held = await driver.held()
    assert held.standing.suppression == "opt_out"
    assert await driver.first_break() is None
    [*_, changed] = await driver.changes()
    assert (changed.act, changed.scope) == (ConsentAct.REVOKED, ConsentScope.ALL)


async def test_stopping_offers_leaves_texts_about_orders(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(), driver.claim(scope=ConsentScope.INFORMATIONAL))
    async with driver.http() as client:
        page = await choose(client, await link(driver, client), "stop_marketing")
    assert "No more offers" in page
    assert 'value="stop_marketing"' not in page
    assert isinstance(await driver.verdict("offer"), FollowUpBlocked)
    assert isinstance(await driver.verdict("parcel", purpose=Purpose.INFORMATIONAL), FollowUpCleared)


async def test_stopping_twice_is_one_withdrawal(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        path = await link(driver, client)
        for _ in range(2):
            await choose(client, path, "stop_all")
    assert (await driver.held()).standing.epoch == 2


async def test_a_stranger_can_stop_texts_before_the_first_one(driver: ComplianceDriver) -> None:
    async with driver.http() as client:
        await choose(client, await link(driver, client), "stop_all")
    assert (await driver.held()).standing.suppression == "opt_out"


async def test_a_pause_defers_marketing_to_its_end_and_withdraws_nothing(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(), driver.claim(scope=ConsentScope.INFORMATIONAL))
    async with driver.http() as client:
        page = await choose(client, await link(driver, client), "pause")
    assert "Paused until 31 December 2026" in page
    assert isinstance(await driver.verdict("parcel", purpose=Purpose.INFORMATIONAL), FollowUpCleared)
    too_long = await driver.verdict("offer")
    assert isinstance(too_long, FollowUpBlocked)
    assert "asked for a pause" in (too_long.explanation or "")
    driver.clock.advance(days=29, hours=23)
    soon = await driver.verdict("last day")
    assert isinstance(soon, FollowUpDeferred)
    assert (soon.reason, soon.until - driver.clock.now()) == ("paused", timedelta(hours=1))
    driver.clock.advance(hours=1)
    assert isinstance(await driver.verdict("after"), FollowUpCleared)
    assert (await driver.held()).standing.epoch == 2


async def test_fewer_means_one_offer_in_any_seven_days(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        page = await choose(client, await link(driver, client), "fewer")
    assert "At most one a week" in page
    assert isinstance(await driver.verdict("first"), FollowUpCleared)
    driver.clock.advance(days=6)
    second = await driver.verdict("second")
    assert isinstance(second, FollowUpDeferred)
    assert (second.reason, second.until - driver.clock.now()) == ("frequency_cap", timedelta(days=1))
    driver.clock.advance(days=1)
    assert isinstance(await driver.verdict("third"), FollowUpCleared)


async def test_as_before_ends_pause_and_limit_but_never_an_opt_out(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        path = await link(driver, client)
        for choice in ("pause", "fewer", "usual"):
            await choose(client, path, choice)
        assert isinstance(await driver.verdict("offer"), FollowUpCleared)
        await choose(client, path, "stop_all")
        page = await choose(client, path, "usual")
    assert "nothing left to choose" in page
    assert isinstance(await driver.verdict("another"), FollowUpBlocked)


async def test_looking_at_the_page_changes_nothing(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http("") as anybody, driver.http() as client:
        path = await link(driver, client)
        before = await driver.held()
        page = await anybody.get(f"{path}?done=stop_all")
    assert page.status_code == 200
    assert await driver.held() == before
    assert await driver.rows(preferences) == []


async def test_a_page_holds_no_number_and_lets_nothing_in_from_elsewhere(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        page = await client.get(await link(driver, client))
        style = await client.get("/preferences/static/preferences.css")
    assert "2125550123" not in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize("token", TAMPERED)
async def test_a_made_up_link_opens_nothing(driver: ComplianceDriver, token: str) -> None:
    async with driver.http("") as anybody:
        for answer in (
            await anybody.get(f"/preferences/{token or '-'}"),
            await anybody.post(f"/preferences/{token or '-'}", data={"choice": "stop_all"}),
        ):
            assert answer.status_code == 410
            assert "STOP" in answer.text


async def test_every_change_to_a_link_breaks_it(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        path = await link(driver, client)
        folder, _, token = path.rpartition("/")
        merchant, span, sealed, signature = token.split(".")
        begins, ends = span.split("-")
        changed = [
            f"bolt.{span}.{sealed}.{signature}",
            f"{merchant}.{begins}-{int(ends) + 1}.{sealed}.{signature}",
            f"{merchant}.{int(begins) + 1}-{ends}.{sealed}.{signature}",
            f"{merchant}.{ends}.{sealed}.{signature}",
            f"{merchant}.{span}.{sealed[:-2]}AA.{signature}",
            f"{merchant}.{span}.{sealed}.{signature[:-2]}AA",
        ]
        for each in changed:
            assert (await client.get(f"{folder}/{each}")).status_code == 410
        assert (await client.get(path)).status_code == 200


async def test_a_choice_that_is_not_offered_changes_nothing(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        path = await link(driver, client)
        answer = await client.post(path, data={"choice": "grant_everything"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert (await driver.held()).standing.epoch == 1


async def test_links_that_were_taken_back_open_nothing(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        before = await link(driver, client)
        assert (await client.get(before)).status_code == 200
        answer = await client.post("/v1/recipients/preference-links/revoke", json={"to": PHONE})
        assert answer.status_code == 200
        assert (await client.get(before)).status_code == 410
        assert (await client.post(before, data={"choice": "stop_all"})).status_code == 410
        driver.clock.advance(seconds=1)
        assert (await client.get(await link(driver, client))).status_code == 200


async def test_a_link_opens_its_page_for_thirty_days(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        path = await link(driver, client)
        driver.clock.advance(days=29)
        assert (await client.get(path)).status_code == 200
        driver.clock.advance(days=2)
        assert (await client.get(path)).status_code == 410


def test_a_link_of_an_earlier_version_still_opens_and_can_be_taken_back() -> None:
    ring, now = Keyring(bytes(32), {1: bytes(32)}, 1, bound_from=2), datetime(2026, 12, 1, tzinfo=UTC)
    sealer = Sealer(ring)
    links = PreferenceLinks(sealer, "https://sms.acme.example", 30)
    recipient = RecipientId(UUID(int=7))
    ends = int((now + timedelta(days=300)).timestamp())
    sealed = base64.urlsafe_b64encode(of_old(ring, MerchantId("acme"), recipient.bytes)).rstrip(b"=").decode()
    signature = sealer.signature("preferences", "acme", recipient, ends)
    holder = links.holder(f"acme.{ends}.{sealed}.{signature}", now)
    assert holder is not None
    assert (holder.recipient_id, holder.issued_ms) == (recipient, 0)
