"""The demo's thirty days of history: everything is in them, they are the same each time, and a stop spoils nothing."""

import signal
import sqlite3
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.demo.environment import RunningDemo, running_demo
from services.demo.history.history import HistoryProgress, fill
from services.demo.history.script import MOST_TEXTS
from services.demo.story import Story
from shared.testing.process import Process
from shared.testing.waiting import until
from tests.lived_shop import UNTIL, LivedShop, made, opened

TIMEOUT_SECONDS = 600
"""The first who asks for the lived shop makes it."""
FOUR_DAYS = timedelta(days=4)
_MEASURED = {"unsubscribe_latency"}
"""Figures of real milliseconds, which no seed decides."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LivedShop:
    return made(tmp_path_factory)


async def figures(running: RunningDemo, since: timedelta) -> dict[str, Any]:
    """Return the figures of the time until now, by name."""
    begun = (running.clock.now() - since).isoformat().replace("+00:00", "Z")
    ended = running.clock.now().isoformat().replace("+00:00", "Z")
    answer = await running.actions.client.get(
        "/v1/kpis", params={"from": begun, "to": ended}, headers=running.actions.authorization
    )
    return {each["name"]: each["value"] for each in answer.json()["kpis"] if each["name"] not in _MEASURED}


async def follow_ups(running: RunningDemo) -> list[dict[str, Any]]:
    """Return every follow-up."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await running.actions.read(f"/v1/follow-ups?limit=200{f'&cursor={cursor}' if cursor else ''}")
        found += page["follow_ups"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def states(found: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Return how many follow-ups are in which state, and why."""
    return Counter((each["state"], each["reason"] or "") for each in found)


async def live_four_days(folder: Path, stop_at: int | None = None) -> tuple[dict[str, Any], Counter[tuple[str, str]]]:
    """Let a small shop live for four days, or until so many stops of the clock; return its figures and states."""
    seen: list[HistoryProgress] = []
    async with running_demo(folder, starts_at=UNTIL - FOUR_DAYS) as running:
        assert await Story(running.actions, running.clock.now, lambda _t, _s: None, 60).run() is None
        complete = await fill(
            running,
            UNTIL,
            seen.append,
            span=FOUR_DAYS,
            texts=150,
            is_ending=lambda: stop_at is not None and len(seen) >= stop_at,
        )
        assert complete == (stop_at is None)
        assert [each.done for each in seen] == list(range(1, len(seen) + 1))
        assert (seen[-1].done == seen[-1].of) == complete
        return await figures(running, FOUR_DAYS), states(await follow_ups(running))


@pytest.mark.timeout(TIMEOUT_SECONDS)
async def test_the_same_seed_makes_the_same_shop(tmp_path: Path) -> None:
    first = await live_four_days(tmp_path / "first")
    second = await live_four_days(tmp_path / "first")  # in the same folder: it is emptied, and nothing happens twice
    assert first == second
    assert first[0]["planned"] > 40


@pytest.mark.timeout(TIMEOUT_SECONDS)
async def test_a_stop_in_the_middle_leaves_a_shop_that_works(tmp_path: Path) -> None:
    await live_four_days(tmp_path / "shop", stop_at=60)
    with sqlite3.connect(tmp_path / "shop" / "followup.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    async with running_demo(tmp_path / "again") as fresh:
        kept = fresh.secrets
    async with running_demo(tmp_path / "shop", starts_at=UNTIL, kept=kept) as running:
        story = Story(running.actions, running.clock.now, lambda _t, _s: None, 60)
        running.actions.phone = "+12125550124"
        steps = story.steps()[:6]
        for step in steps:
            if step.act is not None:
                await step.act()
            assert await story._look(step.seen) is not None, step.title


@pytest.mark.timeout(TIMEOUT_SECONDS)
async def test_everything_that_happens_in_a_shop_is_in_its_history(lived: LivedShop, tmp_path: Path) -> None:
    async with opened(lived, tmp_path / "shop") as shop:
        running = shop.running
        planned = await follow_ups(running)
        assert len(planned) <= MOST_TEXTS
        assert {"abandoned-cart", "delivery-check", "refund-notice", "win-back", "answer"} <= {
            each["flow"] for each in planned
        }
        found = states(planned)
        reasons = {reason for _, reason in found}
        assert {"delivered", "blocked", "cancelled", "expired", "failed", "pending"} <= {state for state, _ in found}
        assert {"no_consent", "consent_insufficient", "opted_out", "opt_out", "purchase"} <= reasons
        seen = await figures(running, timedelta(days=31))
        for name in ("delivery_rate", "click_through_rate", "reply_rate", "conversion_rate", "opt_out_rate"):
            assert 0 < seen[name] <= 1, name
        assert seen["revenue"] > 0
        assert seen["deferred"] > 0
        await _inbox_has_something(running)
        await _each_is_there(running)


async def _inbox_has_something(running: RunningDemo) -> None:
    for state in ("needs_review", "unread", "closed"):
        found = await running.actions.read(f"/v1/conversations?state={state}")
        assert found["conversations"], state
    assert (await running.actions.read("/v1/replies/unassigned"))["replies"]


async def _each_is_there(running: RunningDemo) -> None:
    """Check what has a list of its own: controls, flows, and rows of facts."""
    controls = await running.actions.read("/v1/controls?state=all")
    assert {each["scope"]["flow"] for each in controls["controls"]} == {"abandoned-cart"}
    assert all(each["lifted_at"] for each in controls["controls"])
    flows = await running.actions.read("/v1/flows")
    assert len(flows["flows"]) == 7
    for measure in ("erasures", "robot_clicks", "clicks", "opt_outs", "revenue"):
        rows = await running.actions.read(
            f"/v1/facts?measure={measure}&from={(UNTIL - timedelta(days=31)):%Y-%m-%dT%H:%M:%SZ}"
            f"&to={(UNTIL + timedelta(hours=1)):%Y-%m-%dT%H:%M:%SZ}"
        )
        assert rows["rows"], measure


@pytest.mark.timeout(TIMEOUT_SECONDS)
async def test_ctrl_c_in_the_history_ends_the_demo_politely_and_the_story_came_first(tmp_path: Path) -> None:
    demo = Process(["services.cli", "demo", "--port", "0", "--data", str(tmp_path / "demo")], tmp_path / "log")
    await demo.start()

    async def lives() -> bool:
        return not demo.is_running or "lives through" in demo.log.read_text(encoding="utf-8")

    try:
        await until(lives, 120)
        said = demo.log.read_text(encoding="utf-8")
        assert said.index("text on the phone") < said.index("next text refused") < said.index("lives through")
        demo.send(signal.SIGINT)
        assert await demo.ended(60) == 0
    finally:
        await demo.stop(signal.SIGKILL)
    said = demo.log.read_text(encoding="utf-8")
    assert "complete" in said
    assert "Traceback" not in said
