"""Receipts that were lost: the provider is asked, and its answer is what the receipt would have been."""

import pytest

from services.sender.instruments import QUESTIONS
from services.sender.receipts import store
from services.sender.tables import attempts
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import RecipientErased
from shared.events.dispatch import DispatchDelivered, DispatchFailed, ErrorClass
from shared.testing import make, make_sender
from shared.testing.clock import START
from tests.integration.sender.driver import SenderDriver


async def sent(driver: SenderDriver, count: int = 1) -> None:
    await driver.hear(*(driver.cleared(n, phone=f"+1212555{n:04}") for n in range(1, count + 1)))
    while len(driver.provider.texts) < count:
        await driver.send()
        driver.clock.advance(seconds=1)


def asked(answer: str) -> float:
    return float(QUESTIONS.labels("twilio", answer)._value.get())


async def test_a_text_whose_receipt_was_lost_is_delivered_after_ten_minutes(driver: SenderDriver) -> None:
    await sent(driver)
    [text] = driver.provider.texts
    text.status = "delivered"
    await driver.sender.status_poller.step()
    assert driver.provider.questions == []
    driver.clock.advance(minutes=10)
    await driver.sender.status_poller.step()
    [event] = await driver.published(DispatchDelivered)
    assert event.asked_at == driver.clock.now()
    assert [row["state"] for row in await driver.dispatches()] == ["delivered"]
    driver.clock.advance(hours=30)
    await driver.sender.status_poller.step()
    assert driver.provider.questions == [text.sid]
    [kept] = await driver.receipts()
    assert kept["status"] == "delivered"


async def test_a_failure_that_is_asked_for_means_what_its_receipt_would_mean(driver: SenderDriver) -> None:
    await sent(driver)
    driver.provider.texts[0].status, driver.provider.texts[0].code = "undelivered", 30006
    driver.clock.advance(minutes=10)
    await driver.sender.status_poller.step()
    [event] = await driver.published(DispatchFailed)
    assert (event.accepted, event.error_class, event.code) == (True, ErrorClass.NOT_MOBILE, "30006")
    assert [person["suppressed"] for person in await driver.people()] == ["invalid"]


async def test_a_text_that_is_still_under_way_is_asked_about_three_times_and_then_no_more(driver: SenderDriver) -> None:
    await sent(driver)
    driver.provider.texts[0].status = "sent"
    for hours in (0.2, 1, 3, 20, 5, 50):
        driver.clock.advance(hours=hours)
        await driver.sender.status_poller.step()
        await driver.sender.status_poller.step()
    assert len(driver.provider.questions) == 3
    assert [row["ask_at"] for row in await driver.attempts()] == [None]
    assert await driver.published(DispatchDelivered) == []


async def test_questions_outlive_a_restart_and_an_outage_is_one_question(driver: SenderDriver) -> None:
    await sent(driver)
    driver.restarted()
    driver.clock.advance(hours=30)
    driver.provider.texts[0].status = "delivered"
    await driver.sender.status_poller.step()
    assert len(driver.provider.questions) == 1
    assert len(await driver.published(DispatchDelivered)) == 1


async def test_a_receipt_that_comes_while_the_provider_is_asked_stands(driver: SenderDriver) -> None:
    await sent(driver)
    [text] = driver.provider.texts
    text.status = "sent"
    driver.clock.advance(minutes=10)
    asked_before = await driver.harness.runtime.units.read(
        lambda db: store.due_queries(db, (make.MERCHANT, "main"), driver.clock.now(), 9)
    )
    await driver.http.post(**text.receipt("delivered"))
    await driver.sender.status_poller._reschedule(asked_before, driver.clock.now())
    assert [row["ask_at"] for row in await driver.attempts()] == [None]
    await driver.sender.status_poller.step()
    assert driver.provider.questions == []
    assert len(await driver.published(DispatchDelivered)) == 1


async def test_both_the_receipt_and_the_answer_are_one_delivery(driver: SenderDriver) -> None:
    await sent(driver)
    [text] = driver.provider.texts
    text.status = "delivered"
    driver.clock.advance(minutes=10)
    await driver.sender.status_poller.step()
    await driver.http.post(**text.receipt("delivered"))
    assert len(await driver.published(DispatchDelivered)) == 1


