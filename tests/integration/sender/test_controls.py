"""What people pause and stop is obeyed at the intent, and the scheduler is answered."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.bus.partitioning import WHOLE_MERCHANT
from shared.events.control import ControlChanged, ControlObeyed
from shared.events.dispatch import DispatchFailed
from shared.events.follow_up import FollowUpLapsed
from shared.testing import make, make_sender
from tests.integration.sender.driver import SenderDriver

CONTROL = UUID(int=7)


def control(action: str, **changes: Any) -> ControlChanged:
    """Return the news of a control on all texts of the merchant."""
    own = {"event_id": uuid4(), "control_id": CONTROL, "action": action, "scope": {}, "recipient_id": WHOLE_MERCHANT}
    return make.event(ControlChanged, **{**own, **changes})


@pytest.mark.parametrize(
    "scope",
    [{}, {"flow": "order-thank-you"}, {"number": make_sender.SENDER_NUMBER}, {"provider": "main"}],
    ids=["merchant", "flow", "number", "provider"],
)
async def test_a_cleared_text_under_a_pause_goes_back_to_wait(driver: SenderDriver, scope: dict[str, str]) -> None:
    await driver.hear(driver.cleared(), control("pause", scope=scope))
    await driver.send()
    assert [event.reason for event in await driver.published(FollowUpLapsed)] == ["texts_paused"]
    assert driver.provider.calls == 0


async def test_a_cleared_text_that_is_stopped_fails(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(), control("stop"))
    await driver.send()
    assert [event.reason for event in await driver.published(DispatchFailed)] == ["texts_stopped"]
    assert driver.provider.calls == 0


async def test_an_answer_to_help_goes_out_whatever_is_stopped(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(purpose="help"), control("stop"))
    await driver.send()
    assert driver.provider.calls == 1


@pytest.mark.parametrize("first", ["made", "lifted"])
async def test_a_lifted_control_stays_lifted_in_whichever_order_its_news_come(driver: SenderDriver, first: str) -> None:
    news = {"made": control("stop"), "lifted": control("stop", lifted_at=driver.clock.now())}
    await driver.hear(news.pop(first), *news.values())
    await driver.hear(control("stop"), driver.cleared())
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_pause_ends_by_its_time_without_further_news(driver: SenderDriver) -> None:
    until = driver.clock.now() + timedelta(minutes=1)
    await driver.hear(control("pause", until=until))
    driver.clock.advance(minutes=1)
    await driver.hear(driver.cleared())
    await driver.send()
    assert driver.provider.calls == 1


async def test_the_sender_answers_once_for_each_control_it_obeys(driver: SenderDriver) -> None:
    made = control("pause")
    await driver.hear(made, made)
    obey = next(loop._step for loop in driver.service.loops if loop.name == "obey-controls")
    while await obey() == 0:
        pass
    obeyed = await driver.published(ControlObeyed)
    assert [(event.control_id, event.occurred_at) for event in obeyed] == [(CONTROL, driver.clock.now())]
