"""One follow-up from its clearance to its delivery, and what keeps it from going."""

import asyncio
from collections import deque
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from services.sender.queue.dispatches import SealedContent
from services.sender.sending import composition, dispatcher, intents
from services.sender.sending.readiness import ClocksApart
from services.sender.tables import dispatches, system_tables
from shared.bus import parked
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentReported, MerchantClosed, SuppressionCause
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchWaiting, ErrorClass
from shared.events.follow_up import FollowUpCancelled, FollowUpLapsed, Purpose
from shared.testing import make, make_sender
from tests.integration.sender.driver import SenderDriver, alarms


def cancelled(driver: SenderDriver, follow_up_id: object) -> FollowUpCancelled:
    return make.event(
        FollowUpCancelled, follow_up_id=follow_up_id, recipient_id=make_sender.recipient_id(driver.sealer)
    )


async def test_a_cleared_follow_up_becomes_one_text_and_is_delivered(driver: SenderDriver) -> None:
    cleared = driver.cleared(window_closes_at=driver.clock.now() + timedelta(hours=1))
    await driver.hear(cleared)
    await driver.send()
    (text,) = driver.provider.texts
    assert text.form["Body"] == "Acme: Hello Ana"
    assert text.form["ValidityPeriod"] == str(3600 - 15)
    (accepted,) = await driver.published(DispatchAccepted)
    assert accepted.follow_up_id == cleared.follow_up_id
    assert accepted.provider_message_id == text.sid
    for status in ("queued", "sent", "delivered", "sent"):
        assert (await driver.http.post(**text.receipt(status))).status_code == 200
    (delivered,) = await driver.published(DispatchDelivered)
    assert delivered.attempt_id == accepted.attempt_id
    assert (await driver.dispatches())[0]["state"] == "delivered"
    assert (await driver.dispatches())[0]["body"] is None


async def test_a_cancellation_that_overtakes_the_clearance_leaves_a_tombstone(driver: SenderDriver) -> None:
    cleared = driver.cleared()
    await driver.hear(cancelled(driver, cleared.follow_up_id))
    await driver.hear(cleared)
    await driver.hear(driver.cleared(release=2, follow_up_id=cleared.follow_up_id))
    await driver.send()
    assert driver.provider.calls == 0


async def test_a_cancellation_after_the_clearance_takes_it_out_of_the_queue(driver: SenderDriver) -> None:
    cleared = driver.cleared()
    await driver.hear(cleared, cancelled(driver, cleared.follow_up_id), cancelled(driver, cleared.follow_up_id))
    await driver.send()
    assert driver.provider.calls == 0
    assert await driver.published(DispatchFailed) == []


async def test_a_text_cancelled_while_its_call_is_refused_for_now_does_not_go_later(driver: SenderDriver) -> None:
    driver.provider.script = deque(["throttle"])
    cleared = driver.cleared()
    await driver.hear(cleared)
    await driver.send()
    await driver.hear(cancelled(driver, cleared.follow_up_id))
    driver.clock.advance(seconds=30)
    await driver.send()
    assert driver.provider.calls == 1


async def test_a_clearance_that_runs_out_lapses_and_a_higher_release_goes(driver: SenderDriver) -> None:
    cleared = driver.cleared(valid_until=driver.clock.now() + timedelta(seconds=44))
    await driver.hear(cleared)
    await driver.send()
    (lapsed,) = await driver.published(FollowUpLapsed)
    assert (lapsed.follow_up_id, lapsed.release) == (cleared.follow_up_id, 1)
    await driver.hear(cleared)
    await driver.send()
    assert driver.provider.calls == 0
    await driver.hear(driver.cleared(release=2, follow_up_id=cleared.follow_up_id))
    await driver.send()
    assert driver.provider.calls == 1


async def test_an_expired_text_is_refused_with_its_reason(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(expires_at=driver.clock.now()))
    await driver.send()
    (failed,) = await driver.published(DispatchFailed)
    assert (failed.reason, failed.accepted, failed.attempt_id) == ("expired", False, None)
    assert driver.provider.calls == 0