async def test_after_an_outage_pages_of_the_list_answer_for_hundreds(driver: SenderDriver) -> None:
    await sent(driver, 230)
    for text in driver.provider.texts:
        text.status = "delivered"
    driver.provider.texts[7].status = "queued"  # was not sent, so it is in no list of what was
    driver.clock.advance(minutes=12)
    await driver.sender.status_poller.step()
    assert driver.provider.questions == ["list", "list", driver.provider.texts[7].sid]
    assert len(await driver.published(DispatchDelivered)) == 229


async def test_questions_go_no_faster_than_the_accounts_budget_and_none_is_forgotten(driver: SenderDriver) -> None:
    await sent(driver, 19)  # too few for a list
    for text in driver.provider.texts:
        text.status = "delivered"
    driver.clock.advance(minutes=12)
    pauses = []
    for number in range(1, 5):
        pauses.append(await driver.sender.status_poller.step())
        assert len(driver.provider.questions) == min(5 * number, 19)
        driver.clock.advance(seconds=1)
    assert pauses == [1, 1, 1, 15]
    assert len(await driver.published(DispatchDelivered)) == 19


async def test_a_text_the_provider_does_not_know_any_more_holds_no_other_up(driver: SenderDriver) -> None:
    await sent(driver, 2)
    lost, other = driver.provider.texts
    driver.provider.loses_sight_of.add(lost.sid)
    other.status = "delivered"
    before = asked("not_found")
    driver.clock.advance(minutes=12)
    await driver.sender.status_poller.step()
    assert len(await driver.published(DispatchDelivered)) == 1
    assert asked("not_found") - before == 1


async def test_an_account_that_does_not_answer_is_left_alone_for_a_while(driver: SenderDriver) -> None:
    await sent(driver, 3)
    driver.provider.throttles_questions = True
    driver.clock.advance(minutes=12)
    before = asked("silent")
    for _ in range(3):
        await driver.sender.status_poller.step()
    assert len(driver.provider.questions) == 1
    assert asked("silent") - before == 1
    driver.provider.throttles_questions = False
    for text in driver.provider.texts:
        text.status = "delivered"
    driver.clock.advance(seconds=61)
    await driver.sender.status_poller.step()
    assert len(await driver.published(DispatchDelivered)) == 3


async def test_one_account_that_fails_keeps_no_other_from_being_asked(driver: SenderDriver) -> None:
    await sent(driver, 2)

    async def belongs_elsewhere(uow: UnitOfWork) -> None:
        rows = await uow.db.rows(attempts.select())
        await uow.db.change(attempts, [{"id": rows[0]["id"], "provider": "a-former-one"}])

    await driver.harness.runtime.units.run(belongs_elsewhere, WritePriority.BATCHES)
    for text in driver.provider.texts:
        text.status = "delivered"
    driver.clock.advance(minutes=12)
    await driver.sender.status_poller.step()
    assert len(await driver.published(DispatchDelivered)) == 1


async def test_no_provider_is_asked_about_an_erased_person(driver: SenderDriver) -> None:
    await sent(driver)
    person = make_sender.recipient_id(driver.sealer, "+12125550001")
    await driver.hear(make.event(RecipientErased, recipient_id=person))
    driver.clock.advance(minutes=12)
    await driver.sender.status_poller.step()
    assert driver.provider.questions == []
    assert [row["ask_at"] for row in await driver.attempts()] == [None]


@pytest.mark.parametrize(
    "statement", [store.NEXT_ACCOUNT, store.DUE_QUERIES], ids=["the next account", "its texts to ask about"]
)
async def test_what_is_to_be_asked_is_found_along_an_index(driver: SenderDriver, statement: object) -> None:
    plan = await driver.harness.plan(statement, merchant_id="a", provider="b", now=START, most=9)  # type: ignore[arg-type] # a Select is enough
    assert "ix_sender_attempts_ask" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
