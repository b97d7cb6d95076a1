"""Pages on a shop of thirty days: what a shop owner sees there fits the window, and nothing looks broken."""

from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from services.demo.story import Story
from tests.connected.test_browser import page_of
from tests.connected.test_every_page import addresses, enter_as_owner, look
from tests.lived_shop import OpenShop
from tests.parts import chromium

pytestmark = [pytest.mark.connected, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def addresses_of(shop: OpenShop) -> dict[str, str]:
    """Return the console's pages, with somebody's who wrote, by name."""
    running, lived = shop.running, shop.lived
    story = Story(running.actions, running.clock.now, lambda _title, _sentence: None, 20)
    story.observed.follow_up_id, story.observed.refused_id = lived.follow_up_id, lived.refused_id
    somebody = (await running.actions.read("/v1/conversations"))["conversations"][0]["recipient_id"]
    own = {"person": f"/console/people/{somebody}", "thread": f"/console/inbox/{somebody}"}
    return addresses(story) | own


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_every_page_fits_and_axe_has_no_serious_finding(
    shop_with_history: OpenShop, width: int, scheme: Literal["light", "dark"]
) -> None:
    running = shop_with_history.running
    pages = await addresses_of(shop_with_history)
    wrong: list[str] = []
    async with chromium() as browser:
        page, complaints = await page_of(browser, color_scheme=scheme, viewport={"width": width, "height": 900})
        await enter_as_owner(page, running)
        for name, address in pages.items():
            wrong += await look(page, running, name, address, width)
            if name.startswith(("rows-", "simulator", "docs")):
                continue
            violations = (await Axe().run(page)).response["violations"]
            wrong += [
                f"{name}: {each['id']} ({each['impact']}) {each['nodes'][0]['html'][:200]}"
                for each in violations
                if each["impact"] in {"serious", "critical"}
            ]
    assert wrong == [], "\n".join(wrong)
    assert [each for each in complaints if "404" not in each] == []


async def test_a_month_stands_in_the_charts(shop_with_history: OpenShop) -> None:
    running = shop_with_history.running
    async with chromium() as browser:
        page, _ = await page_of(browser)
        await enter_as_owner(page, running)
        await page.goto(f"{running.address}/console?span=30d")
        await expect(page.get_by_text("every one accounted for")).to_be_visible()
        await expect(page.get_by_text("There is no record that this person agreed").first).to_be_visible()
