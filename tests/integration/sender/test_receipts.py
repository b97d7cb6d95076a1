"""Receipts: the lattice at work, and who may report."""

from datetime import timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.sender.retention import prune
from services.sender.settings import SenderSettings
from shared import aad
from shared.db import instruments
from shared.events.consent import ConsentReported
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, ErrorClass
from shared.events.follow_up import Purpose
from shared.testing.make_sender import API_KEY, SentText, signed_post
from tests.integration.sender.driver import SenderDriver


async def sent(driver: SenderDriver, **changes: Any) -> SentText:
    await driver.hear(driver.cleared(**changes))
    await driver.send()
    return driver.provider.texts[-1]


@pytest.mark.parametrize("order", list(permutations(["queued", "sent", "delivered"])))
async def test_receipts_in_any_order_and_twice_end_the_same(driver: SenderDriver, order: tuple[str, ...]) -> None:
    text = await sent(driver)
    for status in (*order, *order):
        await driver.http.post(**text.receipt(status))
    assert [(a["state"], a["status"]) for a in await driver.attempts()] == [("accepted", "delivered")]
    assert len(await driver.published(DispatchDelivered)) == 1
    assert len(await driver.published(DispatchAccepted)) == 1


async def test_every_receipt_is_kept_without_the_number(driver: SenderDriver) -> None:
    text = await sent(driver)
    for _ in range(2):
        await driver.http.post(**text.receipt("sent"))
    kept = await driver.receipts()
    assert len(kept) == 2
    opened = driver.sealer.open(kept[0]["merchant_id"], aad.receipt(kept[0]["id"]), kept[0]["raw"])
    assert b"MessageStatus" in opened
    assert b"2125550123" not in opened


async def test_a_receipt_that_says_nothing_new_costs_the_one_row_that_keeps_it(driver: SenderDriver) -> None:
    text = await sent(driver)
    before = instruments.ROWS_WRITTEN._value.get()
    for status in ("queued", "sent", "sent"):
        await driver.http.post(**text.receipt(status))
    assert instruments.ROWS_WRITTEN._value.get() - before == 3
    await driver.http.post(**text.receipt("delivered"))
    before = instruments.ROWS_WRITTEN._value.get()
    await driver.http.post(**text.receipt("delivered"))
    assert instruments.ROWS_WRITTEN._value.get() - before == 1


async def test_how_far_a_text_is_on_its_way_is_shown_though_only_its_receipts_say_so(driver: SenderDriver) -> None:
    text = await sent(driver)
    assert await shown(driver) == "accepted"
    await driver.http.post(**text.receipt("sent"))
    await driver.http.post(**text.receipt("queued"))
    assert await shown(driver) == "sent"
    await driver.http.post(**text.receipt("delivered", sid="SM-another"))
    assert await shown(driver) == "sent"
    await driver.http.post(**text.receipt("undelivered", 30007))
    await driver.http.post(**text.receipt("sent"))
    assert await shown(driver) == "undelivered"


async def shown(driver: SenderDriver) -> str:
    follow_up_id = (await driver.dispatches())[0]["follow_up_id"]
    headers = {"Authorization": f"Bearer {API_KEY}"}
    answer = await driver.http.get(f"/v1/dispatches/{follow_up_id}", headers=headers)
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
    driver: SenderDriver, code: int, purpose: Purpose, wait: timedelta | None
) -> None:
    text = await sent(driver, purpose=purpose)
    await driver.http.post(**text.receipt("undelivered", code))
    (failed,) = await driver.published(DispatchFailed)
    assert failed.accepted
    assert failed.code == str(code)
    assert failed.retry_at == (None if wait is None else driver.clock.now() + wait)


async def test_an_unknown_failure_is_tried_once_more_and_not_twice(driver: SenderDriver) -> None:
    text = await sent(driver)
    follow_up_id = (await driver.dispatches())[0]["follow_up_id"]
    await driver.http.post(**text.receipt("undelivered", 30008))
    again = await sent(driver, release=2, follow_up_id=follow_up_id)
    assert again.sid != text.sid
    await driver.http.post(**again.receipt("undelivered", 30008))
    assert [f.retry_at is None for f in await driver.published(DispatchFailed)] == [False, True]
    await driver.hear(driver.cleared(release=3, follow_up_id=follow_up_id))
    await driver.send()
    assert driver.provider.calls == 2


