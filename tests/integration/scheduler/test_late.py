"""Follow-ups that are sent late, after an outage or quiet hours, keep the planned time between them."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.compliance.gate.advice import advise
from services.scheduler import app
from services.scheduler.release.turn_rules import CATCH_UP, LATE_AFTER
from services.scheduler.tables import state_changes
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.follow_up import (
    FollowUpBlocked,
    FollowUpDeferred,
    FollowUpDue,
    FollowUpLapsed,
    FollowUpMoved,
    Purpose,
)
from shared.testing.clock import START
from tests.integration.scheduler.driver import SchedulerDriver, open_driver

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERIES = """
flow: series
on: custom.series
enter: {once_per: trigger.subject}
steps:
  - wait: 1h
  - {text: one, purpose: transactional, body: One}
  - wait: 1d
  - {text: two, purpose: transactional, body: Two}
  - wait: 2d
  - {text: three, purpose: transactional, body: Three}
"""
MARKETING_SERIES = """
flow: mseries
on: custom.mseries
enter: {once_per: trigger.subject}
steps:
  - wait: 30m
  - {text: one, purpose: marketing, expire_after: 3d, body: M-One}
  - wait: 1h
  - {text: two, purpose: marketing, expire_after: 3d, body: M-Two}
"""
MORNINGS = """
flow: mornings
on: custom.mornings
enter: {once_per: trigger.subject}
steps:
  - wait: {days: 1, then_at: "10:00"}
  - {text: one, purpose: transactional, body: One}
  - wait: {days: 1, then_at: "10:00", on: [mon, tue, wed, thu, fri]}
  - {text: two, purpose: transactional, expire_after: 6h, body: Two}
"""
FLOWS = {"series": SERIES, "mseries": MARKETING_SERIES, "mornings": MORNINGS}
Opened = Callable[..., Any]


def alone(name: str, *, purpose: str = "marketing", wait: str = "1h", more: str = "") -> str:
    """Return a flow of one text."""
    return f"""
flow: {name}
on: custom.{name}
steps:
  - wait: {wait}
  - {{text: only, purpose: {purpose}, expire_after: 30d, body: Only{more}}}