async def test_a_closed_merchant_sends_nothing(driver: SenderDriver) -> None:
    await driver.hear(make.event(MerchantClosed, recipient_id=make.RECIPIENT), driver.cleared())
    await driver.send()
    (failed,) = await driver.published(DispatchFailed)
    assert failed.reason == "merchant_closed"
    assert driver.provider.calls == 0


async def test_a_template_without_its_value_fails_with_its_reason(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(text="Hello {{ trigger.nothing }}"))
    await driver.send()
    (failed,) = await driver.published(DispatchFailed)
    assert (failed.reason, failed.error_class) == ("render_failed", ErrorClass.CONTENT)


async def test_two_texts_to_one_person_go_one_after_the_other(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1), driver.cleared(2))
    await driver.send()
    assert driver.provider.calls == 1
    driver.clock.advance(seconds=2)
    await driver.send()
    assert driver.provider.calls == 2


@pytest.mark.parametrize("first", [1, 2])
async def test_of_two_texts_that_waited_together_the_one_planned_first_goes_first(
    driver: SenderDriver, first: int
) -> None:
    due_at = driver.clock.now()
    first_due = {first: due_at, 3 - first: due_at + timedelta(seconds=2)}
    await driver.hear(*(driver.cleared(n, text=f"Text {n}", first_due_at=at) for n, at in first_due.items()))
    await driver.send()
    driver.clock.advance(seconds=2)
    await driver.send()
    assert [text.form["Body"] for text in driver.provider.texts] == [f"Acme: Text {first}", f"Acme: Text {3 - first}"]


async def test_the_same_text_waits_until_the_first_one_is_known(driver: SenderDriver) -> None:
    driver.provider.script = deque(["accept_then_drop"])
    await driver.hear(driver.cleared(1))
    await driver.send()
    await driver.hear(driver.cleared(2), driver.cleared(3, text="Another"))
    await driver.send()
    assert [text.form["Body"] for text in driver.provider.texts] == ["Acme: Hello Ana", "Acme: Another"]
    await driver.reconcile(seconds=6)
    await driver.send()
    assert len(driver.provider.texts) == 3
    assert {attempt["state"] for attempt in await driver.attempts()} == {"accepted"}
    assert len({attempt["provider_message_id"] for attempt in await driver.attempts()}) == 3


async def test_answers_go_before_transactional_and_those_before_marketing(driver: SenderDriver) -> None:
    await driver.hear(
        *(
            driver.cleared(n, purpose=purpose, phone=f"+1212555012{n}")
            for n, purpose in enumerate((Purpose.MARKETING, Purpose.TRANSACTIONAL, Purpose.HELP))
        )
    )
    driver.sender.calls._most = 1
    for _ in range(3):
        await driver.send()
    assert [text.form["To"][-1] for text in driver.provider.texts] == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("code", "error_class", "cause"),
    [
        (21610, ErrorClass.OPTED_OUT, None),
        (21211, ErrorClass.INVALID, SuppressionCause.INVALID),
        (21614, ErrorClass.NOT_MOBILE, SuppressionCause.INVALID),
    ],
)
async def test_a_refused_person_is_suppressed_and_reported(
    driver: SenderDriver, code: int, error_class: ErrorClass, cause: SuppressionCause | None
) -> None:
    driver.provider.script = deque([f"refuse:{code}"])
    await driver.hear(driver.cleared(1))
    await driver.send()
    (failed,) = await driver.published(DispatchFailed)
    assert (failed.error_class, failed.code, failed.retry_at) == (error_class, str(code), None)
    (reported,) = await driver.published(ConsentReported)
    assert (reported.cause, reported.keyword_seq) == (cause, 1)
    await driver.hear(driver.cleared(2))
    await driver.send()
    assert driver.provider.calls == 1


async def test_an_unlisted_code_is_final_and_looked_at(driver: SenderDriver) -> None:
    driver.provider.script = deque(["refuse:29999"])
    before = alarms("unknown")
    await driver.hear(driver.cleared())
    await driver.send()
    (failed,) = await driver.published(DispatchFailed)
    assert (failed.error_class, failed.code) == (ErrorClass.UNKNOWN, "29999")
    assert alarms("unknown") == before + 1
    assert await driver.published(ConsentReported) == []


