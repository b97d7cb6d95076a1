"""Notifications by webhook: at least once, under one id, in turns, and never about a person who was erased."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa

from services.connectors import tables
from services.connectors.deliveries import store
from services.connectors.deliveries.retries import GIVE_UP_AFTER, DeliveryResult
from services.connectors.deliveries.webhooks import WebhookChannel
from services.connectors.dependencies import ConnectorsDependencies
from services.connectors.retention import prune
from services.connectors.settings import ConnectorsSettings
from shared.controls import EVERY_MERCHANT, ControlAction
from shared.events.consent import MerchantClosed, PrivacyRequested, PrivacyRight, RecipientErased
from shared.events.control import ApprovalAsked, ControlChanged, ScopePart
from shared.events.dispatch import DispatchUnknown
from shared.events.engagement import ReplyReviewed
from shared.events.privacy import PrivacyErased, PrivacyExported
from shared.ids import EventId, MerchantId, RecipientId
from shared.rights import SHOP_ERASURE
from shared.testing import make
from tests.integration.connectors.driver import LOOPBACK, SECRET, ConnectorsDriver, data_of, endpoint, write_merchant
from tests.web_receiver import OK, WebReceiver

BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
NOBODY = RecipientId(UUID(int=0))


async def test_a_reply_arrives_signed_with_ids_a_masked_number_and_no_text(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    reply = driver.reply()
    await driver.hear(reply)
    await driver.deliver()

    [request] = receiver.requests
    assert driver.is_genuine(request)
    assert request.line == "POST /acme HTTP/1.1"
    document = orjson.loads(request.body)
    assert document["type"] == "reply.received"
    assert document["timestamp"] == reply.occurred_at.isoformat()
    assert document["data"]["number"] == "+1212•••0123"
    assert document["data"]["recipient_id"] == str(reply.recipient_id)
    assert document["data"]["conversation_url"].endswith(f"/v1/conversations/{reply.recipient_id}")
    assert b"2125550123" not in request.body
    assert b"Ana" not in request.body
    assert await driver.states() == ["delivered"]


async def test_what_is_delivered_keeps_no_content(driver: ConnectorsDriver) -> None:
    await driver.hear(driver.reply())
    [before] = await driver.deliveries()
    await driver.deliver()
    [after] = await driver.deliveries()

    assert before["body"]
    assert after["body"] == b""


async def test_the_same_event_twice_is_delivered_once(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    reply = driver.reply()
    await driver.hear(reply, reply)
    await driver.deliver_all()
    await driver.hear(reply)
    await driver.deliver_all()

    assert len(receiver.requests) == 1


async def test_a_refused_delivery_is_tried_again_later_under_the_same_id(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    answers = iter([BUSY, BUSY, OK])
    receiver.answer = lambda _: next(answers)
    await driver.hear(driver.reply())

    await driver.deliver()
    await driver.deliver_all()  # 20 s: the second attempt, not the third
    assert await driver.states() == ["pending"]
    assert len(receiver.requests) == 2
    driver.clock.advance(minutes=1)
    await driver.deliver()

    assert await driver.states() == ["delivered"]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in receiver.requests}) == 3
    assert len({request.body for request in receiver.requests}) == 1
    assert driver.is_genuine(receiver.requests[-1])


async def test_a_crash_between_the_call_and_its_commit_sends_it_again_under_the_same_id(
    driver: ConnectorsDriver, receiver: WebReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise RuntimeError

    await driver.hear(driver.reply())
    with monkeypatch.context() as crash:
        crash.setattr(store, "finish", dies)
        await driver.deliver()
    await driver.deliver()
    assert len(receiver.requests) == 1  # the lease has not ended: another process does not call at once

    driver.clock.advance(seconds=61)
    await driver.deliver()

    assert len(receiver.requests) == 2
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert await driver.states() == ["delivered"]


async def test_two_processes_do_not_call_the_same_endpoint_at_once(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    parts = driver.connectors
    rival = ConnectorsDependencies.of(driver.harness.runtime, {"HOOK_SECRET": SECRET}, LOOPBACK).deliverer
    await driver.hear(driver.reply())

    await parts.deliverer.step()
    await rival.step()
    await parts.deliverer.finish()
    await rival.finish()

    assert len(receiver.requests) == 1


async def test_what_never_arrives_is_given_up_after_a_day_and_can_be_sent_again(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    receiver.answer = lambda _: BUSY
    await driver.hear(driver.reply())
    for _ in range(30):
        await driver.deliver()
        driver.clock.advance(hours=1)
    [dead] = await driver.deliveries()
    assert (dead["state"], dead["problem"]) == ("dead", "http_503")
    tries = len(receiver.requests)
    assert 8 <= tries <= 20
    assert dead["ended_at"] - dead["created_at"] <= GIVE_UP_AFTER

    receiver.answer = lambda _: OK
    answer = await driver.post(f"/v1/deliveries/{dead['delivery_id']}/redrive")
    await driver.deliver()

    assert answer.json()["state"] == "pending"
    assert await driver.states() == ["delivered"]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


async def test_a_process_that_stops_does_not_wait_for_a_silent_endpoint_and_nothing_is_lost(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    receiver.answer = lambda _: None
    await driver.hear(driver.reply())
    await driver.connectors.deliverer.step()
    await receiver.arrived.wait()
    await driver.connectors.deliverer.finish(seconds=0)

    receiver.answer = lambda _: OK
    driver.clock.advance(seconds=61)
    await driver.deliver()
    assert await driver.states() == ["delivered"]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


async def test_gone_means_no_more(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    await driver.hear(driver.reply())
    await driver.deliver()

    [row] = await driver.deliveries()
    assert (row["state"], row["problem"], row["attempts"]) == ("dead", "http_410", 1)


async def test_a_redirect_is_not_followed_and_says_what_to_do(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    await driver.hear(driver.reply())
    await driver.deliver()

    [row] = await driver.deliveries()
    assert (row["state"], row["problem"]) == ("pending", "http_302")
    assert "redirects" in row["detail"]
    assert len(receiver.requests) == 1


async def test_a_dead_endpoint_is_called_less_and_less_and_harms_no_other_merchant(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    receiver.answer = lambda request: BUSY if "/acme" in request.line else OK
    await driver.hear(*(driver.reply(number) for number in range(1, 31)))
    await driver.deliver_all()
    before = len(receiver.requests)
    assert before < 30  # it paused after its first failures

    await driver.hear(driver.reply(99, "other"))
    await driver.deliver()

    assert receiver.requests[-1].line == "POST /other HTTP/1.1"
    assert await driver.states("other") == ["delivered"]
    [view] = (await driver.get("/v1/endpoints")).json()["endpoints"]
    assert view["failures"] >= 5
    assert (view["waiting"], view["last_delivered_at"]) == (30, None)
    receiver.answer = lambda _: OK
    driver.clock.advance(hours=5)
    await driver.deliver_all()
    assert set(await driver.states()) == {"delivered"}
    [view] = (await driver.get("/v1/endpoints")).json()["endpoints"]
    assert (view["failures"], view["failing_since"], view["waiting"]) == (0, None, 0)
    assert view["last_delivered_at"] is not None


async def test_beyond_the_most_that_wait_for_an_endpoint_more_is_given_up_at_once(
    driver: ConnectorsDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_WAITING", 2)
    await driver.hear(*(driver.reply(number) for number in range(1, 5)))

    assert sorted(await driver.states()) == ["dead", "dead", "pending", "pending"]
    assert {row["problem"] for row in await driver.deliveries()} == {None, "too_many_waiting"}


async def test_an_endpoint_hears_what_it_asked_for_and_a_new_one_hears_from_then_on(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    await driver.hear(driver.reply())
    await driver.deliver()
    write_merchant(
        driver.merchants_folder,
        "acme",
        endpoint("helpdesk", receiver.url("/acme")),
        endpoint("alarms", receiver.url("/alarms"), "[reply.needs_review]"),
    )
    driver.harness.runtime.merchants.reload_if_changed()
    receiver.requests.clear()

    await driver.hear(driver.reply(2), driver.reply(3, needs_review=True))
    await driver.deliver_all()

    told = sorted((request.line.split()[1], orjson.loads(request.body)["type"]) for request in receiver.requests)
    assert told == [
        ("/acme", "reply.needs_review"),
        ("/acme", "reply.received"),
        ("/acme", "reply.received"),
        ("/alarms", "reply.needs_review"),
    ]


async def test_an_endpoint_that_was_removed_gets_nothing_and_what_waited_is_not_lost(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    await driver.hear(driver.reply())
    write_merchant(driver.merchants_folder, "acme")
    driver.harness.runtime.merchants.reload_if_changed()
    await driver.deliver()
    assert receiver.requests == []
    assert [row["problem"] for row in await driver.deliveries()] == ["endpoint_removed"]

    write_merchant(driver.merchants_folder, "acme", endpoint("helpdesk", receiver.url("/acme")))
    driver.harness.runtime.merchants.reload_if_changed()
    driver.clock.advance(minutes=1)
    await driver.deliver()

    assert len(receiver.requests) == 1


async def test_every_event_that_is_worth_telling_is_told_in_a_sentence(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    now = driver.clock.now()
    control = {"merchant_id": MerchantId("acme"), "recipient_id": NOBODY, "made_at": now, "occurred_at": now}
    await driver.hear(
        make.event(ReplyReviewed, was_opt_out=False, reviewed_by="maria"),
        make.event(DispatchUnknown, flow="thanks", step="review", provider="main"),
        make.event(ControlChanged, action=ControlAction.PAUSE, scope=ScopePart(flow="win-back"), **control),
        make.event(ApprovalAsked, merchant_id=MerchantId("acme"), scope=ScopePart(flow="win-back"), texts=8120),
        make.event(MerchantClosed, recipient_id=NOBODY, reason="app_uninstalled"),
    )
    await driver.deliver_all()

    sentences = {orjson.loads(each.body)["type"]: data_of(each)["sentence"] for each in receiver.requests}
    assert sentences == {
        "reply.reviewed": "An unclear reply was no opt-out, and marketing to the person goes on, says maria.",
        "text.unknown": "Whether the text thanks/review was sent is unknown: main never said. It is not sent again.",
        "control.changed": "Texts of flow win-back are paused.",
        "approval.asked": "anna asks to let 8,120 texts of flow win-back go: another user says yes or no, "
        "until 2026-12-01 17:00 UTC.",
        "shop.closed": "The shop has left its platform (app_uninstalled): nothing is sent for it any more.",
    }


async def test_a_control_on_everything_is_told_to_every_merchant_once(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    changed = make.event(
        ControlChanged, merchant_id=EVERY_MERCHANT, recipient_id=NOBODY, action=ControlAction.STOP, scope=ScopePart()
    )
    await driver.hear(changed, changed)  # every partition brings it
    await driver.deliver_all()

    assert sorted(request.line.split()[1] for request in receiver.requests) == ["/acme", "/other"]
    assert data_of(receiver.requests[0])["sentence"] == "All texts are stopped."


async def test_nothing_is_sent_about_a_person_who_was_erased_not_even_late(
    driver: ConnectorsDriver, receiver: WebReceiver
) -> None:
    early = driver.reply(1)
    await driver.hear(early)
    person = driver.person()
    driver.clock.advance(minutes=1)
    erased = make.event(
        RecipientErased, recipient_id=person, occurred_at=driver.clock.now(), request_id=EventId(make.REQUEST)
    )
    await driver.hear(erased)
    late = driver.reply(2, occurred_at=early.occurred_at)
    await driver.hear(late)
    await driver.deliver_all()

    assert receiver.requests == []
    assert [(row["state"], row["body"]) for row in await driver.deliveries()] == [("erased", b"")]
    [certificate] = await driver.harness.published(PrivacyErased)
    assert (certificate.service, certificate.rows["connectors_deliveries"]) == ("connectors", 1)
    driver.clock.advance(minutes=1)
    await driver.hear(driver.reply(3))
    await driver.deliver_all()
    assert len(receiver.requests) == 1  # who writes again afterwards is a new person


async def test_an_erasure_during_the_call_keeps_nothing(
    driver: ConnectorsDriver, receiver: WebReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.reply())
    channel = driver.connectors.deliverer._webhooks
    send = channel.send

    async def erased_meanwhile(*call: Any) -> DeliveryResult:
        result = await send(*call)
        await driver.hear(make.event(RecipientErased, recipient_id=driver.person(), occurred_at=driver.clock.now()))
        return result

    monkeypatch.setattr(WebhookChannel, "send", lambda _self, *call: erased_meanwhile(*call))
    receiver.answer = lambda _: BUSY
    await driver.deliver()
    driver.clock.advance(hours=1)
    await driver.deliver()

    assert len(receiver.requests) == 1
    assert await driver.states() == ["erased"]


async def test_an_export_holds_what_waits_about_the_person(driver: ConnectorsDriver) -> None:
    await driver.hear(driver.reply())
    request = make.event(
        PrivacyRequested, recipient_id=driver.person(), right=PrivacyRight.EXPORT, occurred_at=driver.clock.now()
    )
    await driver.hear(request)

    [piece] = await driver.harness.published(PrivacyExported)
    assert (piece.service, piece.parts) == ("connectors", 1)


async def test_a_shop_that_asks_for_erasure_keeps_no_content(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    await driver.hear(driver.reply(), driver.reply(2, "other"))
    await driver.hear(make.event(MerchantClosed, recipient_id=NOBODY, reason=SHOP_ERASURE))
    await driver.deliver_all()

    assert await driver.states() == ["erased"]
    assert [request.line for request in receiver.requests] == ["POST /other HTTP/1.1"]


async def test_a_missing_secret_sends_nothing_unsigned(driver: ConnectorsDriver, receiver: WebReceiver) -> None:
    driver.connectors.deliverer._webhooks._environ = {}
    await driver.hear(driver.reply())
    await driver.deliver()

    assert receiver.requests == []
    [row] = await driver.deliveries()
    assert row["problem"] == "secret_missing"
    assert "HOOK_SECRET" in row["detail"]


async def test_old_notifications_are_deleted_and_waiting_ones_stay(driver: ConnectorsDriver) -> None:
    await driver.hear(driver.reply(1))
    await driver.deliver()
    await driver.hear(driver.reply(2, occurred_at=driver.clock.now() - timedelta(days=90)))
    driver.clock.advance(days=31)
    await driver.hear(driver.reply(3, occurred_at=driver.clock.now() - timedelta(days=40)))

    await prune(driver.harness.runtime.units, ConnectorsSettings())

    assert await driver.states() == ["pending", "pending"]


async def test_every_list_and_claim_is_found_along_an_index(driver: ConnectorsDriver) -> None:
    table, now = tables.deliveries.c, driver.clock.now()
    its = table.merchant_id == "acme", table.endpoint == "helpdesk"
    for statement in (
        sa.select(tables.deliveries).where(*its, table.next_at <= now).order_by(table.next_at).limit(5),
        sa.select(sa.func.min(table.next_at)).where(*its, table.next_at.is_not(None)),
        sa.select(tables.deliveries)
        .where(table.merchant_id == "acme", table.state == "dead")
        .order_by(table.delivery_id.desc())
        .limit(5),
        sa.select(tables.deliveries).where(table.merchant_id == "acme").order_by(table.delivery_id.desc()).limit(5),
    ):
        plan = await driver.harness.plan(statement)
        assert "ix_connectors_deliveries" in plan
        assert "SCAN connectors_deliveries" not in plan.replace("SCAN connectors_deliveries USING", "")
