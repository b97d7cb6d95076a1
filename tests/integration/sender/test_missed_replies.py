"""Replies that were not delivered are listed at the provider, and a STOP among them counts."""

from services.sender.instruments import MISSED_REPLIES
from services.sender.replies.missed_replies import EVERY, LONGEST_CATCHING_UP_SECONDS
from shared.events.consent import ConsentReported
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import Purpose
from shared.testing.make_sender import replies_url, signed_post
from tests.integration.sender.driver import SenderDriver


def missed() -> float:
    return float(MISSED_REPLIES.labels("twilio")._value.get())


async def began(driver: SenderDriver) -> None:
    """Let the process have run for a while."""
    await driver.sender.missed_replies.step()
    driver.clock.advance(minutes=1)


async def test_a_stop_that_was_written_while_the_process_was_down_counts_after_its_start(driver: SenderDriver) -> None:
    await began(driver)
    driver.provider.write_back("Please stop texting me")
    before = missed()
    driver.clock.advance(minutes=3)
    driver.restarted()
    await driver.sender.missed_replies.step()
    assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
    assert missed() == before + 1
    for _ in range(3):
        driver.clock.advance(minutes=10)
        await driver.sender.missed_replies.step()
    assert missed() == before + 1
    assert len(await driver.published(ReplyReceived)) == 1


async def test_after_a_start_marketing_waits_until_replies_were_asked_for(driver: SenderDriver) -> None:
    await began(driver)
    driver.provider.write_back("STOP")
    driver.restarted()
    await driver.sender.missed_replies.begin()
    offer, receipt = driver.cleared(1, purpose=Purpose.MARKETING), driver.cleared(2, phone="+12125550124")
    await driver.hear(offer, receipt)
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts] == ["+12125550124"]
    await driver.sender.missed_replies.step()
    await driver.send()
    assert len(driver.provider.texts) == 1
    assert {row["follow_up_id"]: row["state"] for row in await driver.dispatches()}[offer.follow_up_id] == "failed"


async def test_a_provider_that_cannot_say_holds_marketing_up_for_a_minute_at_most(driver: SenderDriver) -> None:
    await driver.sender.missed_replies.begin()
    await driver.hear(driver.cleared(purpose=Purpose.MARKETING))
    await driver.send()
    assert driver.provider.texts == []
    driver.clock.advance(seconds=LONGEST_CATCHING_UP_SECONDS + 1)
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_what_was_brought_is_not_taken_again(driver: SenderDriver) -> None:
    await began(driver)
    form = driver.provider.write_back("STOP")
    await driver.http.post(**signed_post(replies_url(), form))
    before = missed()
    driver.clock.advance(minutes=10)
    await driver.sender.missed_replies.step()
    await driver.http.post(**signed_post(replies_url(), form))
    assert missed() == before
    assert len(await driver.published(ConsentReported)) == 1


async def test_what_is_brought_after_it_was_asked_for_is_the_same_reply(driver: SenderDriver) -> None:
    await began(driver)
    form = driver.provider.write_back("STOP")
    driver.clock.advance(minutes=10)
    await driver.sender.missed_replies.step()
    await driver.http.post(**signed_post(replies_url(), form))
    assert len(await driver.published(ConsentReported)) == 1
    assert len(await driver.replies()) == 1


async def test_replies_are_taken_in_the_order_they_were_written(driver: SenderDriver) -> None:
    await began(driver)
    for text in ("STOP", "START"):
        driver.provider.write_back(text)
        driver.clock.advance(seconds=30)
    driver.clock.advance(minutes=10)
    await driver.sender.missed_replies.step()
    assert [str(reply.reply_class) for reply in await driver.published(ReplyReceived)] == ["opt_out", "opt_in"]


async def test_hundreds_of_replies_are_read_page_by_page(driver: SenderDriver) -> None:
    await began(driver)
    for number in range(201):
        driver.provider.write_back("hello", sender=f"+1212555{number:04}")
    driver.provider.questions.clear()
    driver.clock.advance(minutes=10)
    await driver.sender.missed_replies.step()
    assert len(await driver.replies()) == 201
    assert driver.provider.questions == ["list", "list"]


async def test_an_unassigned_reply_is_set_aside_once_whoever_reports_it(driver: SenderDriver) -> None:
    await began(driver)
    form = driver.provider.write_back("STOP", sender="messenger:1042")
    await driver.http.post(**signed_post(replies_url(), form))
    before = missed()
    driver.clock.advance(minutes=10)
    await driver.sender.missed_replies.step()
    assert missed() == before


async def test_a_number_is_asked_about_every_ten_minutes_and_never_about_before_it_was_ours(
    driver: SenderDriver,
) -> None:
    driver.provider.write_back("STOP")
    for _ in range(21):
        await driver.sender.missed_replies.step()
        driver.clock.advance(minutes=1)
    assert EVERY.total_seconds() == 600
    assert driver.provider.questions == ["list", "list"]
    assert await driver.replies() != []  # within the five minutes that clocks may differ


async def test_a_provider_that_does_not_answer_is_asked_later_and_nothing_is_lost(driver: SenderDriver) -> None:
    await began(driver)
    driver.provider.write_back("STOP")
    driver.provider.throttles_questions = True
    driver.clock.advance(minutes=10)
    for _ in range(3):
        await driver.sender.missed_replies.step()
    assert len(driver.provider.questions) == 1
    driver.provider.throttles_questions = False
    driver.clock.advance(hours=5)
    await driver.sender.missed_replies.step()
    assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
