"""Answers to HELP and confirmations of STOP."""

from datetime import timedelta

import pytest

from shared.events.engagement import ReplyClass
from shared.events.follow_up import Purpose
from shared.testing import make_scheduler
from shared.testing.clock import START
from tests.integration.scheduler.stage import Stage


@pytest.mark.parametrize(
    ("reply_class", "purpose", "words"),
    [
        (ReplyClass.HELP, Purpose.HELP, "{{ merchant.brand }}: for help, {{ merchant.contact }}."),
        (ReplyClass.OPT_OUT, Purpose.OPT_OUT_CONFIRMATION, "{{ merchant.brand }}: you are unsubscribed"),
    ],
)
async def test_a_reply_is_answered_at_once_from_the_number_it_was_written_to(
    stage: Stage, reply_class: ReplyClass, purpose: Purpose, words: str
) -> None:
    number = "+12025550111"
    await stage.hear(make_scheduler.reply(stage.sealer, START, reply_class, sender_number=number))
    await stage.fire()
    (due,) = await stage.dues()
    assert (due.flow, due.purpose, due.inbound_at, due.sender_number) == ("answer", purpose, START, number)
    assert due.expires_at == START + timedelta(minutes=5)
    assert stage.sealer.open(due.merchant_id, due.places()["body"], due.content.body).decode().startswith(words)


async def test_a_reply_that_comes_twice_is_answered_once(stage: Stage) -> None:
    reply = make_scheduler.reply(stage.sealer, START, ReplyClass.HELP)
    await stage.hear(reply, reply)
    await stage.fire()
    await stage.hear(reply)
    await stage.fire()
    assert len(await stage.dues()) == 1


async def test_we_stay_silent_where_the_provider_answers(stage: Stage) -> None:
    await stage.hear(make_scheduler.reply(stage.sealer, START, ReplyClass.OPT_OUT, provider_answers=True))
    assert await stage.planned() == []


async def test_a_stop_said_again_is_not_confirmed_again(stage: Stage) -> None:
    await stage.hear(make_scheduler.reply(stage.sealer, START, ReplyClass.OPT_OUT, repeats_opt_out=True))
    assert await stage.planned() == []


@pytest.mark.parametrize("reply_class", [ReplyClass.OTHER, ReplyClass.OPT_IN])
async def test_other_replies_get_no_answer(stage: Stage, reply_class: ReplyClass) -> None:
    await stage.hear(make_scheduler.reply(stage.sealer, START, reply_class))
    assert await stage.planned() == []


async def test_a_reply_that_comes_too_late_is_planned_and_expires_so_that_everybody_can_see_it(stage: Stage) -> None:
    await stage.hear(make_scheduler.reply(stage.sealer, START - timedelta(minutes=6), ReplyClass.HELP))
    assert await stage.states() == [("expired", "expire_after")]


async def test_the_answer_speaks_the_persons_language(stage: Stage) -> None:
    await stage.hear(make_scheduler.reply(stage.sealer, START, ReplyClass.OPT_OUT, locale="fr-CA"))
    assert [row["locale"] for row in await stage.rows()] == ["fr"]


@pytest.mark.parametrize("stage", [{"parts_per_second": 0.1}], indirect=True)
async def test_an_answer_does_not_wait_behind_a_herd(stage: Stage) -> None:
    await stage.hear(*(stage.trigger(subject=f"o{n}", phone=f"+1212555{n:04}") for n in range(100, 110)))
    await stage.fire(hours=1)
    await stage.hear(make_scheduler.reply(stage.sealer, stage.clock.now(), ReplyClass.HELP))
    await stage.fire()
    assert [due.purpose for due in await stage.dues()] == [Purpose.TRANSACTIONAL, Purpose.HELP]
