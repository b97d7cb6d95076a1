"""Sender numbers: their rate, their halts, and what becomes of what waits for them."""

import asyncio
from collections import deque
from datetime import timedelta
from pathlib import Path

import pytest

from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.numbers.health import NumberHealth
from shared.events.dispatch import DispatchFailed, ErrorClass
from shared.events.follow_up import FollowUpLapsed
from shared.testing import make_sender
from tests.integration.sender.driver import SenderDriver


@pytest.mark.parametrize("driver", [{"rate": 1}], indirect=True)
async def test_a_number_never_sends_more_parts_a_second_than_it_may(driver: SenderDriver) -> None:
    await driver.hear(*(driver.cleared(n, phone=f"+1212555012{n}") for n in range(4)))
    for _ in range(30):
        await driver.send()
        driver.clock.advance(seconds=0.1)
    assert driver.provider.calls == 3


async def test_a_throttled_number_rests_as_long_as_the_provider_says(driver: SenderDriver) -> None:
    driver.provider.script = deque(["throttle"])
    await driver.hear(driver.cleared(1), driver.cleared(2, phone="+12125550124"))
    driver.sender.calls._most = 1
    await driver.send()
    for _ in range(6):
        driver.clock.advance(seconds=1)
        await driver.send()
    assert driver.provider.calls == 1
    driver.clock.advance(seconds=1.1)
    await driver.send()
    await driver.send()
    assert len(driver.provider.texts) == 2
    assert await driver.published(DispatchFailed) == []


async def test_a_wrong_token_halts_the_number_and_loses_no_text(driver: SenderDriver) -> None:
    driver.provider.script = deque(["refuse:20003"])
    await driver.hear(driver.cleared(1), driver.cleared(2, phone="+12125550124"))
    driver.sender.calls._most = 1
    await driver.send()
    driver.restarted()
    driver.clock.advance(minutes=9, seconds=30)
    await driver.send()
    assert driver.provider.calls == 1
    assert len(await driver.published(FollowUpLapsed)) == 2
    assert await driver.published(DispatchFailed) == []


def allowance(health: NumberHealth, driver: SenderDriver) -> int | None:
    return health.breaker(make_sender.SENDER_NUMBER).allowance(driver.clock.now())


async def test_a_number_that_one_replica_found_halted_is_halted_for_the_others_too(driver: SenderDriver) -> None:
    other = NumberHealth(driver.harness.runtime.units)
    await other.refresh()
    assert allowance(other, driver) is None
    driver.provider.script = deque(["refuse:20003"])
    await driver.hear(driver.cleared())
    await driver.send()
    await other.refresh()
    assert allowance(other, driver) is None, "it looks from time to time, not all the time"
    driver.clock.advance(seconds=6)
    await other.refresh()
    assert allowance(other, driver) == 0


async def test_a_dead_provider_is_tried_less_and_less(driver: SenderDriver) -> None:
    await driver.provider.stop()
    await driver.hear(*(driver.cleared(n, phone=f"+121255501{n:02}") for n in range(20)))
    driver.sender.calls._most = 1
    for _ in range(12):
        await driver.send()
    attempts = await driver.attempts()
    assert len(attempts) == 5
    assert {(a["state"], a["reason"]) for a in attempts} == {("not_sent", "connection_refused")}


@pytest.mark.parametrize("driver", [{"registration": "unregistered"}], indirect=True)
async def test_an_unregistered_number_is_refused_before_the_provider_does(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    (failed,) = await driver.published(DispatchFailed)
    assert failed.error_class is ErrorClass.SENDER_UNREGISTERED
    assert driver.provider.calls == 0


@pytest.mark.parametrize("minutes", [0, 9.5])
async def test_a_text_whose_number_left_the_files_ends_and_is_not_asked_about_for_ever(
    driver: SenderDriver, minutes: float
) -> None:
    await driver.hear(driver.cleared(sender_number="+12025550199"))
    driver.clock.advance(minutes=minutes)
    await driver.send()
    assert await driver.published(FollowUpLapsed) == []
    assert [failed.reason for failed in await driver.published(DispatchFailed)] == ["sender_unknown"]
    assert [row["state"] for row in await driver.dispatches()] == ["failed"]


async def test_a_text_whose_number_stays_halted_lapses_for_a_day_and_then_ends(driver: SenderDriver) -> None:
    planned_for = driver.clock.now()
    for release, hours in enumerate((1, 23, 25), start=1):
        driver.clock.advance(seconds=(planned_for + timedelta(hours=hours) - driver.clock.now()).total_seconds())
        soon = driver.clock.now() + timedelta(seconds=20)
        await driver.hear(driver.cleared(first_due_at=planned_for, valid_until=soon, release=release))
        driver.sender.dispatcher._numbers._breakers[make_sender.SENDER_NUMBER] = Breaker(BreakerState.HALTED)
        await driver.send()
    assert len(await driver.published(FollowUpLapsed)) == 2
    assert {lapsed.reason for lapsed in await driver.published(FollowUpLapsed)} == {"sender_halted"}
    assert [failed.reason for failed in await driver.published(DispatchFailed)] == ["sender_halted"]


async def test_a_changed_file_takes_effect_and_an_unchanged_account_keeps_its_connections(
    driver: SenderDriver, tmp_path: Path
) -> None:
    before = driver.sender.providers.provider("acme", "main")
    make_sender.merchants_folder(tmp_path, driver.provider.base_url, rate=7)
    assert driver.harness.runtime.merchants.reload_if_changed()
    assert driver.sender.providers.provider("acme", "main") is before
    make_sender.merchants_folder(tmp_path, driver.provider.base_url, sid="AC" + "1" * 32)
    assert driver.harness.runtime.merchants.reload_if_changed()
    assert driver.sender.providers.provider("acme", "main") is not before


async def test_a_held_number_makes_one_trial_call_at_a_time(driver: SenderDriver) -> None:
    driver.provider.script = deque(["refuse:20003", "accept_then_hang"])
    first = [driver.cleared(n, phone=f"+121255501{n:02}") for n in range(4)]
    await driver.hear(*first)
    driver.sender.calls._most = 1
    await driver.send()
    driver.sender.calls._most = 4
    driver.clock.advance(minutes=15)
    renewed = [
        driver.cleared(n, phone=f"+121255501{n:02}", release=2, follow_up_id=each.follow_up_id)
        for n, each in enumerate(first)
    ]
    await driver.sender.dispatcher.step()
    await driver.hear(*renewed)
    for _ in range(5):
        await driver.sender.dispatcher.step()
        await asyncio.sleep(0.05)
    assert driver.provider.calls == 2
    await driver.provider.stop()
