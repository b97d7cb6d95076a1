"""The preference page in a real browser, without scripts, in languages that read from either side."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from services.compliance.preferences.languages import Languages
from tests.integration.compliance.driver import ComplianceDriver, opened
from tests.integration.compliance.preferences.test_in_a_browser import served
from tests.integration.compliance.preferences.test_pages import link
from tests.parts import chromium

pytestmark = [pytest.mark.connected, pytest.mark.asyncio(loop_scope="module")]
LANGUAGES = Languages.shipped()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all languages."""
    async with chromium() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="module")
async def driver(tmp_path: Path) -> AsyncIterator[ComplianceDriver]:
    async with opened(tmp_path) as driver:
        yield driver


@pytest.mark.parametrize("code", ["es", "fr", "de", "pl", "ar", "ja"])
async def test_a_person_pauses_and_stops_in_the_language_of_their_browser(
    driver: ComplianceDriver, browser: Browser, code: str, tmp_path: Path
) -> None:
    words = LANGUAGES.best(code, "", None).words
    await driver.hear(driver.claim())
    shots = Path(os.environ.get("FOLLOWUP_SCREENSHOTS", tmp_path))
    async with driver.http() as client, served(driver) as address:
        context = await browser.new_context(
            locale=code, java_script_enabled=False, viewport={"width": 390, "height": 844}
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        await page.goto(address + await link(driver, client))
        await expect(page.locator("html")).to_have_attribute("lang", code)
        await expect(page.get_by_role("heading", name=words["heading"])).to_be_visible()
        await page.screenshot(path=shots / f"preferences-{code}.png", full_page=True)
        await page.get_by_role("button", name=words["pause"], exact=True).click()
        await expect(page.get_by_role("status")).to_have_text(words["done_pause"])
        await page.get_by_role("button", name=words["stop_all"], exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text(
            words["done_stop_all"].replace("{brand}", "Acme Coffee")
        )
        await expect(page.get_by_role("button")).to_have_count(0)
        await page.screenshot(path=shots / f"preferences-{code}-stopped.png", full_page=True)
        await context.close()
    assert complaints == []
    assert (await driver.held()).standing.suppression == "opt_out"


async def test_arabic_begins_at_the_right_and_nothing_runs_over_the_edge_in_any_language(
    driver: ComplianceDriver, browser: Browser
) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client, served(driver) as address:
        path = await link(driver, client)
        context = await browser.new_context(viewport={"width": 320, "height": 640})
        page = await context.new_page()
        for language in LANGUAGES:
            await page.goto(f"{address}{path}?lang={language.code}")
            fits = await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert fits, language.code
            heading = await page.locator("h1").evaluate("each => getComputedStyle(each).direction")
            assert heading == language.direction
        await context.close()


async def test_another_language_is_chosen_by_a_link_and_kept_through_a_choice(
    driver: ComplianceDriver, browser: Browser
) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client, served(driver) as address:
        context = await browser.new_context(locale="en-US", java_script_enabled=False)
        page = await context.new_page()
        await page.goto(address + await link(driver, client))
        await page.get_by_role("link", name="Nederlands").click()
        await expect(page.locator("html")).to_have_attribute("lang", "nl")
        await page.get_by_role("button", name="Minder sms'jes").click()
        await expect(page.get_by_role("status")).to_contain_text("hooguit één aanbieding per week")
        await expect(page.get_by_role("link", name="Nederlands")).to_have_attribute("aria-current", "true")
        await context.close()
