"""Receipts that were lost: the provider is asked, and its answer is what the receipt would have been."""

import pytest

from services.sender.instruments import QUESTIONS
from services.sender.receipts import unreported
from services.sender.tables import attempts
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import RecipientErased
from shared.events.dispatch import DispatchDelivered, DispatchFailed, ErrorClass
from shared.testing import make, make_sender
from shared.testing.clock import START
from tests.integration.sender.desk import Desk


async def sent(desk: Desk, count: int = 1) -> None:
    await desk.hear(*(desk.cleared(n, phone=f"+1212555{n:04}") for n in range(1, count + 1)))
    while len(desk.provider.texts) < count:
        await desk.send()
        desk.clock.advance(seconds=1)


def asked(answer: str) -> float:
    return float(QUESTIONS.labels("twilio", answer)._value.get())


async def test_a_text_whose_receipt_was_lost_is_delivered_after_ten_minutes(desk: Desk) -> None:
    await sent(desk)
    [text] = desk.provider.texts
    text.status = "delivered"
    await desk.sender.asker.step()
    assert desk.provider.questions == []
    desk.clock.advance(minutes=10)
    await desk.sender.asker.step()
    [event] = await desk.published(DispatchDelivered)
    assert event.asked_at == desk.clock.now()
    assert [row["state"] for row in await desk.dispatches()] == ["delivered"]
    desk.clock.advance(hours=30)
    await desk.sender.asker.step()
    assert desk.provider.questions == [text.sid]
    [kept] = await desk.receipts()
    assert kept["status"] == "delivered"


async def test_a_failure_that_is_asked_for_means_what_its_receipt_would_mean(desk: Desk) -> None:
    await sent(desk)
    desk.provider.texts[0].status, desk.provider.texts[0].code = "undelivered", 30006
    desk.clock.advance(minutes=10)
    await desk.sender.asker.step()
    [event] = await desk.published(DispatchFailed)
    assert (event.accepted, event.error_class, event.code) == (True, ErrorClass.NOT_MOBILE, "30006")
    assert [person["suppressed"] for person in await desk.people()] == ["invalid"]


async def test_a_text_that_is_still_under_way_is_asked_about_three_times_and_then_no_more(desk: Desk) -> None:
    await sent(desk)
    desk.provider.texts[0].status = "sent"
    for hours in (0.2, 1, 3, 20, 5, 50):
        desk.clock.advance(hours=hours)
        await desk.sender.asker.step()
        await desk.sender.asker.step()
    assert len(desk.provider.questions) == 3
    assert [row["ask_at"] for row in await desk.attempts()] == [None]
    assert await desk.published(DispatchDelivered) == []


async def test_questions_outlive_a_restart_and_an_outage_is_one_question(desk: Desk) -> None:
    await sent(desk)
    desk.restarted()
    desk.clock.advance(hours=30)
    desk.provider.texts[0].status = "delivered"
    await desk.sender.asker.step()
    assert len(desk.provider.questions) == 1
    assert len(await desk.published(DispatchDelivered)) == 1


async def test_a_receipt_that_comes_while_the_provider_is_asked_stands(desk: Desk) -> None:
    await sent(desk)
    [text] = desk.provider.texts
    text.status = "sent"
    desk.clock.advance(minutes=10)
    asked_before = await desk.house.runtime.units.read(
        lambda db: unreported.to_ask(db, (make.MERCHANT, "main"), desk.clock.now(), 9)
    )
    await desk.http.post(**text.receipt("delivered"))
    await desk.sender.asker._put_off(asked_before, desk.clock.now())
    assert [row["ask_at"] for row in await desk.attempts()] == [None]
    await desk.sender.asker.step()
    assert desk.provider.questions == []
    assert len(await desk.published(DispatchDelivered)) == 1


async def test_both_the_receipt_and_the_answer_are_one_delivery(desk: Desk) -> None:
    await sent(desk)
    [text] = desk.provider.texts
    text.status = "delivered"
    desk.clock.advance(minutes=10)
    await desk.sender.asker.step()
    await desk.http.post(**text.receipt("delivered"))
    assert len(await desk.published(DispatchDelivered)) == 1