"""


SALES = {name: alone(name) for name in ("spring", "summer", "autumn")}


@pytest.fixture
async def driver(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SchedulerDriver]:
    async with open_driver(tmp_path, flows=getattr(request, "param", FLOWS)) as driver:
        yield driver


async def asked(driver: SchedulerDriver) -> list[str]:
    return [due.step for due in await driver.dues()]


async def went(driver: SchedulerDriver, **changes: Any) -> FollowUpDue:
    """Let the provider take the text that was asked about last."""
    due = (await driver.dues())[-1]
    await driver.hear(driver.answer(DispatchAccepted, due, **changes))
    return due


async def first_dues(driver: SchedulerDriver) -> list[datetime]:
    return [row["first_due_at"] for row in await driver.rows()]


async def test_after_an_outage_of_days_a_series_goes_on_at_its_own_pace(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.series"))
    await driver.fire(days=4)
    assert await asked(driver) == ["one"]
    await went(driver)
    back = driver.clock.now()
    assert (await first_dues(driver))[1:] == [back + DAY, back + 3 * DAY]
    await driver.fire(hours=23, minutes=59)
    assert await asked(driver) == ["one"]
    await driver.fire(minutes=1)
    assert await asked(driver) == ["one", "two"]
    await went(driver)
    await driver.fire(hours=47, minutes=59)
    assert await asked(driver) == ["one", "two"]
    await driver.fire(minutes=1)
    assert await asked(driver) == ["one", "two", "three"]


async def test_texts_that_quiet_hours_held_back_keep_their_hour(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.mseries"))
    opening = START + 12 * HOUR
    for step in ("one", "two"):
        await driver.fire(hours=1, minutes=0 if step == "one" else 30)
        due = (await driver.dues())[-1]
        assert due.step == step
        await driver.hear(driver.answer(FollowUpDeferred, due, until=opening, reason="quiet_hours"))
    driver.clock.advance(seconds=(opening - driver.clock.now()).total_seconds())
    await driver.fire(seconds=20)
    assert (await asked(driver))[2:] == ["one"]
    await went(driver)
    at = driver.clock.now()
    await driver.fire(minutes=59)
    assert (await asked(driver))[2:] == ["one"]
    await driver.fire(minutes=1)
    assert (await asked(driver))[2:] == ["one", "two"]
    assert (await driver.dues())[-1].occurred_at - at == HOUR


async def test_waits_for_an_hour_of_the_day_count_anew_and_the_end_moves_with_them(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.mornings"))
    before = (await driver.rows())[1]
    await driver.fire(days=2, hours=9)
    await went(driver)
    after = (await driver.rows())[1]
    local = datetime.fromisoformat(after["due_local"])
    assert (local.hour, local.minute, local.weekday() < 5) == (10, 0, True)
    assert after["first_due_at"] >= driver.clock.now() + DAY
    assert after["expires_at"] - after["first_due_at"] == before["expires_at"] - before["first_due_at"] == 6 * HOUR


async def test_a_text_that_went_on_time_moves_nothing(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.series"))
    planned = await first_dues(driver)
    await driver.fire(hours=1, minutes=5)
    await went(driver)
    assert await first_dues(driver) == planned


async def test_a_text_that_never_went_moves_nothing_and_an_unanswered_one_does(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.series"))
    planned = await first_dues(driver)
    await driver.fire(days=2)
    due = (await driver.dues())[-1]
    await driver.hear(driver.answer(DispatchFailed, due, accepted=False, reason="refused", error_class="invalid"))
    assert await first_dues(driver) == planned
    await driver.fire(minutes=2)
    due = (await driver.dues())[-1]
    assert due.step == "two"
    await driver.hear(driver.answer(DispatchUnknown, due, reason="no_answer"))
    assert (await first_dues(driver))[2] == driver.clock.now() + 2 * DAY


async def test_the_same_news_again_moves_nothing_twice_and_the_history_says_why(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.series"))
    await driver.fire(days=4)
    due = await went(driver)
    moved = await first_dues(driver)
    accepted = driver.answer(DispatchAccepted, due, occurred_at=driver.clock.now() - HOUR)
    driver.clock.advance(hours=1)
    await driver.hear(accepted, accepted)
    assert await first_dues(driver) == moved
    two = (await driver.rows())[1]
    story = (await driver.get(f"/v1/follow-ups/{two['id']}")).json()
    assert [(each["happening"], each["reason"]) for each in story["changes"]] == [
        ("planned", None),
        ("put_off", "keeps_distance"),
    ]
    assert (story["state"], story["reason"]) == ("pending", "keeps_distance")
    announced = await driver.published(FollowUpMoved)
    assert sorted((each.distance_seconds, each.step, each.reason, each.behind) for each in announced) == [
        (86_400, "two", "keeps_distance", "one"),
        (3 * 86_400, "three", "keeps_distance", "one"),
    ]


async def test_what_moved_survives_a_restart(tmp_path: Path) -> None:
    async with open_driver(tmp_path, flows=FLOWS) as driver:
        await driver.hear(driver.trigger("custom.series"))
        await driver.fire(days=4)
        await went(driver)
        driver.service = app.build(driver.harness.runtime, advise)
        await driver.fire(hours=23)
        assert await asked(driver) == ["one"]
        await driver.fire(hours=1)
        assert await asked(driver) == ["one", "two"]


@pytest.mark.parametrize("driver", [SALES], indirect=True)
async def test_of_the_marketing_of_several_flows_that_was_missed_one_goes_a_day(driver: SchedulerDriver) -> None:
    await driver.hear(*(driver.trigger(f"custom.{name}", subject=name) for name in SALES))
    await driver.fire(days=2)
    assert len(await driver.dues()) == 1
    for count in (1, 2, 3):
        await went(driver)
        for _ in range(3):
            await driver.fire(minutes=2)
        assert len(await driver.dues()) == count
        await driver.fire(hours=24)
        await driver.fire(minutes=2)
    assert {due.flow for due in await driver.dues()} == set(SALES)
    waited = [each for each in await driver.harness.rows(sa.select(state_changes)) if each["happening"] == "put_off"]
    assert {each["reason"] for each in waited} == {"catch_up"}


@pytest.mark.parametrize("driver", [SALES], indirect=True)
async def test_missed_marketing_that_is_refused_leaves_its_place_to_the_next(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.spring"), driver.trigger("custom.summer", subject="other"))
    await driver.fire(days=2)
    await driver.hear(driver.answer(FollowUpBlocked, (await driver.dues())[-1], reason="no_consent"))
    await driver.fire(minutes=2)
    assert {due.flow for due in await driver.dues()} == {"spring", "summer"}


@pytest.mark.parametrize("driver", [SALES], indirect=True)
async def test_marketing_on_time_is_no_catch_up(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.spring"), driver.trigger("custom.summer", subject="other"))
    await driver.fire(hours=1)
    assert len(await driver.dues()) == 2


@pytest.mark.parametrize("driver", [{"spring": alone("spring", more=", if_past: skip")}], indirect=True)
async def test_what_its_flow_wants_only_in_time_is_skipped_after_an_outage(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.spring"))
    await driver.fire(hours=1, minutes=5, seconds=1)
    assert await driver.states() == [("expired", "past_due")]
    assert [(kind, reason) for kind, reason, _ in await driver.endings()] == [("follow-up.expired", "past_due")]
    assert await driver.timers() == []


@pytest.mark.parametrize("driver", [{"spring": alone("spring", more=", if_past: skip")}], indirect=True)
async def test_what_the_gate_put_off_is_not_past(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("custom.spring"))
    await driver.fire(hours=1)
    until = driver.clock.now() + 9 * HOUR
    await driver.hear(driver.answer(FollowUpDeferred, (await driver.dues())[-1], until=until, reason="frequency_cap"))
    await driver.fire(hours=9)
    assert len(await driver.dues()) == 2


async def test_a_text_asked_for_with_skip_is_skipped_when_its_time_passes_in_an_outage(driver: SchedulerDriver) -> None:
    for skip in ("skip", "send"):
        asking = {"to": "+12125550123", "purpose": "transactional", "text": f"Hello, {skip}", "due_in": "1h"}
        assert (await driver.ask(**asking, if_past=skip)).status_code == 202
    await driver.fire(hours=2)
    assert sorted(await driver.states()) == [("expired", "past_due"), ("released", "due")]


async def test_a_sweep_leaves_out_what_is_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLLOWUP_SCHEDULER_BATCH_SIZE", "4")
    flows = {"spring": alone("spring", purpose="transactional", more=", if_past: skip")}
    async with open_driver(tmp_path, flows=flows) as driver:
        people = [f"+1212555{number:04}" for number in range(100, 130)]
        await driver.hear(*(driver.trigger("custom.spring", subject=each, phone=each) for each in people))
        driver.clock.advance(hours=2)
        for _ in range(12):
            await driver.fire(seconds=1)
        assert await driver.states() == [("expired", "past_due")] * 30
        assert await driver.dues() == []


def series(rng: random.Random, name: str) -> str:
    """Return a flow of a few texts, minutes to days apart."""
    steps = []
    for number in range(rng.randint(1, 4)):
        wait = rng.choice(["20m", "45m", "3h", "1d", "2d", '{days: 1, then_at: "10:00"}'])
        purpose = rng.choice(["marketing", "marketing", "transactional"])
        steps.append(f"  - wait: {wait}\n  - {{text: t{number}, purpose: {purpose}, expire_after: 30d, body: B}}\n")
    return f"flow: {name}\non: custom.{name}\nenter: {{once_per: trigger.subject}}\nsteps:\n{''.join(steps)}"


def _answers(driver: SchedulerDriver, rng: random.Random, due: FollowUpDue) -> Any:
    """Return what the others say of a release: mostly that it went."""
    now = driver.clock.now()
    chance = rng.random()
    if chance < 0.6:
        return driver.answer(DispatchAccepted, due)
    if chance < 0.8:
        until = now + rng.choice([timedelta(seconds=30), 3 * HOUR, 12 * HOUR])
        return driver.answer(FollowUpDeferred, due, until=until, reason=rng.choice(["quiet_hours", "frequency_cap"]))
    if chance < 0.9:
        return driver.answer(FollowUpLapsed, due, reason="late")
    if chance < 0.95:
        return driver.answer(DispatchUnknown, due, reason="no_answer")
    return driver.answer(FollowUpBlocked, due, reason="no_consent")


@asynccontextmanager
async def _lived(folder: Path, rng: random.Random) -> AsyncIterator[SchedulerDriver]:
    """Some weeks of some people, with outages in between."""
    names = [f"flow{number}" for number in range(5)]
    async with open_driver(folder, flows={name: series(rng, name) for name in names}) as driver:
        people = [f"+1212555{number:04}" for number in range(100, 112)]
        starts = [(rng.choice(names), phone) for phone in people for _ in range(3)]
        rng.shuffle(starts)
        answered = 0
        for turn in range(70):
            for name, phone in starts[turn * 4 : turn * 4 + 4]:
                await driver.hear(driver.trigger(f"custom.{name}", subject=f"{turn}-{name}", phone=phone))
            hop = rng.choice([timedelta(minutes=1), timedelta(minutes=1), 20 * timedelta(minutes=1), 4 * HOUR])
            driver.clock.advance(seconds=(3 * DAY if rng.random() < 0.05 else hop).total_seconds())
            await driver.fire()
            fresh = (await driver.dues())[answered:]
            answered += len(fresh)
            await driver.hear(*(_answers(driver, rng, due) for due in fresh))
        yield driver


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_outage_no_two_texts_of_a_run_are_closer_than_planned_and_no_run_catches_up_in_a_pile(
    tmp_path: Path, seed: int
) -> None:
    async with _lived(tmp_path, random.Random(seed)) as driver:  # noqa: S311 - made-up lives
        plans = {event.follow_up_id: event for event in await driver.planned()}
        taken = sorted(await driver.published(DispatchAccepted), key=lambda event: event.occurred_at)
        runs: dict[Any, list[DispatchAccepted]] = defaultdict(list)
        for event in taken:
            runs[plans[event.follow_up_id].enrollment_id].append(event)
        pairs = [pair for run in runs.values() for pair in combinations(run, 2)]
        assert len(pairs) > 10
        for first, second in pairs:
            planned = plans[second.follow_up_id].due_at - plans[first.follow_up_id].due_at
            distance = planned if planned > timedelta() else min(-planned, CATCH_UP)
            if "then_at" in flow_of_the_driver(driver, first.flow):
                distance = min(distance, 20 * HOUR)  # an hour of the day, reached from another hour
            assert second.occurred_at - first.occurred_at >= distance - LATE_AFTER, (first.step, second.step)
        rows = {row["id"]: row for row in await driver.rows()}
        late = [
            event
            for event in taken
            if event.purpose is Purpose.MARKETING
            and event.occurred_at > rows[event.follow_up_id]["first_due_at"] + LATE_AFTER
        ]
        assert len(late) > 5
        for first, second in combinations(late, 2):
            is_other_run = rows[first.follow_up_id]["enrollment_id"] != rows[second.follow_up_id]["enrollment_id"]
            if first.recipient_id == second.recipient_id and is_other_run:
                assert second.occurred_at - first.occurred_at >= CATCH_UP


def flow_of_the_driver(driver: SchedulerDriver, name: str) -> str:
    """Return a flow's file."""
    merchant = driver.harness.runtime.merchants.get("acme")
    assert merchant is not None
    return merchant.flows[name].canonical()