async def test_an_undelivered_text_of_marketing_is_never_sent_again(driver: SenderDriver) -> None:
    text = await sent(driver, purpose=Purpose.MARKETING)
    follow_up_id = (await driver.dispatches())[0]["follow_up_id"]
    await driver.http.post(**text.receipt("undelivered", 30008))
    await driver.hear(driver.cleared(purpose=Purpose.MARKETING, release=2, follow_up_id=follow_up_id))
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_delivery_reported_after_a_failure_holds(driver: SenderDriver) -> None:
    text = await sent(driver)
    await driver.http.post(**text.receipt("failed", 30006))
    await driver.http.post(**text.receipt("delivered"))
    assert (await driver.dispatches())[0]["state"] == "delivered"
    assert len(await driver.published(DispatchDelivered)) == 1
    (failed,) = await driver.published(DispatchFailed)
    assert failed.error_class is ErrorClass.NOT_MOBILE
    assert len(await driver.published(ConsentReported)) == 1


async def test_strangers_and_changed_addresses_get_one_answer(driver: SenderDriver) -> None:
    text = await sent(driver)
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
    answers = [await driver.http.post(**request) for request in wrong]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert await driver.published(DispatchDelivered) == []
    assert (await driver.http.post(**genuine)).status_code == 200


async def test_raw_receipts_and_texts_of_replies_go_after_thirteen_months(driver: SenderDriver) -> None:
    text = await sent(driver)
    await driver.http.post(**text.receipt("sent"))
    await driver.reply("Thanks a lot, Ana")
    units = driver.harness.runtime.units
    driver.clock.advance(days=395)
    await prune(units, SenderSettings())
    assert len(await driver.receipts()) == 1
    driver.clock.advance(days=2)
    await prune(units, SenderSettings())
    assert await driver.receipts() == []
    assert [row["text"] for row in await driver.replies()] == [None]


@pytest.mark.parametrize("word", ["\0", "a\0b", "\ufffd"])
async def test_a_receipt_with_odd_characters_is_stored_cleanly(driver: SenderDriver, word: str) -> None:
    text = await sent(driver)
    form = {"MessageSid": f"{text.sid}{word}", "MessageStatus": "failed", "ErrorCode": word, "To": word, word: word}
    assert (await driver.http.post(**signed_post(text.callback_url, form))).status_code == 200
    [kept] = await driver.receipts()
    assert "\0" not in kept["provider_message_id"]


@pytest.mark.parametrize("code", [30034, 30032, 35118, 30002])
async def test_a_registration_or_account_fault_in_a_receipt_halts_the_number_and_its_texts_wait(
    driver: SenderDriver, code: int
) -> None:
    text = await sent(driver)
    await driver.http.post(**text.receipt("undelivered", code))
    [failed] = await driver.published(DispatchFailed)
    assert failed.retry_at == driver.clock.now() + timedelta(minutes=5)
    calls = driver.provider.calls
    await driver.hear(driver.cleared(2))
    await driver.send()
    assert driver.provider.calls == calls
    assert {row["state"] for row in await driver.dispatches()} == {"failed", "queued"}


@pytest.mark.parametrize("code", [30023, 30027])
async def test_a_text_over_the_daily_cap_is_asked_about_again_after_midnight_of_the_pacific_day(
    driver: SenderDriver, code: int
) -> None:
    text = await sent(driver)
    await driver.http.post(**text.receipt("undelivered", code))
    [failed] = await driver.published(DispatchFailed)
    assert failed.retry_at is not None
    local = failed.retry_at.astimezone(ZoneInfo("America/Los_Angeles"))
    assert (local.hour, local.minute, local.second) == (0, 0, 0)
    assert timedelta() < failed.retry_at - driver.clock.now() <= timedelta(days=1, hours=1)
    calls = driver.provider.calls
    await driver.hear(driver.cleared(2))
    await driver.send()
    assert driver.provider.calls == calls
    driver.clock.advance(minutes=1)
    await driver.hear(driver.cleared(3))
    await driver.send()
    assert driver.provider.calls == calls + 1