async def test_after_an_outage_pages_of_the_list_answer_for_hundreds(desk: Desk) -> None:
    await sent(desk, 230)
    for text in desk.provider.texts:
        text.status = "delivered"
    desk.provider.texts[7].status = "queued"  # was not sent, so it is in no list of what was
    desk.clock.advance(minutes=12)
    await desk.sender.asker.step()
    assert desk.provider.questions == ["list", "list", desk.provider.texts[7].sid]
    assert len(await desk.published(DispatchDelivered)) == 229


async def test_questions_go_no_faster_than_the_accounts_budget_and_none_is_forgotten(desk: Desk) -> None:
    await sent(desk, 19)  # too few for a list
    for text in desk.provider.texts:
        text.status = "delivered"
    desk.clock.advance(minutes=12)
    pauses = []
    for number in range(1, 5):
        pauses.append(await desk.sender.asker.step())
        assert len(desk.provider.questions) == min(5 * number, 19)
        desk.clock.advance(seconds=1)
    assert pauses == [1, 1, 1, 15]
    assert len(await desk.published(DispatchDelivered)) == 19


async def test_a_text_the_provider_does_not_know_any_more_holds_nobody_up(desk: Desk) -> None:
    await sent(desk, 2)
    lost, other = desk.provider.texts
    desk.provider.loses_sight_of.add(lost.sid)
    other.status = "delivered"
    before = asked("not_found")
    desk.clock.advance(minutes=12)
    await desk.sender.asker.step()
    assert len(await desk.published(DispatchDelivered)) == 1
    assert asked("not_found") - before == 1


async def test_an_account_that_does_not_answer_is_left_alone_for_a_while(desk: Desk) -> None:
    await sent(desk, 3)
    desk.provider.throttles_questions = True
    desk.clock.advance(minutes=12)
    before = asked("silent")
    for _ in range(3):
        await desk.sender.asker.step()
    assert len(desk.provider.questions) == 1
    assert asked("silent") - before == 1
    desk.provider.throttles_questions = False
    for text in desk.provider.texts:
        text.status = "delivered"
    desk.clock.advance(seconds=61)
    await desk.sender.asker.step()
    assert len(await desk.published(DispatchDelivered)) == 3


async def test_one_account_that_fails_keeps_no_other_from_being_asked(desk: Desk) -> None:
    await sent(desk, 2)

    async def belongs_elsewhere(uow: UnitOfWork) -> None:
        rows = await uow.db.rows(attempts.select())
        await uow.db.change(attempts, [{"id": rows[0]["id"], "provider": "a-former-one"}])

    await desk.house.runtime.units.run(belongs_elsewhere, WritePriority.BATCHES)
    for text in desk.provider.texts:
        text.status = "delivered"
    desk.clock.advance(minutes=12)
    await desk.sender.asker.step()
    assert len(await desk.published(DispatchDelivered)) == 1


async def test_nobody_asks_about_a_person_who_was_erased(desk: Desk) -> None:
    await sent(desk)
    person = make_sender.recipient_id(desk.sealer, "+12125550001")
    await desk.hear(make.event(RecipientErased, recipient_id=person))
    desk.clock.advance(minutes=12)
    await desk.sender.asker.step()
    assert desk.provider.questions == []
    assert [row["ask_at"] for row in await desk.attempts()] == [None]


@pytest.mark.parametrize(
    "statement", [unreported.NEXT_ACCOUNT, unreported.TO_ASK], ids=["the next account", "its texts to ask about"]
)
async def test_what_is_to_be_asked_is_found_along_an_index(desk: Desk, statement: object) -> None:
    told = await desk.house.plan(statement, merchant_id="a", provider="b", now=START, most=9)  # type: ignore[arg-type] # a Select is enough
    assert "ix_sender_attempts_ask" in told
    assert "TEMP B-TREE" not in told
    assert "Sort" not in told
