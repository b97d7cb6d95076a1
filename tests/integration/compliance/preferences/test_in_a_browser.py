"""The preference page in a real browser, without scripts, with a screen reader, and in dark mode."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, expect

from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.telemetry.health import Health
from tests.integration.compliance.driver import ComplianceDriver
from tests.integration.compliance.preferences.test_pages import link
from tests.integration.engines import only_on_sqlite

pytestmark = [pytest.mark.connected, only_on_sqlite("the page is the same")]


@asynccontextmanager
async def served(driver: ComplianceDriver) -> AsyncIterator[str]:
    """Serve compliance on a free port, and yield the address."""
    runtime = driver.harness.runtime
    keys = Keys(runtime.merchants, RateLimit(1000, driver.clock))
    web = create_app("compliance", driver.service.routers, keys=keys, health=Health(), max_body_bytes=100_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(web, log_config=None, access_log=False))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await task


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_person_pauses_and_then_stops_without_scripts(
    driver: ComplianceDriver, browser: Browser, scheme: str, tmp_path: Path
) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client, served(driver) as address:
        path = await link(driver, client)
        context = await browser.new_context(
            java_script_enabled=False,
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": 390, "height": 844},
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        shots = Path(os.environ.get("FOLLOWUP_SCREENSHOTS", tmp_path))
        await page.goto(address + path)
        await expect(page.get_by_role("heading", name="Your text messages")).to_be_visible()
        await page.screenshot(path=shots / f"preferences-{scheme}.png", full_page=True)
        await page.get_by_role("button", name="Pause for 30 days").click()
        await expect(page.get_by_role("status")).to_contain_text("No offers until the pause is over")
        await expect(page.get_by_text("Paused until 31 December 2026")).to_be_visible()
        await page.screenshot(path=shots / f"preferences-{scheme}-paused.png", full_page=True)
        await page.get_by_role("button", name="Stop all texts").click()
        await expect(page.get_by_role("status")).to_contain_text("will not text you any more")
        await expect(page.get_by_role("button")).to_have_count(0)
        await page.screenshot(path=shots / f"preferences-{scheme}-stopped.png", full_page=True)
        await context.close()
    assert complaints == []
    assert (await driver.held()).standing.suppression == "opt_out"


async def test_every_button_can_be_reached_by_keyboard_and_says_what_it_does(
    driver: ComplianceDriver, browser: Browser
) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client, served(driver) as address:
        page = await (await browser.new_context()).new_page()
        await page.goto(address + await link(driver, client))
        reached = []
        for _ in range(4):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.textContent"))
            described = await page.evaluate("document.activeElement.getAttribute('aria-describedby')")
            assert await page.locator(f"#{described}").inner_text()
        assert reached == ["Pause for 30 days", "Fewer texts", "Stop offers", "Stop all texts"]
        wide = await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert wide
        await page.context.close()
