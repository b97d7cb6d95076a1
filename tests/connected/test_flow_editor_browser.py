"""The editor of flows in a browser: mistakes appear while somebody types, and a save comes into force on the page."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from services.demo.environment import running_demo
from tests.connected.test_browser import enter, page_of

pytestmark = pytest.mark.connected
_SLOW = 20_000
"""Milliseconds: the process that checks is started by the first question."""


async def test_mistakes_appear_while_typing_and_a_save_comes_into_force(tmp_path: Path, browser: Browser) -> None:
    async with running_demo(tmp_path / "demo") as running:
        page, complaints = await page_of(browser)
        await enter(page, running)
        await page.goto(f"{running.address}/console/edit-flow?flow=order-thank-you")
        text = await page.input_value("#text")
        await page.fill("#text", text.replace("purpose: marketing", "purpose: marketting"))
        findings = page.locator("#findings")
        await expect(findings).to_contain_text("Did you mean 'marketing'?", timeout=_SLOW)
        await _looks_well(page)
        await page.get_by_role("button", name="purpose: marketting").click()
        chosen = await page.evaluate("document.getSelection().toString()")
        assert chosen.strip() == "purpose: marketting"
        await page.fill("#text", text.replace("purpose: marketing", "purpose: informational"))
        await expect(findings).to_contain_text("No errors", timeout=_SLOW)
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#saved")).to_contain_text("Saved, and in force", timeout=_SLOW)
        await page.get_by_role("link", name="See it").click()
        await expect(page.locator("main")).to_contain_text("informational")
        await _looks_well(page)
        for address in ("/console/flows", "/console/new-flow"):
            await page.goto(running.address + address)
            await _looks_well(page)
        assert complaints == []


async def _looks_well(page: Page) -> None:
    """Check that a screen reader finds its way."""
    found = await Axe().run(page)
    wrong = [each for each in found.response["violations"] if each["impact"] in {"serious", "critical"}]
    assert wrong == [], [(each["id"], each["nodes"][0]["html"]) for each in wrong]
