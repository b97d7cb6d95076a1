"""The console and the virtual phone in a real browser, as a shop owner and a customer see them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from services.demo.environment import PHONE, RunningDemo, running_demo
from services.demo.story import Story

pytestmark = pytest.mark.connected


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[tuple[RunningDemo, Story]]:
    """An application in which the demo's story has happened."""
    async with running_demo(tmp_path / "demo") as running:
        story = Story(running.actions, running.clock.now, lambda _title, _sentence: None, 20)
        assert await story.run() is None
        yield running, story


async def page_of(browser: Browser, *, scripts: bool = True, **options: Any) -> tuple[Page, list[str]]:
    """Return a page, and the list that collects what its console complains of; `options` are the browser context's."""
    context = await browser.new_context(java_script_enabled=scripts, **options)
    page = await context.new_page()
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


async def enter(page: Page, running: RunningDemo) -> None:
    """Sign in by a code, as the address that the demo prints does."""
    made = await running.actions.ask("/console/codes", {})
    await page.goto(f"{running.address}{made['path']}")
    await page.get_by_role("button", name="Sign in").click()


async def test_a_shop_owner_signs_in_sees_what_happens_and_opens_a_story(
    demo: tuple[RunningDemo, Story], browser: Browser
) -> None:
    running, story = demo
    page, complaints = await page_of(browser)
    await page.goto(f"{running.address}/console")
    await page.get_by_text("Sign in with an API key instead").click()
    await page.get_by_label("API key").fill(running.secrets.api_key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("every one accounted for")).to_be_visible()
    await expect(page.get_by_text("62.00").first).to_be_visible()
    assert running.secrets.api_key not in page.url
    await page.goto(f"{running.address}/console/follow-ups/{story.observed.follow_up_id}")
    for sentence in ("A purchase was made", "Cleared", "Delivered", "Clicked", "Opted out"):
        await expect(page.get_by_text(sentence, exact=False).first).to_be_visible()
    await page.goto(f"{running.address}/console/follow-ups/{story.observed.refused_id}")
    await expect(page.get_by_text("opted out", exact=False).first).to_be_visible()
    assert complaints == []
    assert PHONE not in await page.content()


async def test_the_console_shows_a_new_text_without_being_reloaded(
    demo: tuple[RunningDemo, Story], browser: Browser
) -> None:
    running, _ = demo
    page, complaints = await page_of(browser)
    await enter(page, running)
    await expect(page.get_by_text("6 follow-ups, every one accounted for")).to_be_visible()
    running.actions.phone = "+12125550144"
    running.actions.order_id += 100
    answer = await running.actions.place_order(number=3, minor=5000, at=running.clock.now())
    assert answer.is_success
    await expect(page.get_by_text("8 follow-ups, every one accounted for")).to_be_visible(timeout=10_000)
    assert complaints == []


async def test_the_console_works_without_javascript(demo: tuple[RunningDemo, Story], browser: Browser) -> None:
    running, _ = demo
    page, _ = await page_of(browser, scripts=False)
    await enter(page, running)
    await expect(page.get_by_text("every one accounted for")).to_be_visible()


async def test_a_person_answers_on_the_virtual_phone(demo: tuple[RunningDemo, Story], browser: Browser) -> None:
    running, _ = demo
    page, complaints = await page_of(browser)
    await page.goto(f"{running.address}/simulator")
    await page.get_by_text("555-0123").first.click()
    await expect(page.get_by_text("Thanks Ana!")).to_be_visible()
    await page.get_by_role("button", name="HELP").click()
    await expect(page.get_by_text("help@acme.example", exact=False).first).to_be_visible(timeout=10_000)
    assert complaints == []
