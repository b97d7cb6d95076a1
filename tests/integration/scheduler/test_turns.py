"""The texts of one run reach the gate in the order they were planned in, whatever the gate says of the first."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.events.dispatch import DispatchAccepted, DispatchFailed
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, FollowUpEvent, FollowUpLapsed
from tests.integration.scheduler.driver import SchedulerDriver, open_driver

TWO_TEXTS = """
flow: order-thank-you
on: purchase
cancel_on:
  - {on: refund, when: event.subject == trigger.subject}
steps:
  - wait: 1s
  - text: thanks
    purpose: transactional
    expire_after: 3d
    body: "Thanks!"
  - wait: 2s
  - text: care
    purpose: transactional
    expire_after: 3d
    body: "On its way."
"""


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[SchedulerDriver]:
    async with open_driver(tmp_path, flows={"order-thank-you": TWO_TEXTS}) as driver:
        yield driver


async def asked(driver: SchedulerDriver) -> list[str]:
    """Return which steps the gate was asked about, in that order."""
    return [due.step for due in await driver.dues()]


async def test_the_second_text_waits_for_the_answer_to_the_first(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await driver.fire(seconds=1)
    await driver.fire(seconds=2)
    assert await asked(driver) == ["thanks"]
    [first] = await driver.dues()
    await driver.hear(driver.answer(DispatchAccepted, first))
    await driver.fire(seconds=1)
    assert await asked(driver) == ["thanks", "care"]


async def test_a_text_that_lets_an_earlier_one_go_first_says_so(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await driver.fire(seconds=1)
    await driver.fire(seconds=2)
    second = (await driver.rows())[1]
    story = (await driver.get(f"/v1/follow-ups/{second['id']}")).json()
    assert (story["state"], story["progress"]["doing"], story["progress"]["waits_for"]) == (
        "pending",
        "waiting",
        "earlier_text",
    )
    assert story["progress"]["until"] is not None


@pytest.mark.parametrize("kind", [FollowUpBlocked, FollowUpLapsed])
async def test_a_first_text_that_the_gate_turned_down_is_asked_about_again_or_waited_for_no_more(
    driver: SchedulerDriver, kind: type[FollowUpEvent]
) -> None:
    await driver.hear(driver.trigger())
    await driver.fire(seconds=3)
    [first] = await driver.dues()
    await driver.hear(driver.answer(kind, first, reason="any"))
    await driver.fire(seconds=1)
    assert await asked(driver) == ["thanks", "care" if kind is FollowUpBlocked else "thanks"]


async def test_a_first_text_that_waits_for_its_consent_is_waited_for(driver: SchedulerDriver) -> None:
    people = [f"+1212555{number:04}" for number in range(100, 130)]
    await driver.hear(*(driver.trigger(subject=each, phone=each) for each in people))
    await driver.fire(seconds=3)
    first = await driver.dues()
    until = driver.clock.now() + timedelta(seconds=4)
    await driver.hear(*(driver.answer(FollowUpDeferred, due, until=until, reason="awaiting_consent") for due in first))
    for _ in range(5):
        await driver.fire(seconds=1)
    assert await asked(driver) == ["thanks"] * 60
    await driver.hear(*(driver.answer(DispatchAccepted, due) for due in (await driver.dues())[30:]))
    await driver.fire(seconds=2)
    assert await asked(driver) == ["thanks"] * 60 + ["care"] * 30


async def test_a_first_text_that_must_wait_for_hours_holds_no_other_up(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await driver.fire(seconds=1)
    [first] = await driver.dues()
    until = driver.clock.now() + timedelta(hours=9)
    await driver.hear(driver.answer(FollowUpDeferred, first, until=until, reason="quiet_hours"))
    await driver.fire(seconds=2)
    assert await asked(driver) == ["thanks", "care"]


async def test_a_second_text_whose_first_is_tried_again_soon_waits_for_that(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await driver.fire(seconds=1)
    [first] = await driver.dues()
    retry_at = driver.clock.now() + timedelta(seconds=90)
    await driver.hear(driver.answer(DispatchFailed, first, accepted=False, reason="busy", retry_at=retry_at))
    await driver.fire(seconds=89)
    assert await asked(driver) == ["thanks"]
    await driver.fire(seconds=1)
    assert await asked(driver) == ["thanks", "thanks"]


async def test_a_text_that_waits_too_long_for_its_turn_expires(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await driver.fire(seconds=1)
    for _ in range(3):
        await driver.fire(days=1, seconds=2)
    assert await asked(driver) == ["thanks"]
    assert await driver.states() == [("expired", "expire_after")] * 2


async def test_a_text_cancelled_while_it_waits_leaves_no_timer(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(subject="order-9"))
    await driver.fire(seconds=1)
    await driver.fire(seconds=2)
    await driver.hear(driver.trigger("refund", subject="order-9"))
    await driver.fire(seconds=60)
    assert await asked(driver) == ["thanks"]
    assert [kind for kind, _ in await driver.timers() if kind == "due"] == []


async def test_texts_put_off_to_the_same_hour_go_in_their_order(driver: SchedulerDriver) -> None:
    people = [f"+1212555{number:04}" for number in range(100, 130)]
    await driver.hear(*(driver.trigger(subject=each, phone=each) for each in people))
    await driver.fire(seconds=1)
    opening = driver.clock.now() + timedelta(hours=9)
    for _ in range(2):
        fresh = [due for due in await driver.dues() if due.occurred_at == driver.clock.now()]
        await driver.hear(*(driver.answer(FollowUpDeferred, due, until=opening, reason="quiet_hours") for due in fresh))
        await driver.fire(seconds=2)
    before = len(await driver.dues())
    await driver.fire(hours=9)
    assert (await asked(driver))[before:] == ["thanks"] * len(people)
