"""Receipts: the lattice at work, and who may report."""

from datetime import timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.sender.retention import Retention
from services.sender.settings import SenderSettings
from shared import places
from shared.db import instruments
from shared.events.consent import ConsentReported
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, ErrorClass
from shared.events.follow_up import Purpose
from shared.testing.make_sender import API_KEY, SentText, signed_post
from tests.integration.sender.desk import Desk


async def sent(desk: Desk, **changes: Any) -> SentText:
    await desk.hear(desk.cleared(**changes))
    await desk.send()
    return desk.provider.texts[-1]


@pytest.mark.parametrize("order", list(permutations(["queued", "sent", "delivered"])))
async def test_receipts_in_any_order_and_twice_end_the_same(desk: Desk, order: tuple[str, ...]) -> None:
    text = await sent(desk)
    for status in (*order, *order):
        await desk.http.post(**text.receipt(status))
    assert [(a["state"], a["status"]) for a in await desk.attempts()] == [("accepted", "delivered")]
    assert len(await desk.published(DispatchDelivered)) == 1
    assert len(await desk.published(DispatchAccepted)) == 1


async def test_every_receipt_is_kept_without_the_number(desk: Desk) -> None:
    text = await sent(desk)
    for _ in range(2):
        await desk.http.post(**text.receipt("sent"))
    kept = await desk.receipts()
    assert len(kept) == 2
    opened = desk.sealer.open(kept[0]["merchant_id"], places.receipt(kept[0]["id"]), kept[0]["raw"])
    assert b"MessageStatus" in opened
    assert b"2125550123" not in opened


async def test_a_receipt_that_says_nothing_new_costs_the_one_row_that_keeps_it(desk: Desk) -> None:
    text = await sent(desk)
    before = instruments.ROWS_WRITTEN._value.get()
    for status in ("queued", "sent", "sent"):
        await desk.http.post(**text.receipt(status))
    assert instruments.ROWS_WRITTEN._value.get() - before == 3
    await desk.http.post(**text.receipt("delivered"))
    before = instruments.ROWS_WRITTEN._value.get()
    await desk.http.post(**text.receipt("delivered"))
    assert instruments.ROWS_WRITTEN._value.get() - before == 1


async def test_how_far_a_text_is_on_its_way_is_shown_though_only_its_receipts_say_so(desk: Desk) -> None:
    text = await sent(desk)
    assert await shown(desk) == "accepted"
    await desk.http.post(**text.receipt("sent"))
    await desk.http.post(**text.receipt("queued"))
    assert await shown(desk) == "sent"
    await desk.http.post(**text.receipt("delivered", sid="SM-another"))
    assert await shown(desk) == "sent"
    await desk.http.post(**text.receipt("undelivered", 30007))
    await desk.http.post(**text.receipt("sent"))
    assert await shown(desk) == "undelivered"


async def shown(desk: Desk) -> str:
    follow_up_id = (await desk.dispatches())[0]["follow_up_id"]
    headers = {"Authorization": f"Bearer {API_KEY}"}
    answer = await desk.http.get(f"/v1/dispatches/{follow_up_id}", headers=headers)
    return str(answer.json()["attempts"][0]["status"])


@pytest.mark.parametrize(
    ("code", "purpose", "wait"),
    [
        (30001, Purpose.MARKETING, timedelta(minutes=5)),
        (30008, Purpose.TRANSACTIONAL, timedelta(minutes=5)),
        (30008, Purpose.MARKETING, None),
        (30003, Purpose.TRANSACTIONAL, timedelta(days=1)),
        (30007, Purpose.TRANSACTIONAL, None),
        (39999, Purpose.TRANSACTIONAL, None),
    ],
)
async def test_only_listed_codes_ask_the_gate_again(
    desk: Desk, code: int, purpose: Purpose, wait: timedelta | None
) -> None:
    text = await sent(desk, purpose=purpose)
    await desk.http.post(**text.receipt("undelivered", code))
    (failed,) = await desk.published(DispatchFailed)
    assert failed.accepted
    assert failed.code == str(code)
    assert failed.retry_at == (None if wait is None else desk.clock.now() + wait)


async def test_an_unknown_failure_is_tried_once_more_and_not_twice(desk: Desk) -> None:
    text = await sent(desk)
    follow_up_id = (await desk.dispatches())[0]["follow_up_id"]
    await desk.http.post(**text.receipt("undelivered", 30008))
    again = await sent(desk, release=2, follow_up_id=follow_up_id)
    assert again.sid != text.sid
    await desk.http.post(**again.receipt("undelivered", 30008))
    assert [f.retry_at is None for f in await desk.published(DispatchFailed)] == [False, True]
    await desk.hear(desk.cleared(release=3, follow_up_id=follow_up_id))
    await desk.send()
    assert desk.provider.calls == 2


