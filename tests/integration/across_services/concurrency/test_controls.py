"""A control beside the transactions that were under way when it came: it is certain only once they have ended."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import services.scheduler.controls.store
import services.sender.sending.intents
from services.compliance.gate.advice import advise
from services.scheduler import app
from services.scheduler.tables import paused
from shared.events.control import ControlChanged, ControlObeyed
from shared.events.follow_up import FollowUpCancelled
from shared.testing.clock import START
from shared.testing.waiting import until
from tests.integration.scheduler.driver import SchedulerDriver, open_driver
from tests.integration.scheduler.test_controls import FLOW, change, loop_of, pause, shown, work
from tests.integration.sender.driver import open_driver as open_sender
from tests.integration.sender.test_controls import control, obey

LONG_ENOUGH_SECONDS = 0.4
"""For a unit that waits for nobody to commit, many times over."""


class Held:
    """A call inside a transaction that a test holds where it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.is_reached, self.may_go_on = asyncio.Event(), asyncio.Event()
        self._call: Callable[..., Coroutine[Any, Any, Any]] = getattr(module, name)
        monkeypatch.setattr(module, name, self._held)

    async def _held(self, *arguments: Any, **named: Any) -> Any:
        self.is_reached.set()
        await self.may_go_on.wait()
        return await self._call(*arguments, **named)


async def test_an_intent_that_began_before_a_control_makes_the_answer_wait_and_is_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_sender(tmp_path) as driver:
        held = Held(monkeypatch, services.sender.sending.intents, "_write")
        await driver.hear(driver.cleared())
        sending = asyncio.create_task(driver.send())
        await held.is_reached.wait()
        await driver.hear(control("pause"))
        answering = asyncio.create_task(obey(driver))
        await asyncio.sleep(LONG_ENOUGH_SECONDS)
        assert await driver.published(ControlObeyed) == []
        driver.clock.advance(seconds=5)
        held.may_go_on.set()
        await asyncio.gather(sending, answering)
        assert driver.provider.calls == 1
        obeyed = await driver.published(ControlObeyed)
        assert [event.occurred_at for event in obeyed] == [START + timedelta(seconds=5)]
        await driver.hear(driver.cleared(2, phone="+12125550199"))
        await driver.send()
        assert driver.provider.calls == 1


async def test_a_text_that_began_to_wait_in_the_last_moment_of_a_pause_goes_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_driver(tmp_path) as driver:
        held = Held(monkeypatch, services.scheduler.controls.store, "pause")
        await driver.hear(driver.trigger())
        await pause(driver, FLOW, until=(START + timedelta(hours=2)).isoformat())
        releasing = asyncio.create_task(driver.fire(hours=1))
        await held.is_reached.wait()
        driver.clock.advance(hours=1)
        working = asyncio.create_task(work(driver))
        await asyncio.sleep(LONG_ENOUGH_SECONDS)
        held.may_go_on.set()
        await asyncio.gather(releasing, working)
        assert await driver.harness.rows(sa.select(paused)) == []
        await driver.fire()
        assert [due.step for due in await driver.dues()] == ["thanks"]


async def test_a_resume_waits_for_what_a_stop_is_cancelling_and_nothing_is_cancelled_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_driver(tmp_path) as driver:
        held = Held(monkeypatch, services.scheduler.controls.store, "follow_ups_after")
        await driver.hear(driver.trigger())
        await change(driver, "stop", FLOW)
        working = asyncio.ensure_future(loop_of(driver.service)())
        await held.is_reached.wait()
        resuming = asyncio.create_task(change(driver, "resume", FLOW))
        await asyncio.sleep(LONG_ENOUGH_SECONDS)
        assert not resuming.done()
        held.may_go_on.set()
        await asyncio.gather(working, resuming)
        assert {state for state, _ in await driver.states()} == {"cancelled"}
        assert [each["cancelled"] for each in await shown(driver, "/v1/controls?state=all")] == [2]


async def test_two_replicas_that_work_off_the_same_stop_cancel_and_count_each_text_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.loop._CANCELLING", 3)
    async with open_driver(tmp_path) as driver:
        await driver.hear(*[driver.trigger(subject=f"order-{n}", phone=f"+1212555{1000 + n}") for n in range(10)])
        await change(driver, "stop", {"merchant": "acme"})
        replicas = [loop_of(driver.service), loop_of(app.build(driver.harness.runtime, advise))]
        while sum(await asyncio.gather(*(step() for step in replicas))) == 0:
            pass
        await asyncio.gather(*(step() for step in replicas))
        assert {state for state, _ in await driver.states()} == {"cancelled"}
        ended = [event.follow_up_id for event in await driver.published(FollowUpCancelled)]
        assert (len(ended), len(set(ended))) == (20, 20)
        assert [(each["cancelled"], each["in_progress"]) for each in await shown(driver)] == [(20, False)]


async def test_two_replicas_that_end_the_same_pause_let_each_text_go_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.loop._WAKING", 3)
    async with open_driver(tmp_path) as driver:
        await waiting(driver, 10)
        driver.clock.advance(hours=1)
        replicas = [loop_of(driver.service), loop_of(app.build(driver.harness.runtime, advise))]
        await until(partial(_idle, replicas), 20)
        assert [event.lifted_at is None for event in await driver.published(ControlChanged)] == [True, False]
        await driver.fire()
        assert len({due.follow_up_id for due in await driver.dues()}) == len(await driver.dues()) == 10


async def waiting(driver: SchedulerDriver, texts: int) -> None:
    """Let so many texts wait for a pause that ends an hour later."""
    await driver.hear(*[driver.trigger(subject=f"order-{n}", phone=f"+1212555{1000 + n}") for n in range(texts)])
    await pause(driver, FLOW, until=(START + timedelta(hours=2)).isoformat())
    await driver.fire(hours=1)


async def _idle(replicas: list[Callable[[], Awaitable[float]]]) -> bool:
    return all(await asyncio.gather(*(step() for step in replicas)))
