"""Answers to HELP and confirmations of STOP."""

from datetime import timedelta

import pytest

from shared.events.engagement import ReplyClass
from shared.events.follow_up import Purpose
from shared.testing import make_scheduler
from shared.testing.clock import START
from tests.integration.scheduler.driver import SchedulerDriver


@pytest.mark.parametrize(
    ("reply_class", "purpose", "words"),
    [
        (ReplyClass.HELP, Purpose.HELP, "{{ merchant.brand }}: for help, {{ merchant.contact }}."),
        (ReplyClass.OPT_OUT, Purpose.OPT_OUT_CONFIRMATION, "{{ merchant.brand }}: you are unsubscribed"),
    ],
)
async def test_a_reply_is_answered_at_once_from_the_number_it_was_written_to(
    driver: SchedulerDriver, reply_class: ReplyClass, purpose: Purpose, words: str
) -> None:
    number = "+12025550111"
    await driver.hear(make_scheduler.reply(driver.sealer, START, reply_class, sender_number=number))
    await driver.fire()
    (due,) = await driver.dues()
    assert (due.flow, due.purpose, due.inbound_at, due.sender_number) == ("answer", purpose, START, number)
    assert due.expires_at == START + timedelta(minutes=5)
    assert (
        driver.sealer.open(due.merchant_id, due.associated_data()["body"], due.content.body).decode().startswith(words)
    )


async def test_a_reply_that_comes_twice_is_answered_once(driver: SchedulerDriver) -> None:
    reply = make_scheduler.reply(driver.sealer, START, ReplyClass.HELP)
    await driver.hear(reply, reply)
    await driver.fire()
    await driver.hear(reply)
    await driver.fire()
    assert len(await driver.dues()) == 1


async def test_we_stay_silent_where_the_provider_answers(driver: SchedulerDriver) -> None:
    await driver.hear(make_scheduler.reply(driver.sealer, START, ReplyClass.OPT_OUT, provider_answers=True))
    assert await driver.planned() == []


async def test_a_stop_said_again_is_not_confirmed_again(driver: SchedulerDriver) -> None:
    await driver.hear(make_scheduler.reply(driver.sealer, START, ReplyClass.OPT_OUT, repeats_opt_out=True))
    assert await driver.planned() == []


@pytest.mark.parametrize("reply_class", [ReplyClass.OTHER, ReplyClass.OPT_IN])
async def test_other_replies_get_no_answer(driver: SchedulerDriver, reply_class: ReplyClass) -> None:
    await driver.hear(make_scheduler.reply(driver.sealer, START, reply_class))
    assert await driver.planned() == []


async def test_a_reply_that_comes_too_late_is_planned_and_expires_so_that_everybody_can_see_it(
    driver: SchedulerDriver,
) -> None:
    await driver.hear(make_scheduler.reply(driver.sealer, START - timedelta(minutes=6), ReplyClass.HELP))
    assert await driver.states() == [("expired", "expire_after")]


async def test_the_answer_speaks_the_persons_language(driver: SchedulerDriver) -> None:
    await driver.hear(make_scheduler.reply(driver.sealer, START, ReplyClass.OPT_OUT, locale="fr-CA"))
    assert [row["locale"] for row in await driver.rows()] == ["fr"]


@pytest.mark.parametrize("driver", [{"parts_per_second": 0.1}], indirect=True)
async def test_an_answer_does_not_wait_behind_a_herd(driver: SchedulerDriver) -> None:
    await driver.hear(*(driver.trigger(subject=f"o{n}", phone=f"+1212555{n:04}") for n in range(100, 110)))
    await driver.fire(hours=1)
    await driver.hear(make_scheduler.reply(driver.sealer, driver.clock.now(), ReplyClass.HELP))
    await driver.fire()
    assert [due.purpose for due in await driver.dues()] == [Purpose.TRANSACTIONAL, Purpose.HELP]
