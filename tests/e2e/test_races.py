"""Two things at once: in either order, no text goes after a STOP, and nothing counts twice."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2
import sqlalchemy as sa

from services.demo.actions import SENDER_NUMBER
from services.demo.environment import RunningDemo
from services.scheduler.tables import enrollments, state_changes
from services.sender.tables import attempts, dispatches, receipts, replies
from services.simulator.wire import SIGNATURE_HEADER, sign
from shared.bus import local
from shared.db.transaction import Row
from shared.ids import MerchantId
from shared.phone import E164
from shared.testing.waiting import until

ACCOUNT_SID = "AC" + "0" * 32
PERSON = "+12125550123"


async def rows(shop: RunningDemo, statement: sa.Executable) -> Sequence[Row]:
    return await shop.application.runtime.database.read(lambda db: db.rows(statement))


def person(number: int) -> str:
    return f"+1212555{number:04d}"


def recipient_id(shop: RunningDemo, phone: str) -> Any:
    return shop.application.runtime.sealer.recipient_id(MerchantId("acme"), E164(phone))


async def consented(shop: RunningDemo, *phones: str) -> None:
    """Let people agree to texts about their orders, and wait until the ledger holds it."""
    for phone in phones:
        consent = {"to": phone, "scope": "informational", "level": "contract", "method": "checkout"}
        dated = {**consent, "captured_at": shop.clock.now().isoformat(), "disclosure": "texts about this order"}
        answer = await shop.actions.client.post("/v1/consents", json=dated, headers=shop.actions.authorization)
        assert answer.status_code == 201, answer.text

    async def held() -> bool:
        standing = await shop.actions.ask("/v1/recipients/standing", {"to": phones[-1]})
        return "contract" in json.dumps(standing["consents"])

    await until(held)


async def ask_text(shop: RunningDemo, phone: str = PERSON, **more: Any) -> str:
    """Ask for a text that is due now; return its id."""
    body = {"to": phone, "purpose": "transactional", "text": "Your table is ready.", **more}
    answer = await shop.actions.client.post("/v1/follow-ups", json=body, headers=shop.actions.authorization)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["follow_up_id"])


async def story(shop: RunningDemo, follow_up: str) -> dict[str, Any]:
    found: dict[str, Any] = await shop.actions.read(f"/v1/follow-ups/{follow_up}")
    return found


async def reaches(shop: RunningDemo, follow_up: str, *states: str) -> str:
    """Wait until a follow-up is in one of these states, and return which."""

    async def seen() -> str | None:
        state = str((await story(shop, follow_up))["state"])
        return state if state in states else None

    return await until(seen)


async def bring_reply(shop: RunningDemo, text: str, sid: str, phone: str = PERSON) -> httpx2.Response:
    """Post a reply as Twilio does, under its own id."""
    path = "/v1/providers/main/acme/replies"
    form = {"MessageSid": sid, "AccountSid": ACCOUNT_SID, "From": phone, "To": SENDER_NUMBER, "Body": text}
    headers = {SIGNATURE_HEADER: sign(shop.address + path, form, shop.actions.secrets.twilio)}
    return await shop.actions.client.post(path, data=form, headers=headers)


async def on_the_phone(shop: RunningDemo, phone: str = PERSON) -> list[str]:
    shop.actions.phone = phone
    return [text["body"] for text in await shop.actions.texts_received()]


async def logged(shop: RunningDemo, kind: str) -> list[dict[str, Any]]:
    """Return the bodies of every event of a type, oldest first."""
    log = local.event_log
    found = await rows(shop, sa.select(log.c.body).where(log.c.type == kind).order_by(log.c.id))
    return [json.loads(bytes(row["body"])) for row in found]


async def test_after_a_stop_was_acknowledged_no_intent_to_that_person_is_committed(shop: RunningDemo) -> None:
    people = [person(number) for number in range(100, 130)]
    await consented(shop, *people)
    follow_ups = await asyncio.gather(*(ask_text(shop, phone) for phone in people))
    dice = random.Random(7)  # noqa: S311 - for a test's timing
    intents_at_answer: dict[str, int] = {}

    async def intents(phone: str) -> Sequence[Row]:
        mine = attempts.c.recipient_id == recipient_id(shop, phone)
        texts = sa.select(attempts.c.intent_at).join_from(
            attempts, dispatches, attempts.c.follow_up_id == dispatches.c.follow_up_id
        )
        return await rows(shop, texts.where(mine, dispatches.c.purpose == "transactional"))

    async def is_under_way(phone: str) -> bool:
        return bool(await intents(phone))

    async def stop(phone: str) -> None:
        if phone in people[::5]:  # however slow the machine, these get their texts first
            await until(partial(is_under_way, phone))
        else:
            await asyncio.sleep(dice.uniform(0, 1.5))
        answer = await bring_reply(shop, "STOP", f"SM-stop-{phone}", phone)
        assert answer.status_code == 200
        intents_at_answer[phone] = len(await intents(phone))

    await asyncio.gather(*(stop(phone) for phone in people))
    ends = Counter([await reaches(shop, each, "delivered", "blocked", "cancelled", "failed") for each in follow_ups])
    await asyncio.sleep(0.3)
    said = {row["recipient_id"]: row["received_at"] for row in await rows(shop, sa.select(replies))}
    for phone in people:
        found = await intents(phone)
        assert len(found) == intents_at_answer[phone]
        assert all(row["intent_at"] <= said[recipient_id(shop, phone)] for row in found)
    assert ends["delivered"] >= len(people[::5])
    assert ends["delivered"] < len(people), "no STOP came before its text: the race was none"


async def test_a_cancel_answered_204_is_never_sent_and_no_cancel_is_lost(shop: RunningDemo) -> None:
    people = [person(number) for number in range(100, 120)]
    await consented(shop, *people)
    soon, later = (shop.clock.now() + timedelta(seconds=wait) for wait in (1, 600))
    due = [later.isoformat() if number < 2 else soon.isoformat() for number in range(len(people))]  # two come in time
    asked = (ask_text(shop, phone, due_at=at) for phone, at in zip(people, due, strict=True))
    follow_ups = await asyncio.gather(*asked)
    dice = random.Random(11)  # noqa: S311 - for a test's timing

    async def call_off(follow_up: str) -> int:
        await asyncio.sleep(dice.uniform(0.7, 1.8))
        answer = await shop.actions.client.delete(f"/v1/follow-ups/{follow_up}", headers=shop.actions.authorization)
        return answer.status_code

    answers = dict(zip(follow_ups, await asyncio.gather(*map(call_off, follow_ups)), strict=True))
    assert set(answers.values()) <= {202, 204, 409}
    assert 204 in answers.values()
    ends = {each: await reaches(shop, each, "delivered", "cancelled") for each in follow_ups}
    await asyncio.sleep(0.5)
    tried = {str(row["follow_up_id"]) for row in await rows(shop, sa.select(attempts.c.follow_up_id))}
    for follow_up, answer in answers.items():
        is_sent = follow_up in tried
        assert not (answer == 204 and is_sent)
        assert is_sent == ((await story(shop, follow_up))["state"] == "delivered")
        assert answer != 409 or ends[follow_up] == "delivered"


async def test_one_webhook_twenty_times_at_once_is_one_trigger(shop: RunningDemo) -> None:
    actions = shop.actions
    body = json.dumps(
        {
            "id": 820982911946154508,
            "name": "#1001",
            "financial_status": "paid",
            "created_at": shop.clock.now().isoformat(),
            "currency": "USD",
            "total_price": "49.00",
            "phone": PERSON,
            "order_status_url": "https://acme.example/o/1",
        }
    ).encode()
    digest = base64.b64encode(hmac.digest(actions.secrets.shopify.encode(), body, hashlib.sha256)).decode()

    async def bring(number: int) -> str:
        headers = {"X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": digest}
        headers["X-Shopify-Webhook-Id"] = f"id-{number % 3}"  # a repeat keeps its id; another telling has its own
        answer = await actions.client.post("/v1/webhooks/shopify/acme", content=body, headers=headers)
        assert answer.status_code == 200
        return str(answer.json()["status"])

    reported = Counter(await asyncio.gather(*map(bring, range(20))))
    assert reported == {"accepted": 1, "ignored": 2, "duplicate": 17}
    assert len(await logged(shop, "trigger.received")) == 1
    await until(lambda: rows(shop, sa.select(enrollments)))
    await asyncio.sleep(0.2)
    assert len(await rows(shop, sa.select(enrollments))) == 1
    assert len(await logged(shop, "follow-up.planned")) == 2


async def test_receipts_twenty_times_and_in_any_order_are_one_delivered(shop: RunningDemo) -> None:
    await consented(shop, PERSON)
    follow_up = await ask_text(shop)
    await reaches(shop, follow_up, "delivered")
    texts = (await shop.actions.client.get(f"/simulator/phones/{PERSON}.json")).json()["texts"]
    [text] = [each for each in texts if each["to"] == PERSON]
    path = text["status_callback"].removeprefix(shop.address)
    words = ["queued", "sent", "delivered", "sent", "failed", "undelivered"] * 4
    random.Random(3).shuffle(words)  # noqa: S311 - for a test's order

    async def bring(word: str) -> int:
        form = {"MessageSid": text["sid"], "MessageStatus": word, "AccountSid": ACCOUNT_SID, "To": PERSON}
        headers = {SIGNATURE_HEADER: sign(text["status_callback"], form, shop.actions.secrets.twilio)}
        return (await shop.actions.client.post(path, data=form, headers=headers)).status_code

    assert set(await asyncio.gather(*map(bring, words))) == {200}
    await asyncio.sleep(0.3)
    found = await story(shop, follow_up)
    assert found["state"] == "delivered"
    assert [each["state"] for each in found["changes"]].count("delivered") == 1
    assert len(await logged(shop, "dispatch.delivered")) == 1
    assert await logged(shop, "dispatch.failed") == []
    assert len(await rows(shop, sa.select(receipts))) >= 24 + 2


async def suppressed(shop: RunningDemo) -> bool:
    standing = await shop.actions.ask("/v1/recipients/standing", {"to": PERSON})
    return bool(standing["consents"]["marketing"]["status"] == "revoked")


async def goes(shop: RunningDemo) -> bool:
    """Ask for a text, and return whether it went."""
    ends = ("delivered", "blocked", "cancelled", "failed")
    return await reaches(shop, await ask_text(shop), *ends) == "delivered"


async def test_start_lifts_a_stop_and_an_old_start_does_not_lift_a_new_one(shop: RunningDemo) -> None:
    await consented(shop, PERSON)
    assert await goes(shop)
    await bring_reply(shop, "STOP", "SM-1")
    assert not await goes(shop)
    await bring_reply(shop, "START", "SM-2")
    await until(lambda: goes(shop))
    await bring_reply(shop, "STOP", "SM-3")
    assert not await goes(shop)
    await bring_reply(shop, "START", "SM-2")  # the provider brings the old one again
    await asyncio.sleep(0.5)
    assert not await goes(shop)
    assert await suppressed(shop)


async def test_help_is_answered_once_and_stop_said_twice_confirmed_once(shop: RunningDemo) -> None:
    await consented(shop, PERSON)
    await reaches(shop, await ask_text(shop), "delivered")
    await asyncio.gather(*(bring_reply(shop, "HELP", "SM-help") for _ in range(8)))

    async def texts(number: int) -> bool:
        return len(await on_the_phone(shop)) >= number

    await until(lambda: texts(2))
    await asyncio.gather(*(bring_reply(shop, "STOP", "SM-stop") for _ in range(8)), bring_reply(shop, "stop", "SM-b"))
    await until(lambda: texts(3))
    await bring_reply(shop, "STOP.", "SM-again")
    await asyncio.sleep(1)
    screen = await on_the_phone(shop)
    assert len(screen) == 3
    assert "help@acme.example" in screen[1]
    assert "unsubscribed" in screen[2]
    classes = Counter(row["reply_class"] for row in await rows(shop, sa.select(replies)))
    assert classes == {"help": 1, "opt_out": 3}


async def test_a_stop_by_text_after_an_opt_out_on_the_preference_page_is_confirmed_once(shop: RunningDemo) -> None:
    await consented(shop, PERSON)
    await reaches(shop, await ask_text(shop), "delivered")
    standing = await shop.actions.ask("/v1/recipients/standing", {"to": PERSON})
    page = httpx2.URL(standing["preferences_url"]).path
    assert (await shop.actions.client.post(page, data={"choice": "stop_all"})).status_code == 303
    await until(lambda: suppressed(shop))
    for sid in ("SM-1", "SM-2", "SM-3"):
        await bring_reply(shop, "STOP", sid)

    async def confirmed() -> bool:
        return len(await on_the_phone(shop)) > 1

    await until(confirmed)
    await asyncio.sleep(1)
    assert ["unsubscribed" in text for text in await on_the_phone(shop)] == [False, True]


async def kpi(shop: RunningDemo, name: str) -> Any:
    found = await shop.actions.read("/v1/kpis")
    return next((each["value"] for each in found["kpis"] if each["name"] == name), None)


async def test_a_second_orders_refund_is_taken_from_the_revenue(shop: RunningDemo) -> None:
    actions = shop.actions
    await actions.place_order(number=1, minor=4900, at=shop.clock.now())
    actions.jump(timedelta(hours=1, seconds=1))
    [text, *_] = await until(lambda: on_the_phone(shop))
    await until(lambda: logged(shop, "dispatch.delivered"))  # a tap before that counts as a robot's
    await actions.tap_link(text)
    actions.jump(timedelta(minutes=20))
    await actions.place_order(number=2, minor=6200, at=shop.clock.now())

    async def revenue(minor: int) -> bool:
        return bool(await kpi(shop, "revenue") == minor)

    await until(lambda: revenue(6200))

    at = shop.clock.now().isoformat()

    async def refund(number: int, minor: int) -> None:
        body = {"id": f"refund-{number}", "kind": "refund", "occurred_at": at, "recipient": {"phone": PERSON}}
        body |= {"subject": f"order-{actions.order_id + 2}", "amount": {"minor": minor, "currency": "USD"}}
        answer = await actions.client.post("/v1/events", json=body, headers=actions.authorization)
        assert answer.status_code == 202, answer.text

    await refund(1, 1200)
    await until(lambda: revenue(5000))
    await refund(1, 1200)
    await refund(2, 5000)
    await until(lambda: revenue(0))
    await asyncio.sleep(0.3)
    assert await revenue(0)


async def test_every_change_of_state_in_a_race_has_its_reason(shop: RunningDemo) -> None:
    follow_ups = [await ask_text(shop, person(number)) for number in range(100, 105)]
    await asyncio.gather(*(bring_reply(shop, "STOP", f"SM-{n}", person(n)) for n in range(100, 105)))
    for each in follow_ups:
        await reaches(shop, each, "delivered", "blocked", "cancelled", "failed")
    changes = await rows(shop, sa.select(state_changes))
    assert changes
    assert all(row["reason"] for row in changes if row["state"] in {"blocked", "cancelled", "failed"})
