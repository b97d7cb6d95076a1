"""Replies that nobody brought: the provider is asked for them, and a STOP among them counts."""

from services.sender.instruments import MISSED_REPLIES
from services.sender.replies.missed_replies import EVERY, LONGEST_CATCHING_UP_SECONDS
from shared.events.consent import ConsentReported
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import Purpose
from shared.testing.make_sender import replies_url, signed_post
from tests.integration.sender.desk import Desk


def missed() -> float:
    return float(MISSED_REPLIES.labels("twilio")._value.get())


async def began(desk: Desk) -> None:
    """Let the process have run for a while."""
    await desk.sender.missed.step()
    desk.clock.advance(minutes=1)


async def test_a_stop_that_was_written_while_the_process_was_down_counts_after_its_start(desk: Desk) -> None:
    await began(desk)
    desk.provider.write_back("Please stop texting me")
    before = missed()
    desk.clock.advance(minutes=3)
    desk.restarted()
    await desk.sender.missed.step()
    assert [row["suppressed"] for row in await desk.people()] == ["opt_out"]
    assert missed() == before + 1
    for _ in range(3):
        desk.clock.advance(minutes=10)
        await desk.sender.missed.step()
    assert missed() == before + 1
    assert len(await desk.published(ReplyReceived)) == 1


async def test_after_a_start_marketing_waits_until_replies_were_asked_for(desk: Desk) -> None:
    await began(desk)
    desk.provider.write_back("STOP")
    desk.restarted()
    await desk.sender.missed.begin()
    offer, receipt = desk.cleared(1, purpose=Purpose.MARKETING), desk.cleared(2, phone="+12125550124")
    await desk.hear(offer, receipt)
    await desk.send()
    assert [text.form["To"] for text in desk.provider.texts] == ["+12125550124"]
    await desk.sender.missed.step()
    await desk.send()
    assert len(desk.provider.texts) == 1
    assert {row["follow_up_id"]: row["state"] for row in await desk.dispatches()}[offer.follow_up_id] == "failed"


async def test_a_provider_that_cannot_say_holds_marketing_up_for_a_minute_at_most(desk: Desk) -> None:
    await desk.sender.missed.begin()
    await desk.hear(desk.cleared(purpose=Purpose.MARKETING))
    await desk.send()
    assert desk.provider.texts == []
    desk.clock.advance(seconds=LONGEST_CATCHING_UP_SECONDS + 1)
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_what_was_brought_is_not_taken_again(desk: Desk) -> None:
    await began(desk)
    form = desk.provider.write_back("STOP")
    await desk.http.post(**signed_post(replies_url(), form))
    before = missed()
    desk.clock.advance(minutes=10)
    await desk.sender.missed.step()
    await desk.http.post(**signed_post(replies_url(), form))
    assert missed() == before
    assert len(await desk.published(ConsentReported)) == 1


async def test_what_is_brought_after_it_was_asked_for_is_the_same_reply(desk: Desk) -> None:
    await began(desk)
    form = desk.provider.write_back("STOP")
    desk.clock.advance(minutes=10)
    await desk.sender.missed.step()
    await desk.http.post(**signed_post(replies_url(), form))
    assert len(await desk.published(ConsentReported)) == 1
    assert len(await desk.replies()) == 1


async def test_replies_are_taken_in_the_order_they_were_written(desk: Desk) -> None:
    await began(desk)
    for text in ("STOP", "START"):
        desk.provider.write_back(text)
        desk.clock.advance(seconds=30)
    desk.clock.advance(minutes=10)
    await desk.sender.missed.step()
    assert [str(reply.reply_class) for reply in await desk.published(ReplyReceived)] == ["opt_out", "opt_in"]


async def test_hundreds_of_replies_are_read_page_by_page(desk: Desk) -> None:
    await began(desk)
    for number in range(201):
        desk.provider.write_back("hello", sender=f"+1212555{number:04}")
    desk.provider.questions.clear()
    desk.clock.advance(minutes=10)
    await desk.sender.missed.step()
    assert len(await desk.replies()) == 201
    assert desk.provider.questions == ["list", "list"]


async def test_a_reply_of_nobodys_is_set_aside_once_whoever_tells_of_it(desk: Desk) -> None:
    await began(desk)
    form = desk.provider.write_back("STOP", sender="messenger:1042")
    await desk.http.post(**signed_post(replies_url(), form))
    before = missed()
    desk.clock.advance(minutes=10)
    await desk.sender.missed.step()
    assert missed() == before


async def test_a_number_is_asked_about_every_ten_minutes_and_never_about_before_it_was_ours(desk: Desk) -> None:
    desk.provider.write_back("STOP")
    for _ in range(21):
        await desk.sender.missed.step()
        desk.clock.advance(minutes=1)
    assert EVERY.total_seconds() == 600
    assert desk.provider.questions == ["list", "list"]
    assert await desk.replies() != []  # within the five minutes that clocks may differ


async def test_a_provider_that_does_not_answer_is_asked_later_and_nothing_is_lost(desk: Desk) -> None:
    await began(desk)
    desk.provider.write_back("STOP")
    desk.provider.throttles_questions = True
    desk.clock.advance(minutes=10)
    for _ in range(3):
        await desk.sender.missed.step()
    assert len(desk.provider.questions) == 1
    desk.provider.throttles_questions = False
    desk.clock.advance(hours=5)
    await desk.sender.missed.step()
    assert [row["suppressed"] for row in await desk.people()] == ["opt_out"]