async def test_marketing_waits_while_the_wall_clock_is_in_doubt(driver: SenderDriver) -> None:
    driver.clock.trustworthy = False
    await driver.hear(driver.cleared(1, purpose=Purpose.MARKETING), driver.cleared(2, phone="+12125550124"))
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts] == ["+12125550124"]


async def test_a_tracked_link_is_kept_with_the_intent(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(text="See {{ 'https://acme.example/o/1' | link }}"))
    await driver.send()
    address = driver.provider.texts[0].form["Body"].split()[-1]
    assert address.startswith("https://go.acme.example/r/")
    answer = await driver.http.get(address.removeprefix("https://go.acme.example"))
    assert answer.headers["location"] == "https://acme.example/o/1"


@pytest.mark.parametrize("path", ["00000000-0000-4000-8000-000000000000", None])
async def test_a_dispatch_can_be_looked_up_with_every_attempt(driver: SenderDriver, path: str | None) -> None:
    driver.provider.script = deque(["throttle"])
    cleared = driver.cleared()
    await driver.hear(cleared)
    await driver.send()
    driver.clock.advance(seconds=8)
    await driver.send()
    headers = {"Authorization": f"Bearer {make_sender.API_KEY}"}
    answer = await driver.http.get(f"/v1/dispatches/{path or cleared.follow_up_id}", headers=headers)
    if path is not None:
        assert answer.status_code == 404
        return
    body: dict[str, Any] = answer.json()
    assert body["state"] == "accepted"
    assert [attempt["state"] for attempt in body["attempts"]] == ["refused", "accepted"]


async def listed(driver: SenderDriver, follow_up_id: object) -> dict[str, Any]:
    """Return what the sender says it is doing with a text."""
    headers = {"Authorization": f"Bearer {make_sender.API_KEY}"}
    return dict((await driver.http.get(f"/v1/dispatches/{follow_up_id}", headers=headers)).json()["progress"])


@pytest.mark.parametrize(
    ("script", "reason", "detail", "doing", "waits_for"),
    [
        ("500", "unanswered", "http_500", "unanswered", "answer"),
        ("accept_then_drop", "unanswered", None, "unanswered", "answer"),
        ("throttle", "throttled", "20429", "waiting", "throttled"),
        ("refuse:30034", "sender_unregistered", "30034", "waiting", "sender_halted"),
    ],
)
async def test_a_call_that_is_not_over_is_said_aloud(
    driver: SenderDriver, script: str, reason: str, detail: str | None, doing: str, waits_for: str
) -> None:
    driver.provider.script = deque([script])
    cleared = driver.cleared()
    await driver.hear(cleared)
    with capture_logs() as lines:
        await driver.send()
    [event] = await driver.published(DispatchWaiting)
    assert (event.follow_up_id, event.reason) == (cleared.follow_up_id, reason)
    assert detail in {None, event.detail}
    assert event.until > driver.clock.now()
    [line] = [line for line in lines if line["event"] in {"call_unanswered", "call_put_off"}]
    assert (line["reason"], line["follow_up_id"]) == (reason, str(cleared.follow_up_id))
    shown = await listed(driver, cleared.follow_up_id)
    assert (shown["doing"], shown["waits_for"]) == (doing, waits_for)
    assert shown["until"] is not None


async def test_a_text_that_went_is_with_the_provider(driver: SenderDriver) -> None:
    cleared = driver.cleared()
    await driver.hear(cleared)
    assert (await listed(driver, cleared.follow_up_id))["doing"] == "sending"
    await driver.send()
    assert (await listed(driver, cleared.follow_up_id))["doing"] == "sent"
    assert await driver.published(DispatchWaiting) == []


async def test_a_text_that_cannot_be_composed_does_not_hold_the_queue(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = composition.compose

    def poisoned(content: SealedContent, *rest: Any) -> Any:
        if content.first_contact:
            raise ZeroDivisionError
        return real(content, *rest)

    monkeypatch.setattr(dispatcher, "compose", poisoned)
    await driver.hear(driver.cleared(1, first_contact=True), driver.cleared(2, phone="+12125550124"))
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts] == ["+12125550124"]
    assert [failed.reason for failed in await driver.published(DispatchFailed)] == ["compose_crashed"]


