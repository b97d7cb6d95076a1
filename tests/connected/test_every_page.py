"""Every page a shop owner can open fits its window, on a desktop and on a phone, and shows no raw units."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from services.demo.environment import PHONE, RunningDemo, running_demo
from services.demo.story import Story
from services.metrics.domain.rollups import Measure
from shared.http.auth import MERCHANT_HEADER
from tests.connected.test_browser import page_of

pytestmark = pytest.mark.connected
PHONE_WIDTH = 390
WIDTHS = (1280, PHONE_WIDTH)
SETTINGS = ("", "invitations", "sign-in", "keys", "files", "audit", "health")
_ZONE = re.compile(r"[A-Z][a-z]+/[A-Z]\w+")
_TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (e) => e && (getComputedStyle(e).overflowX === 'auto' || scrolls(e.parentElement));
  const hidden = (e) => e && (getComputedStyle(e).position === 'absolute' || hidden(e.parentElement));
  const found = [];
  if (document.documentElement.scrollWidth > wide) found.push('page ' + document.documentElement.scrollWidth);
  for (const e of document.querySelectorAll('body *:not(svg *)')) {
    if (scrolls(e.parentElement) || hidden(e)) continue;
    const box = e.getBoundingClientRect();
    if (box.width && (box.right > wide + 1 || box.left < -1)) found.push('edge ' + e.tagName + '.' + e.className);
    const style = getComputedStyle(e);
    const cut = style.overflowX !== 'visible' || style.whiteSpace === 'nowrap';
    if (cut && style.overflowX !== 'auto' && e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
      found.push('cut off ' + e.tagName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 40));
  }
  return found;
}"""
_TOO_SMALL = """() => [...document.querySelectorAll('.tile .value, .states dd, .rows h1 b, td.number')]
  .filter((e) => e.scrollWidth > e.clientWidth + 1 || e.parentElement.scrollWidth > e.parentElement.clientWidth + 1)
  .map((e) => e.textContent)"""

_GROWN = """() => {
  const figures = ['1,234,567.00', '100.0', '1,234,567,890', '12,345,678', '−1,234,567', '23'];
  document.querySelectorAll('.tile .value').forEach((e, i) => {
    const figure = figures[i % figures.length];
    e.firstChild.textContent = figure;
    e.className = 'value' + (figure.length > 8 ? ' longer' : figure.length > 6 ? ' long' : '');
  });
  document.querySelectorAll('.states dd:not(.fine)').forEach((e) => { e.textContent = '1,234,567'; });
}"""
"""The first page as a shop with millions sees it."""


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[tuple[RunningDemo, Story]]:
    async with running_demo(tmp_path / "demo") as running:
        story = Story(running.actions, running.clock.now, lambda _title, _sentence: None, 20)
        assert await story.run() is None
        yield running, story


def addresses(story: Story) -> dict[str, str]:
    """Return every page by name."""
    window = "from=2026-01-01T00:00:00Z&to=2027-06-01T00:00:00Z"
    return {
        **{f"now-{span}": f"/console?span={span}" for span in ("24h", "7d", "30d")},
        **{
            f"rows-{measure}": f"/console/rows?measure={measure}&{window}"
            for measure in Measure
            if measure is not Measure.IN_STATE
        },
        "story-delivered": f"/console/follow-ups/{story.observed.follow_up_id}",
        "story-refused": f"/console/follow-ups/{story.observed.refused_id}",
        "messages": "/console/messages",
        "messages-filtered": "/console/messages?state=blocked&from=2026-01-01&to=2026-01-31",
        "people": "/console/people",
        "controls": "/console/controls",
        "deliverability": "/console/deliverability",
        "sources": "/console/sources",
        "parked": "/console/parked",
        "notifications": "/console/notifications",
        "flows": "/console/flows",
        "flow": "/console/flows/order-thank-you",
        "flow-new": "/console/new-flow",
        "flow-edit": "/console/edit-flow?flow=order-thank-you",
        **{f"results-{by}": f"/console/results?by={by}" for by in ("flow", "number", "day")},
        "inbox": "/console/inbox?show=closed",
        "consent": "/console/consent",
        "consent-check": "/console/consent/check",
        "consent-import": "/console/consent/import",
        "inbox-unassigned": "/console/inbox/unassigned",
        "saved-answers": "/console/saved-answers",
        **{f"settings-{tab or 'users'}": f"/console/settings{tab and '/' + tab}" for tab in SETTINGS},
        "missing": "/console/follow-ups/00000000-0000-4000-8000-000000000000",
        "simulator": "/simulator",
        "docs": "/docs",
    }