async def test_an_undelivered_text_of_marketing_is_never_sent_again(desk: Desk) -> None:
    text = await sent(desk, purpose=Purpose.MARKETING)
    follow_up_id = (await desk.dispatches())[0]["follow_up_id"]
    await desk.http.post(**text.receipt("undelivered", 30008))
    await desk.hear(desk.cleared(purpose=Purpose.MARKETING, release=2, follow_up_id=follow_up_id))
    await desk.send()
    assert desk.provider.calls == 1


async def test_a_delivery_reported_after_a_failure_holds(desk: Desk) -> None:
    text = await sent(desk)
    await desk.http.post(**text.receipt("failed", 30006))
    await desk.http.post(**text.receipt("delivered"))
    assert (await desk.dispatches())[0]["state"] == "delivered"
    assert len(await desk.published(DispatchDelivered)) == 1
    (failed,) = await desk.published(DispatchFailed)
    assert failed.error_class is ErrorClass.NOT_MOBILE
    assert len(await desk.published(ConsentReported)) == 1


async def test_strangers_and_changed_addresses_get_one_answer(desk: Desk) -> None:
    text = await sent(desk)
    genuine = text.receipt("delivered")
    form = {"MessageSid": text.sid, "MessageStatus": "delivered"}
    other_attempt = text.callback_url.replace("attempt=01", "attempt=02")
    wrong = [
        {**genuine, "headers": {**genuine["headers"], "X-Twilio-Signature": "AAAA"}},
        {**genuine, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {**genuine, "content": genuine["content"] + b"&More=1"},
        {**genuine, "url": genuine["url"].replace("/acme/", "/nobody/")},
        {**genuine, "url": genuine["url"].replace("/main/", "/other/")},
        signed_post(other_attempt, form),
        signed_post(text.callback_url.partition("&sig=")[0], form),
        signed_post(text.callback_url, form, token="guessed"),
    ]
    answers = [await desk.http.post(**request) for request in wrong]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert await desk.published(DispatchDelivered) == []
    assert (await desk.http.post(**genuine)).status_code == 200


async def test_raw_receipts_and_texts_of_replies_go_after_thirteen_months(desk: Desk) -> None:
    text = await sent(desk)
    await desk.http.post(**text.receipt("sent"))
    await desk.reply("Thanks a lot, Ana")
    retention = Retention(desk.house.runtime.units, SenderSettings())
    desk.clock.advance(days=395)
    await retention.step()
    assert len(await desk.receipts()) == 1
    desk.clock.advance(days=2)
    await retention.step()
    assert await desk.receipts() == []
    assert [row["text"] for row in await desk.replies()] == [None]


@pytest.mark.parametrize("word", ["\0", "a\0b", "\ufffd"])
async def test_a_receipt_with_odd_characters_is_stored_cleanly(desk: Desk, word: str) -> None:
    text = await sent(desk)
    form = {"MessageSid": f"{text.sid}{word}", "MessageStatus": "failed", "ErrorCode": word, "To": word, word: word}
    assert (await desk.http.post(**signed_post(text.callback_url, form))).status_code == 200
    [kept] = await desk.receipts()
    assert "\0" not in kept["provider_message_id"]


@pytest.mark.parametrize("code", [30034, 30032, 35118, 30002])
async def test_a_registration_or_account_fault_told_by_a_receipt_halts_the_number_and_its_texts_wait(
    desk: Desk, code: int
) -> None:
    text = await sent(desk)
    await desk.http.post(**text.receipt("undelivered", code))
    [failed] = await desk.published(DispatchFailed)
    assert failed.retry_at == desk.clock.now() + timedelta(minutes=5)
    calls = desk.provider.calls
    await desk.hear(desk.cleared(2))
    await desk.send()
    assert desk.provider.calls == calls
    assert {row["state"] for row in await desk.dispatches()} == {"failed", "queued"}


@pytest.mark.parametrize("code", [30023, 30027])
async def test_a_text_over_the_daily_cap_is_asked_about_again_after_midnight_of_the_pacific_day(
    desk: Desk, code: int
) -> None:
    text = await sent(desk)
    await desk.http.post(**text.receipt("undelivered", code))
    [failed] = await desk.published(DispatchFailed)
    assert failed.retry_at is not None
    local = failed.retry_at.astimezone(ZoneInfo("America/Los_Angeles"))
    assert (local.hour, local.minute, local.second) == (0, 0, 0)
    assert timedelta() < failed.retry_at - desk.clock.now() <= timedelta(days=1, hours=1)
    calls = desk.provider.calls
    await desk.hear(desk.cleared(2))
    await desk.send()
    assert desk.provider.calls == calls
    desk.clock.advance(minutes=1)
    await desk.hear(desk.cleared(3))
    await desk.send()
    assert desk.provider.calls == calls + 1