async def test_a_pass_that_is_cancelled_after_its_commit_began_still_makes_its_calls(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.cleared())
    begun, run = asyncio.Event(), driver.sender.dispatcher._units.run

    async def slow(*arguments: Any) -> Any:
        begun.set()
        await asyncio.sleep(0)
        return await run(*arguments)

    monkeypatch.setattr(driver.sender.dispatcher._units, "run", slow)
    passing = asyncio.create_task(driver.sender.dispatcher.step())
    await begun.wait()
    passing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passing
    await driver.sender.calls.stop()
    assert [attempt["state"] for attempt in await driver.attempts()] == ["accepted"]
    assert driver.provider.calls == 1


async def test_the_service_sends_by_itself_while_it_runs(driver: SenderDriver) -> None:
    async with driver.service.running():
        await driver.harness.publish(driver.cleared())
        async with asyncio.timeout(60):
            while not await driver.published(DispatchAccepted):  # noqa: ASYNC110 - the log has no event for tests
                await asyncio.sleep(0.02)
    assert driver.provider.calls == 1


async def test_marketing_waits_while_the_consumer_is_halted(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1, purpose=Purpose.MARKETING), driver.cleared(2, phone="+12125550124"))
    assert driver.service.runner is not None
    driver.service.runner.halted = "consumer_halted"
    await driver.send()
    assert [text.form["To"] for text in driver.provider.texts] == ["+12125550124"]


async def test_a_queued_text_that_cannot_be_read_is_parked_and_its_number_goes_on(driver: SenderDriver) -> None:
    await driver.hear(*(driver.cleared(n, phone=f"+1212555012{n}") for n in range(4)))
    guilty = (await driver.dispatches())[1]["follow_up_id"]
    await spoil(driver, guilty, "no-such-policy")
    await driver.send()
    assert driver.provider.calls == 3
    assert [row["type"] for row in await driver.harness.rows(sa.select(system_tables.parked))] == ["sender.text"]
    events = driver.service.events
    assert events is not None
    assert await parked.redrive(driver.harness.runtime.units, system_tables, events) == (0, 1)
    await spoil(driver, guilty, "at_most_once")
    assert await parked.redrive(driver.harness.runtime.units, system_tables, events) == (1, 0)
    await driver.send()
    assert driver.provider.calls == 4


async def test_a_text_that_cannot_be_written_down_is_parked_and_the_others_of_its_group_go(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [driver.cleared(n, phone=f"+1212555012{n}") for n in range(5)]
    await driver.hear(*texts)
    judge = intents._decide

    def failing(each: intents.PreparedDispatch, *rest: Any, **named: Any) -> Any:
        if each.dispatch.follow_up_id == texts[2].follow_up_id:
            raise KeyError("no such column")
        return judge(each, *rest, **named)

    monkeypatch.setattr(intents, "_decide", failing)
    await driver.send()
    assert driver.provider.calls == 4
    assert len(await driver.harness.rows(sa.select(system_tables.parked))) == 1
    assert len(await driver.attempts()) == 4


@pytest.mark.parametrize("seconds", [-40, 40])
async def test_nothing_is_sent_while_the_clocks_of_process_and_database_are_far_apart(
    driver: SenderDriver, seconds: float
) -> None:
    if driver.harness.runtime.database.dialect == "sqlite":
        return  # a file has no clock of its own
    await driver.hear(driver.cleared())
    driver.clock.skew = timedelta(seconds=seconds)
    with pytest.raises(ClocksApart):
        await driver.send()
    assert driver.provider.calls == 0
    driver.clock.skew = timedelta()
    driver.clock.advance(seconds=11)
    await driver.send()
    assert driver.provider.calls == 1


async def spoil(driver: SenderDriver, follow_up_id: object, resend: str) -> None:
    """Write an unknown policy, as an older version or a manual change could."""

    async def work(uow: UnitOfWork) -> None:
        change = sa.update(dispatches).where(dispatches.c.follow_up_id == follow_up_id).values(resend=resend)
        await uow.db.execute(change)

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