async def enter_as_owner(page: Page, running: RunningDemo) -> None:
    """Sign in by name: a key opens some pages to nobody."""
    given = {"name": "olga", "role": "owner", "password": "seven quiet beans roast"}
    headers = {"Authorization": f"Bearer {running.application.operator_token}", MERCHANT_HEADER: "acme"}
    made = await running.actions.client.post("/console/users", json=given, headers=headers)
    assert made.status_code in {201, 409}, made.text  # an earlier test of the module may have made her
    await page.goto(f"{running.address}/console/sign-in")
    await page.get_by_label("Name").fill(given["name"])
    await page.get_by_label("Password").fill(given["password"])
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{running.address}/console")


async def invited(running: RunningDemo) -> str:
    """Return the address of the page of a new invitation."""
    headers = {"Authorization": f"Bearer {running.application.operator_token}", MERCHANT_HEADER: "acme"}
    made = await running.actions.client.post("/console/invitations", json={"role": "viewer"}, headers=headers)
    assert made.status_code in {201, 409}, made.text  # an earlier test of the module may have made her
    return f"/console/join?{str(made.json()['link']).partition('?')[2]}"


async def look(page: Page, running: RunningDemo, name: str, address: str, width: int) -> list[str]:
    """Open a page and return what is wrong with it."""
    await page.goto(running.address + address)
    if shots := os.environ.get("FOLLOWUP_SCREENSHOTS"):
        await page.screenshot(path=Path(shots) / f"{name}-{width}.png", full_page=name != "docs")
    wrong = [*await page.evaluate(_TOO_WIDE), *await page.evaluate(_TOO_SMALL)]
    if name.startswith("rows"):
        shown = _ZONE.sub("", await page.inner_text("main"))
        wrong += re.findall(r"\w+_\w+", shown)
        wrong += re.findall(r"\d{4}-\d\d-\d\dT", shown)
    may_name_it = {"simulator", "docs"}  # the API's examples do
    assert PHONE not in await page.content() or name in may_name_it
    return [f"{name} at {width}: {each}" for each in wrong]


async def test_every_page_of_a_young_shop_fits_a_phone(demo: tuple[RunningDemo, Story], browser: Browser) -> None:
    """A shop with history is looked at in both widths, in `test_shop_with_history`."""
    running, story = demo
    page, complaints = await page_of(browser)
    await enter_as_owner(page, running)
    wrong = []
    await page.set_viewport_size({"width": PHONE_WIDTH, "height": 900})
    for name, address in addresses(story).items():
        wrong += await look(page, running, name, address, PHONE_WIDTH)
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        await page.goto(f"{running.address}/console")
        await page.evaluate(_GROWN)
        wrong += [f"large figures at {width}: {each}" for each in await page.evaluate(_TOO_SMALL)]
    (stranger, _), link = await page_of(browser), await invited(running)
    for width in WIDTHS:
        await stranger.set_viewport_size({"width": width, "height": 900})
        for name, address in {"sign-in": "/console/sign-in", "join": link, "no-join": "/console/join"}.items():
            wrong += await look(stranger, running, name, address, width)
    assert wrong == [], "\n".join(wrong)
    assert [each for each in complaints if "404" not in each] == []
