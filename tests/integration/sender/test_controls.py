"""What people pause and stop is obeyed at the intent, and the scheduler is answered."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from services.sender.tables import controls
from shared.bus.partitioning import WHOLE_MERCHANT
from shared.events.consent import RecipientErased
from shared.events.control import ControlChanged, ControlObeyed
from shared.events.dispatch import DispatchFailed
from shared.events.follow_up import FollowUpLapsed
from shared.testing import make, make_sender
from tests.integration.across_services.concurrency.at_once import handled
from tests.integration.sender.driver import SenderDriver

CONTROL = UUID(int=7)


def control(action: str, **changes: Any) -> ControlChanged:
    """Return the news of a control on all texts of the merchant."""
    own = {"event_id": uuid4(), "control_id": CONTROL, "action": action, "scope": {}, "recipient_id": WHOLE_MERCHANT}
    return make.event(ControlChanged, **{**own, **changes})


async def obey(driver: SenderDriver) -> None:
    """Answer for every control that is stored."""
    step = next(loop._step for loop in driver.service.loops if loop.name == "obey-controls")
    while await step() == 0:
        pass


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


async def test_a_text_that_was_cleared_before_its_shop_s_blackout_goes_back_to_wait(
    driver: SenderDriver, tmp_path: Path
) -> None:
    answer = driver.cleared(2, purpose="help", phone="+12125550177")
    await driver.hear(driver.cleared(purpose="marketing"), answer)
    today = driver.clock.now().date()
    path = tmp_path / "merchants" / make.MERCHANT / "merchant.yaml"
    path.write_text(path.read_text("utf-8") + f"\nblackouts: [{{from: {today}, to: {today}}}]\n", encoding="utf-8")
    assert driver.harness.runtime.merchants.reload_if_changed()
    await driver.send()
    assert [event.reason for event in await driver.published(FollowUpLapsed)] == ["blackout"]
    assert driver.provider.calls == 1  # the answer to HELP


async def test_the_sender_answers_once_for_each_control_it_obeys(driver: SenderDriver) -> None:
    made = control("pause")
    await driver.hear(made, made)
    await obey(driver)
    obeyed = await driver.published(ControlObeyed)
    assert [(event.control_id, event.occurred_at) for event in obeyed] == [(CONTROL, driver.clock.now())]


async def test_a_control_that_was_lifted_is_lifted_even_if_its_making_is_heard_after_it_in_one_unit(
    driver: SenderDriver,
) -> None:
    lifted, made = control("stop", lifted_at=driver.clock.now()), control("stop")
    await handled(driver.harness, driver.service, [lifted, made])
    await driver.hear(driver.cleared())
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_control_that_is_heard_again_after_it_was_obeyed_and_lifted_changes_nothing(
    driver: SenderDriver,
) -> None:
    made = control("pause")
    await driver.hear(made)
    await obey(driver)
    await driver.hear(control("pause", lifted_at=driver.clock.now()))
    await handled(driver.harness, driver.service, [made], [made])
    await obey(driver)
    assert len(await driver.published(ControlObeyed)) == 1
    await driver.hear(driver.cleared())
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_sender_that_died_before_its_answer_gives_it_when_it_is_back(driver: SenderDriver) -> None:
    await driver.hear(control("pause"))
    driver.restarted()
    await driver.hear(driver.cleared())
    await driver.send()
    assert driver.provider.calls == 0
    await obey(driver)
    assert len(await driver.published(ControlObeyed)) == 1


async def test_a_control_about_a_person_who_was_erased_is_not_stored_again(driver: SenderDriver) -> None:
    person = make_sender.recipient_id(driver.sealer)
    made = control("stop", scope={"recipient_id": person})
    await driver.hear(driver.cleared(), made)
    await driver.hear(make.event(RecipientErased, recipient_id=person, occurred_at=driver.clock.now()))
    await handled(driver.harness, driver.service, [made])
    assert await driver.harness.rows(sa.select(controls)) == []
