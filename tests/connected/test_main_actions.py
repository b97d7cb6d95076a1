"""The main action of each page, done by a shop's owner in a browser and read back through the API.

One owner works through one shop of thirty days, who signed in by the first user's link. Each test leaves the shop such
that the others can be run alone and in any order: each takes a flow, person or text of its own.
"""

import base64
import csv
import hashlib
import hmac
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Page, expect

import services.console.app
from shared.testing.waiting import until
from tests.connected.test_browser import page_of
from tests.lived_shop import OpenShop
from tests.parts import chromium

pytestmark = [pytest.mark.connected, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
_FLOW = "order-thank-you"
_PASSWORD = "seven quiet beans roast"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner in front of the browser, and the API that says what became of what they did."""

    page: Page
    shop: OpenShop
    complaints: list[str]

    async def open(self, path: str) -> None:
        """Open a page of the console by its address."""
        await self.page.goto(f"{self.shop.running.address}{path}")

    async def api(self, path: str) -> Any:
        """Return what the API answers; the path must be one that answers."""
        answer = await self.shop.running.actions.read(path)
        assert answer is not None, path
        return answer

    async def write_to(self, phone: str) -> str:
        """Let somebody new buy something and receive a text about it; return their number."""
        actions, now = self.shop.running.actions, self.shop.running.clock.now()
        actions.phone = phone
        actions.order_id += 100
        assert (await actions.place_order(number=1, minor=5000, at=now)).is_success
        assert (await actions.enqueue("Your beans are being roasted.", now)).is_success
        await until(lambda: self.texts_on(phone, "being roasted"))
        return phone

    async def texts_on(self, phone: str, words: str) -> list[str]:
        """Return the texts with these words that a virtual phone received from the shop."""
        answer = await self.shop.running.actions.client.get(f"/simulator/phones/{phone}.json")
        texts = answer.json().get("texts", []) if answer.is_success else []
        return [each["body"] for each in texts if each["to"] == phone and words in each["body"]]

    def shown(self) -> UUID:
        """Return the id in the address of the page that is open."""
        return UUID(urlsplit(self.page.url).path.rsplit("/", 1)[-1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(shop_with_history: OpenShop) -> AsyncIterator[Owner]:
    running = shop_with_history.running
    code = await services.console.app.sessions_of(running.application.runtime).first_user_code()
    async with chromium() as browser:
        page, complaints = await page_of(browser)
        await page.goto(f"{running.address}/console/first-user?code={code}")
        await page.get_by_label("Name").fill("olga")
        await page.get_by_label("Password").fill(_PASSWORD)
        await page.get_by_role("button", name="Make me the owner").click()
        await expect(page.get_by_role("heading", level=1).first).to_be_visible()
        yield Owner(page, shop_with_history, complaints)
        assert [each for each in complaints if "422" not in each] == []  # a flow that does not lint


async def test_home_leads_from_what_needs_somebody_to_the_place_where_it_is_done(owner: Owner) -> None:
    counts = await owner.api("/v1/conversations/counts")
    assert counts["needs_review"] > 0, "the history holds replies that a person must read"
    await owner.open("/console")
    await owner.page.get_by_role("main").get_by_role("link", name="Decide").first.click()
    await expect(owner.page.get_by_role("link", name="To decide", exact=True)).to_have_attribute("aria-current", "page")
    assert await owner.page.locator(".talks li").count() == min(30, counts["needs_review"])


async def test_messages_say_why_a_text_did_not_go(owner: Owner) -> None:
    await owner.open("/console/messages")
    await owner.page.get_by_label("State").select_option("blocked")
    await owner.page.get_by_role("button", name="Show").click()
    await owner.page.locator("td[data-label=Text] a").first.click()
    follow_up_id = owner.shown()
    decided = await owner.api(f"/v1/decisions/{follow_up_id}")
    assert decided["decisions"][-1]["decision"] == "block"
    await expect(owner.page.get_by_text("What would have to change", exact=False).first).to_be_visible()


async def test_messages_cancel_the_chosen_text_and_no_other(owner: Owner) -> None:
    await owner.open("/console/messages?state=pending")
    boxes = owner.page.locator("input[name=chosen]")
    planned = await boxes.count()
    assert planned > 1, "the history holds planned texts"
    chosen, kept = [str(await boxes.nth(place).get_attribute("value")) for place in (0, 1)]
    await boxes.first.check()
    await owner.page.get_by_role("button", name="Cancel chosen").click()
    await expect(owner.page.get_by_role("heading", name="1 planned text will be cancelled")).to_be_visible()
    await owner.page.get_by_label("Why").fill("ordered by telephone")
    await owner.page.get_by_role("button", name="Cancel it").click()
    await expect(owner.page.get_by_text("1 text cancelled.")).to_be_visible()
    assert (await owner.api(f"/v1/follow-ups/{chosen}"))["state"] == "cancelled"
    assert (await owner.api(f"/v1/follow-ups/{kept}"))["state"] == "pending"


async def test_people_are_found_by_number_and_opted_out(owner: Owner) -> None:
    phone = await owner.write_to("+12125550161")
    await owner.open("/console/people")
    await owner.page.locator("#who").fill(phone)
    await owner.page.keyboard.press("Enter")
    await expect(owner.page.get_by_role("heading", name="May be written to")).to_be_visible()
    assert "555" not in owner.page.url, "a number stands in no address"
    person = owner.shown()
    await owner.page.locator("summary", has_text="Opt out").click()
    await owner.page.locator("#why-opt_out").fill("asked by telephone")
    await owner.page.get_by_role("button", name="Opt out").click()
    await expect(owner.page.get_by_text("The opt-out is in the ledger")).to_be_visible()
    standing = await owner.api(f"/v1/standings/{person}")
    assert standing["consents"]["informational"]["status"] == "revoked"


async def test_inbox_answers_a_reply_which_arrives_on_the_phone(owner: Owner) -> None:
    phone = await owner.write_to("+12125550162")
    asked = {"text": "Which grind for a moka pot?"}
    await owner.shop.running.actions.client.post(f"/simulator/phones/{phone}/replies", json=asked)
    talk = owner.page.locator(".talk", has_text=asked["text"])

    async def stands_in_the_inbox() -> bool:
        await owner.open("/console/inbox")
        return await talk.count() > 0

    await until(stands_in_the_inbox)
    await talk.click()
    await expect(owner.page.get_by_role("log")).to_contain_text(asked["text"])
    person = owner.shown()
    await owner.page.locator("#text").fill("Medium coarse, a little finer than for a filter.")
    await owner.page.get_by_role("button", name="Send", exact=True).click()
    await expect(owner.page.get_by_role("log")).to_contain_text("a little finer")
    texts = await until(lambda: owner.texts_on(phone, "a little finer"))
    thread = await owner.api(f"/v1/conversations/{person}")
    assert texts == [each["text"] for each in thread["items"] if each["kind"] == "text"][:1]


async def test_a_reply_that_may_be_an_opt_out_is_decided(owner: Owner) -> None:
    await owner.open("/console/inbox?show=needs_review")
    await owner.page.locator(".talk").first.click()
    person = owner.shown()
    await owner.page.get_by_label("Why").fill("she wrote: no more")
    await owner.page.get_by_role("button", name="It was an opt-out").click()
    await expect(owner.page.get_by_role("heading", name="Does this person want no more texts?")).to_be_hidden()

    async def is_opted_out() -> bool:
        standing = await owner.api(f"/v1/standings/{person}")
        return bool(standing["consents"]["marketing"]["status"] == "revoked")

    await until(is_opted_out)


async def test_flows_pause_and_go_on(owner: Owner) -> None:
    await owner.open(f"/console/flows/{_FLOW}")
    await owner.page.get_by_text("Pause or stop…").click()
    await owner.page.locator("#reason").fill("the code is wrong")
    await owner.page.get_by_role("button", name="Pause", exact=True).click()
    await expect(owner.page.get_by_text("This flow is paused")).to_be_visible()
    [control] = (await owner.api("/v1/controls"))["controls"]
    assert (control["action"], control["scope"]["flow"]) == ("pause", _FLOW)
    await owner.page.get_by_text("Resume or stop…").click()
    await owner.page.locator("#reason").fill("mended")
    await owner.page.get_by_role("button", name="Resume", exact=True).click()
    await expect(owner.page.get_by_text("This flow is paused")).to_be_hidden()
    assert (await owner.api("/v1/controls"))["controls"] == []


async def test_a_flow_is_edited_and_what_does_not_lint_is_refused(owner: Owner) -> None:
    before = await owner.api(f"/v1/flows/{_FLOW}/file")
    await owner.open(f"/console/edit-flow?flow={_FLOW}")
    text = owner.page.get_by_role("textbox", name=f"{_FLOW}.yaml")
    written = await text.input_value()
    await text.fill(written.replace("flow:", "flwo:", 1))
    await owner.page.get_by_role("button", name="Save").click()
    await expect(owner.page.get_by_text("line 1").first).to_be_visible()
    assert await owner.api(f"/v1/flows/{_FLOW}/file") == before
    await text.fill(f"{written.rstrip()}\n# reviewed\n")
    await owner.page.get_by_role("button", name="Save").click()
    await expect(owner.page.locator("#saved")).to_be_visible()
    assert "# reviewed" in (await owner.api(f"/v1/flows/{_FLOW}/file"))["text"]


async def test_everything_is_stopped_after_saying_how_many_and_resumed(owner: Owner) -> None:
    await owner.open("/console/controls")
    await owner.page.get_by_role("radio", name="Pause").check()
    await owner.page.get_by_label("Which texts").select_option("merchant:")
    await owner.page.get_by_label("Why", exact=True).fill("inventory")
    await owner.page.get_by_label("Until").fill("2026-12-24T08:00")
    await owner.page.get_by_role("button", name="Continue").click()
    await expect(owner.page.get_by_role("heading", name="1 in force")).to_be_visible()
    [control] = (await owner.api("/v1/controls"))["controls"]
    assert control["until"] == "2026-12-24T13:00:00Z", "eight in New York"
    await owner.page.get_by_placeholder("Why it may go on").fill("counted")
    await owner.page.get_by_role("button", name="Resume").click()
    await expect(owner.page.get_by_role("heading", name="Nothing is paused or stopped")).to_be_visible()
    assert (await owner.api("/v1/controls"))["controls"] == []


async def test_results_show_revenue_by_flow_and_export_it(owner: Owner, tmp_path: Path) -> None:
    await owner.open("/console/results?by=flow&period=30d")
    async with owner.page.expect_download() as begun:
        await owner.page.get_by_role("link", name="CSV by flow").click()
    file = tmp_path / "figures.csv"
    await (await begun.value).save_as(file)
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    earned = [row for row in rows if row["figure"] == "revenue" and row["currency"]]
    assert earned, "the history holds purchases"
    for row in earned:
        shown = await owner.page.get_by_role("row", name=row["flow"]).inner_text()
        assert f"{int(row['value']) / 100:,.2f}" in shown


async def test_settings_add_a_person_who_then_signs_in_and_may_only_look(owner: Owner) -> None:
    await owner.open("/console/settings")
    await owner.page.get_by_label("Name", exact=True).fill("vera")
    await owner.page.get_by_label("Role").select_option("viewer")
    await owner.page.get_by_label("First password").fill(_PASSWORD)
    await owner.page.get_by_role("button", name="Add", exact=True).click()
    await expect(owner.page.get_by_role("button", name="Remove vera")).to_be_visible()
    browser = owner.page.context.browser
    assert browser is not None
    other, _ = await page_of(browser)
    await other.goto(f"{owner.shop.running.address}/console/sign-in")
    await other.get_by_label("Name").fill("vera")
    await other.get_by_label("Password").fill(_PASSWORD)
    await other.get_by_role("button", name="Sign in").first.click()
    await expect(other.get_by_text("every one accounted for")).to_be_visible()
    await expect(other.get_by_role("link", name="Inbox")).to_have_count(0)
    await owner.page.get_by_role("button", name="Remove vera").click()
    await owner.page.get_by_role("button", name="Remove", exact=False).first.click()
    await other.reload()
    await expect(other.get_by_role("button", name="Sign in").first).to_be_visible()


async def test_consent_forgets_a_person_and_shows_the_certificate(owner: Owner) -> None:
    phone = await owner.write_to("+12125550163")
    await owner.open("/console/consent")
    await owner.page.locator("#erasures-to").fill(phone)
    await owner.page.get_by_text("I know that this cannot be undone").click()
    await owner.page.get_by_role("button", name="Forget them").click()
    await expect(owner.page.get_by_role("heading", name="Certificate of an erasure")).to_be_visible()

    async def is_whole() -> bool:
        await owner.page.reload()
        return await owner.page.get_by_role("heading", name="Complete").is_visible()

    await until(is_whole)
    await expect(owner.page.get_by_text("the ledger verifies")).to_be_visible()
    standing = await owner.shop.running.actions.ask("/v1/recipients/standing", {"to": phone})
    assert standing["suppressed"] == "erased"


async def test_consents_are_imported_from_a_file(owner: Owner) -> None:
    rows = (
        "phone,scope,event,level,captured_at,disclosure\n"
        '+12125550171,marketing,imported,pewc,2026-01-05T10:00:00Z,"Yes, text me offers."\n'
        "+12125550172,marketing,imported,,,\n"
    )
    await owner.open("/console/consent")
    await owner.page.get_by_role("link", name="Import consents").click()
    file: FilePayload = {"name": "list.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    await owner.page.locator("#file").set_input_files(file)
    await owner.page.get_by_role("button", name="Upload and try").click()
    await expect(owner.page.get_by_role("heading", name="Ready to be imported")).to_be_visible()
    await expect(owner.page.get_by_role("row", name="no proof")).to_be_visible()
    await owner.page.get_by_role("button", name="Record 1 row").click()
    await expect(owner.page.get_by_role("heading", name="Imported")).to_be_visible()
    newest = (await owner.api("/v1/consents?limit=1"))["entries"][0]
    assert (newest["act"], newest["level"], newest["source"]) == ("imported", "pewc", "list.csv")


async def test_sources_discard_what_could_not_be_read(owner: Owner) -> None:
    actions = owner.shop.running.actions
    body = b'{"id": "no order of a shop"}'
    signature = base64.b64encode(hmac.digest(actions.secrets.shopify.encode(), body, hashlib.sha256)).decode()
    at = owner.shop.running.clock.now().isoformat()
    headers = {"Content-Type": "application/json", "X-Shopify-Topic": "orders/create", "X-Shopify-Triggered-At": at}
    headers |= {"X-Shopify-Hmac-Sha256": signature, "X-Shopify-Shop-Domain": "acme-coffee.myshopify.com"}
    headers |= {"X-Shopify-Event-Id": "unreadable", "X-Shopify-Webhook-Id": "unreadable"}
    headers |= {"X-Shopify-API-Version": "2026-10"}
    await actions.client.post("/v1/webhooks/shopify/acme", content=body, headers=headers)
    before = (await owner.api("/v1/quarantine"))["deliveries"]
    await owner.open("/console/sources")
    await owner.page.locator("input[name=delivery]").first.check()
    await owner.page.get_by_label("Why it need not be read").fill("a test of the platform")
    await owner.page.get_by_role("button", name="Discard the chosen").click()
    await expect(owner.page.get_by_text("1 delivery was discarded.")).to_be_visible()
    after = (await owner.api("/v1/quarantine"))["deliveries"]
    assert len(after) == len(before) - 1


async def test_deliverability_counts_what_the_api_counts(owner: Owner) -> None:
    await owner.open("/console/deliverability")
    numbers = await owner.api("/v1/numbers")
    for each in numbers["numbers"]:
        assert each["number"][-4:] in await owner.page.get_by_role("main").inner_text()
