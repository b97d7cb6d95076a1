"""One follow-up from its clearance to its delivery, and what keeps it from going."""

import asyncio
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from services.sender.clock_skew import ClocksApart
from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.numbers.health import NumberHealth
from services.sender.reconciliation.findings import body_sha256, text_mark
from services.sender.schema import ground
from services.sender.sending import composition, dispatcher, intents
from services.sender.tables import dispatches, recipients
from shared import places
from shared.bus import parked
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentReported, MerchantClosed, RecipientErased, SuppressionCause
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchWaiting, ErrorClass
from shared.events.follow_up import FollowUpCancelled, FollowUpLapsed, Purpose
from shared.events.trigger import Contact
from shared.ids import MerchantId
from shared.phone import E164
from shared.testing import make, make_sender
from tests.integration.sender.desk import Desk, alarms


def cancelled(desk: Desk, follow_up_id: object) -> FollowUpCancelled:
    return make.event(FollowUpCancelled, follow_up_id=follow_up_id, recipient_id=make_sender.recipient_id(desk.sealer))


async def test_a_cleared_follow_up_becomes_one_text_and_is_delivered(desk: Desk) -> None:
    cleared = desk.cleared(window_closes_at=desk.clock.now() + timedelta(hours=1))
    await desk.hear(cleared)
    await desk.send()
    (text,) = desk.provider.texts
    assert text.form["Body"] == "Acme: Hello Ana"
    assert text.form["ValidityPeriod"] == str(3600 - 15)
    (accepted,) = await desk.published(DispatchAccepted)
    assert accepted.follow_up_id == cleared.follow_up_id
    assert accepted.provider_message_id == text.sid
    for status in ("queued", "sent", "delivered", "sent"):
        assert (await desk.http.post(**text.receipt(status))).status_code == 200
    (delivered,) = await desk.published(DispatchDelivered)
    assert delivered.attempt_id == accepted.attempt_id
    assert (await desk.dispatches())[0]["state"] == "delivered"
    assert (await desk.dispatches())[0]["body"] is None


async def test_a_cancellation_that_overtakes_the_clearance_leaves_a_tombstone(desk: Desk) -> None:
    cleared = desk.cleared()
    await desk.hear(cancelled(desk, cleared.follow_up_id))
    await desk.hear(cleared)
    await desk.hear(desk.cleared(release=2, follow_up_id=cleared.follow_up_id))
    await desk.send()
    assert desk.provider.calls == 0


async def test_a_cancellation_after_the_clearance_takes_it_out_of_the_queue(desk: Desk) -> None:
    cleared = desk.cleared()
    await desk.hear(cleared, cancelled(desk, cleared.follow_up_id), cancelled(desk, cleared.follow_up_id))
    await desk.send()
    assert desk.provider.calls == 0
    assert await desk.published(DispatchFailed) == []


async def test_a_text_cancelled_while_its_call_is_refused_for_now_does_not_go_later(desk: Desk) -> None:
    desk.provider.script = deque(["throttle"])
    cleared = desk.cleared()
    await desk.hear(cleared)
    await desk.send()
    await desk.hear(cancelled(desk, cleared.follow_up_id))
    desk.clock.advance(seconds=30)
    await desk.send()
    assert desk.provider.calls == 1


async def test_a_clearance_that_runs_out_lapses_and_a_higher_release_goes(desk: Desk) -> None:
    cleared = desk.cleared(valid_until=desk.clock.now() + timedelta(seconds=44))
    await desk.hear(cleared)
    await desk.send()
    (lapsed,) = await desk.published(FollowUpLapsed)
    assert (lapsed.follow_up_id, lapsed.release) == (cleared.follow_up_id, 1)
    await desk.hear(cleared)
    await desk.send()
    assert desk.provider.calls == 0
    await desk.hear(desk.cleared(release=2, follow_up_id=cleared.follow_up_id))
    await desk.send()
    assert desk.provider.calls == 1


async def test_an_expired_text_is_refused_with_its_reason(desk: Desk) -> None:
    await desk.hear(desk.cleared(expires_at=desk.clock.now()))
    await desk.send()
    (failed,) = await desk.published(DispatchFailed)
    assert (failed.reason, failed.accepted, failed.attempt_id) == ("expired", False, None)
    assert desk.provider.calls == 0


async def test_a_closed_merchant_writes_to_nobody(desk: Desk) -> None:
    await desk.hear(make.event(MerchantClosed, recipient_id=make.RECIPIENT), desk.cleared())
    await desk.send()
    (failed,) = await desk.published(DispatchFailed)
    assert failed.reason == "merchant_closed"
    assert desk.provider.calls == 0


async def test_an_erased_person_gets_nothing_whichever_came_first(desk: Desk) -> None:
    late = desk.cleared(2)
    erased = make.event(
        RecipientErased, recipient_id=make_sender.recipient_id(desk.sealer), occurred_at=desk.clock.now()
    )
    await desk.hear(desk.cleared(1), erased, late)
    await desk.send()
    assert desk.provider.calls == 0
    assert {failed.reason for failed in await desk.published(DispatchFailed)} == {"erased"}
    assert all(row["contact"] is None and row["body"] is None for row in await desk.dispatches())


async def test_the_hash_of_a_text_that_went_does_not_outlive_the_persons_erasure(desk: Desk) -> None:
    await desk.hear(desk.cleared(1))
    await desk.send()
    [before] = await desk.attempts()
    await desk.hear(
        make.event(RecipientErased, recipient_id=make_sender.recipient_id(desk.sealer), occurred_at=desk.clock.now())
    )
    [after] = await desk.attempts()
    assert (before["state"], bool(before["body_sha256"])) == ("accepted", True)
    assert (after["state"], after["body_sha256"]) == ("accepted", b"")
    [person] = await desk.house.rows(sa.select(recipients))
    assert person["text_key"] is None


async def test_the_hash_of_a_text_is_kept_under_a_key_of_the_persons_and_told_to_nobody_else(desk: Desk) -> None:
    """Two people are sent the same words: nothing kept or published says so, and no guess at the words fits."""
    await desk.hear(desk.cleared(1, text="Hello"), desk.cleared(2, text="Hello", phone="+12125550199"))
    for _ in range(3):
        await desk.send()
        desk.clock.advance(seconds=2)
    words = {text.form["Body"] for text in desk.provider.texts}
    kept = [bytes(row["body_sha256"]) for row in await desk.attempts()]
    assert len(words) == 1
    assert len(set(kept)) == len(kept) == 2
    assert not {body_sha256(each) for each in words} & set(kept)
    assert {told.body_sha256 for told in await desk.published(DispatchAccepted)} == {each.hex() for each in kept}


async def test_who_was_known_before_there_were_keys_gets_one_with_their_next_text(desk: Desk) -> None:
    await desk.hear(desk.cleared(1))

    async def as_before(uow: UnitOfWork) -> None:
        await uow.db.execute(sa.update(recipients).values(text_key=None))

    await desk.house.runtime.units.run(as_before, WritePriority.BATCHES)
    await desk.send()
    [person] = await desk.house.rows(sa.select(recipients))
    [attempt] = await desk.attempts()
    assert person["text_key"]
    [text] = desk.provider.texts
    assert attempt["body_sha256"] == text_mark(person["text_key"], body_sha256(text.form["Body"]))


async def test_a_sealed_number_that_was_moved_to_another_persons_row_is_never_called(desk: Desk) -> None:
    await desk.hear(desk.cleared(1))
    theirs = places.contact(make_sender.recipient_id(desk.sealer, "+12125550199"))
    others = desk.sealer.seal(
        MerchantId(make.MERCHANT), theirs, Contact(phone=E164("+12125550199")).model_dump_json().encode()
    )

    async def move(uow: UnitOfWork) -> None:
        await uow.db.execute(sa.update(dispatches).values(contact=others))

    await desk.house.runtime.units.run(move, WritePriority.BATCHES)
    await desk.send()
    assert desk.provider.calls == 0
    assert {failed.reason for failed in await desk.published(DispatchFailed)} == {"unreadable"}


async def test_a_template_without_its_value_fails_with_its_reason(desk: Desk) -> None:
    await desk.hear(desk.cleared(text="Hello {{ trigger.nothing }}"))
    await desk.send()
    (failed,) = await desk.published(DispatchFailed)
    assert (failed.reason, failed.error_class) == ("render_failed", ErrorClass.CONTENT)


async def test_two_texts_to_one_person_go_one_after_the_other(desk: Desk) -> None:
    await desk.hear(desk.cleared(1), desk.cleared(2))
    await desk.send()
    assert desk.provider.calls == 1
    desk.clock.advance(seconds=2)
    await desk.send()
    assert desk.provider.calls == 2


@pytest.mark.parametrize("first", [1, 2])
async def test_of_two_texts_that_waited_together_the_one_planned_first_goes_first(desk: Desk, first: int) -> None:
    due_at = desk.clock.now()
    first_due = {first: due_at, 3 - first: due_at + timedelta(seconds=2)}
    await desk.hear(*(desk.cleared(n, text=f"Text {n}", first_due_at=at) for n, at in first_due.items()))
    await desk.send()
    desk.clock.advance(seconds=2)
    await desk.send()
    assert [text.form["Body"] for text in desk.provider.texts] == [f"Acme: Text {first}", f"Acme: Text {3 - first}"]


async def test_the_same_text_waits_until_the_first_one_is_known(desk: Desk) -> None:
    desk.provider.script = deque(["accept_then_drop"])
    await desk.hear(desk.cleared(1))
    await desk.send()
    await desk.hear(desk.cleared(2), desk.cleared(3, text="Another"))
    await desk.send()
    assert [text.form["Body"] for text in desk.provider.texts] == ["Acme: Hello Ana", "Acme: Another"]
    await desk.reconcile(seconds=6)
    await desk.send()
    assert len(desk.provider.texts) == 3
    assert {attempt["state"] for attempt in await desk.attempts()} == {"accepted"}
    assert len({attempt["provider_message_id"] for attempt in await desk.attempts()}) == 3


async def test_answers_go_before_transactional_and_those_before_marketing(desk: Desk) -> None:
    await desk.hear(
        *(
            desk.cleared(n, purpose=purpose, phone=f"+1212555012{n}")
            for n, purpose in enumerate((Purpose.MARKETING, Purpose.TRANSACTIONAL, Purpose.HELP))
        )
    )
    desk.sender.calls._most = 1
    for _ in range(3):
        await desk.send()
    assert [text.form["To"][-1] for text in desk.provider.texts] == ["2", "1", "0"]


@pytest.mark.parametrize("desk", [{"rate": 1}], indirect=True)
async def test_a_number_never_sends_more_parts_a_second_than_it_may(desk: Desk) -> None:
    await desk.hear(*(desk.cleared(n, phone=f"+1212555012{n}") for n in range(4)))
    for _ in range(30):
        await desk.send()
        desk.clock.advance(seconds=0.1)
    assert desk.provider.calls == 3


async def test_a_throttled_number_rests_as_long_as_the_provider_says(desk: Desk) -> None:
    desk.provider.script = deque(["throttle"])
    await desk.hear(desk.cleared(1), desk.cleared(2, phone="+12125550124"))
    desk.sender.calls._most = 1
    await desk.send()
    for _ in range(6):
        desk.clock.advance(seconds=1)
        await desk.send()
    assert desk.provider.calls == 1
    desk.clock.advance(seconds=1.1)
    await desk.send()
    await desk.send()
    assert len(desk.provider.texts) == 2
    assert await desk.published(DispatchFailed) == []


async def test_a_wrong_token_halts_the_number_and_loses_no_text(desk: Desk) -> None:
    desk.provider.script = deque(["refuse:20003"])
    await desk.hear(desk.cleared(1), desk.cleared(2, phone="+12125550124"))
    desk.sender.calls._most = 1
    await desk.send()
    desk.restarted()
    desk.clock.advance(minutes=9, seconds=30)
    await desk.send()
    assert desk.provider.calls == 1
    assert len(await desk.published(FollowUpLapsed)) == 2
    assert await desk.published(DispatchFailed) == []


async def test_a_number_that_one_replica_found_halted_is_halted_for_the_others_too(desk: Desk) -> None:
    other = NumberHealth(desk.house.runtime.units)
    await other.refresh()
    assert other.allowance(make_sender.SENDER_NUMBER) is None
    desk.provider.script = deque(["refuse:20003"])
    await desk.hear(desk.cleared())
    await desk.send()
    await other.refresh()
    assert other.allowance(make_sender.SENDER_NUMBER) is None, "it looks from time to time, not all the time"
    desk.clock.advance(seconds=6)
    await other.refresh()
    assert other.allowance(make_sender.SENDER_NUMBER) == 0


async def test_a_dead_provider_is_tried_less_and_less(desk: Desk) -> None:
    await desk.provider.stop()
    await desk.hear(*(desk.cleared(n, phone=f"+121255501{n:02}") for n in range(20)))
    desk.sender.calls._most = 1
    for _ in range(12):
        await desk.send()
    attempts = await desk.attempts()
    assert len(attempts) == 5
    assert {(a["state"], a["reason"]) for a in attempts} == {("not_sent", "connection_refused")}


@pytest.mark.parametrize(
    ("code", "error_class", "cause"),
    [
        (21610, ErrorClass.OPTED_OUT, None),
        (21211, ErrorClass.INVALID, SuppressionCause.INVALID),
        (21614, ErrorClass.NOT_MOBILE, SuppressionCause.INVALID),
    ],
)
async def test_a_refused_person_is_suppressed_and_reported(
    desk: Desk, code: int, error_class: ErrorClass, cause: SuppressionCause | None
) -> None:
    desk.provider.script = deque([f"refuse:{code}"])
    await desk.hear(desk.cleared(1))
    await desk.send()
    (failed,) = await desk.published(DispatchFailed)
    assert (failed.error_class, failed.code, failed.retry_at) == (error_class, str(code), None)
    (reported,) = await desk.published(ConsentReported)
    assert (reported.cause, reported.keyword_seq) == (cause, 1)
    await desk.hear(desk.cleared(2))
    await desk.send()
    assert desk.provider.calls == 1


async def test_an_unlisted_code_is_final_and_looked_at(desk: Desk) -> None:
    desk.provider.script = deque(["refuse:29999"])
    before = alarms("unknown")
    await desk.hear(desk.cleared())
    await desk.send()
    (failed,) = await desk.published(DispatchFailed)
    assert (failed.error_class, failed.code) == (ErrorClass.UNKNOWN, "29999")
    assert alarms("unknown") == before + 1
    assert await desk.published(ConsentReported) == []


@pytest.mark.parametrize("desk", [{"registration": "unregistered"}], indirect=True)
async def test_an_unregistered_number_is_refused_before_the_provider_does(desk: Desk) -> None:
    await desk.hear(desk.cleared())
    await desk.send()
    (failed,) = await desk.published(DispatchFailed)
    assert failed.error_class is ErrorClass.SENDER_UNREGISTERED
    assert desk.provider.calls == 0


@pytest.mark.parametrize("minutes", [0, 9.5])
async def test_a_text_whose_number_left_the_files_ends_and_is_not_asked_about_for_ever(
    desk: Desk, minutes: float
) -> None:
    await desk.hear(desk.cleared(sender_number="+12025550199"))
    desk.clock.advance(minutes=minutes)
    await desk.send()
    assert await desk.published(FollowUpLapsed) == []
    assert [failed.reason for failed in await desk.published(DispatchFailed)] == ["sender_unknown"]
    assert [row["state"] for row in await desk.dispatches()] == ["failed"]


async def test_a_text_whose_number_stays_halted_lapses_for_a_day_and_then_ends(desk: Desk) -> None:
    planned_for = desk.clock.now()
    for release, hours in enumerate((1, 23, 25), start=1):
        desk.clock.advance(seconds=(planned_for + timedelta(hours=hours) - desk.clock.now()).total_seconds())
        soon = desk.clock.now() + timedelta(seconds=20)
        await desk.hear(desk.cleared(first_due_at=planned_for, valid_until=soon, release=release))
        desk.sender.dispatcher._numbers._breakers[make_sender.SENDER_NUMBER] = Breaker(BreakerState.HALTED)
        await desk.send()
    assert len(await desk.published(FollowUpLapsed)) == 2
    assert {lapsed.reason for lapsed in await desk.published(FollowUpLapsed)} == {"sender_halted"}
    assert [failed.reason for failed in await desk.published(DispatchFailed)] == ["sender_halted"]


async def test_marketing_waits_while_the_wall_clock_is_in_doubt(desk: Desk) -> None:
    desk.clock.trustworthy = False
    await desk.hear(desk.cleared(1, purpose=Purpose.MARKETING), desk.cleared(2, phone="+12125550124"))
    await desk.send()
    assert [text.form["To"] for text in desk.provider.texts] == ["+12125550124"]


async def test_a_tracked_link_is_kept_with_the_intent(desk: Desk) -> None:
    await desk.hear(desk.cleared(text="See {{ 'https://acme.example/o/1' | link }}"))
    await desk.send()
    address = desk.provider.texts[0].form["Body"].split()[-1]
    assert address.startswith("https://go.acme.example/r/")
    answer = await desk.http.get(address.removeprefix("https://go.acme.example"))
    assert answer.headers["location"] == "https://acme.example/o/1"


@pytest.mark.parametrize("path", ["00000000-0000-4000-8000-000000000000", None])
async def test_a_dispatch_can_be_looked_up_with_every_attempt(desk: Desk, path: str | None) -> None:
    desk.provider.script = deque(["throttle"])
    cleared = desk.cleared()
    await desk.hear(cleared)
    await desk.send()
    desk.clock.advance(seconds=8)
    await desk.send()
    headers = {"Authorization": f"Bearer {make_sender.API_KEY}"}
    answer = await desk.http.get(f"/v1/dispatches/{path or cleared.follow_up_id}", headers=headers)
    if path is not None:
        assert answer.status_code == 404
        return
    body: dict[str, Any] = answer.json()
    assert body["state"] == "accepted"
    assert [attempt["state"] for attempt in body["attempts"]] == ["refused", "accepted"]


async def told_of(desk: Desk, follow_up_id: object) -> dict[str, Any]:
    """Return what the sender says it is doing with a text."""
    headers = {"Authorization": f"Bearer {make_sender.API_KEY}"}
    return dict((await desk.http.get(f"/v1/dispatches/{follow_up_id}", headers=headers)).json()["progress"])


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
    desk: Desk, script: str, reason: str, detail: str | None, doing: str, waits_for: str
) -> None:
    desk.provider.script = deque([script])
    cleared = desk.cleared()
    await desk.hear(cleared)
    with capture_logs() as lines:
        await desk.send()
    [told] = await desk.published(DispatchWaiting)
    assert (told.follow_up_id, told.reason) == (cleared.follow_up_id, reason)
    assert detail in {None, told.detail}
    assert told.until > desk.clock.now()
    [line] = [line for line in lines if line["event"] in {"call_unanswered", "call_put_off"}]
    assert (line["reason"], line["follow_up_id"]) == (reason, str(cleared.follow_up_id))
    shown = await told_of(desk, cleared.follow_up_id)
    assert (shown["doing"], shown["waits_for"]) == (doing, waits_for)
    assert shown["until"] is not None


async def test_a_text_that_went_is_with_the_provider(desk: Desk) -> None:
    cleared = desk.cleared()
    await desk.hear(cleared)
    assert (await told_of(desk, cleared.follow_up_id))["doing"] == "sending"
    await desk.send()
    assert (await told_of(desk, cleared.follow_up_id))["doing"] == "sent"
    assert await desk.published(DispatchWaiting) == []


async def test_a_text_that_cannot_be_composed_does_not_hold_the_queue(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = composition.compose

    def poisoned(row: Any, *rest: Any) -> Any:
        if row["first_contact"]:
            raise ZeroDivisionError
        return real(row, *rest)

    monkeypatch.setattr(dispatcher, "compose", poisoned)
    await desk.hear(desk.cleared(1, first_contact=True), desk.cleared(2, phone="+12125550124"))
    await desk.send()
    assert [text.form["To"] for text in desk.provider.texts] == ["+12125550124"]
    assert [failed.reason for failed in await desk.published(DispatchFailed)] == ["compose_crashed"]


async def test_a_pass_that_is_cancelled_after_its_commit_began_still_makes_its_calls(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.hear(desk.cleared())
    begun, run = asyncio.Event(), desk.sender.dispatcher._units.run

    async def slow(*arguments: Any) -> Any:
        begun.set()
        await asyncio.sleep(0)
        return await run(*arguments)

    monkeypatch.setattr(desk.sender.dispatcher._units, "run", slow)
    passing = asyncio.create_task(desk.sender.dispatcher.step())
    await begun.wait()
    passing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passing
    await desk.sender.calls.stop()
    assert [attempt["state"] for attempt in await desk.attempts()] == ["accepted"]
    assert desk.provider.calls == 1


async def test_the_service_sends_by_itself_while_it_runs(desk: Desk) -> None:
    async with desk.sender.service.running():
        await desk.house.publish(desk.cleared())
        async with asyncio.timeout(10):
            while not await desk.published(DispatchAccepted):  # noqa: ASYNC110 - the log has no event for tests
                await asyncio.sleep(0.02)
    assert desk.provider.calls == 1


async def test_marketing_waits_while_the_event_door_is_halted(desk: Desk) -> None:
    await desk.hear(desk.cleared(1, purpose=Purpose.MARKETING), desk.cleared(2, phone="+12125550124"))
    assert desk.sender.service.runner is not None
    desk.sender.service.runner.halted = "consumer_halted"
    await desk.send()
    assert [text.form["To"] for text in desk.provider.texts] == ["+12125550124"]


async def test_a_changed_file_takes_effect_and_an_unchanged_account_keeps_its_connections(
    desk: Desk, tmp_path: Path
) -> None:
    before = desk.sender.book.provider("acme", "main")
    make_sender.merchants_folder(tmp_path, desk.provider.base_url, rate=7)
    assert desk.house.runtime.merchants.reload_if_changed()
    assert desk.sender.book.provider("acme", "main") is before
    make_sender.merchants_folder(tmp_path, desk.provider.base_url, sid="AC" + "1" * 32)
    assert desk.house.runtime.merchants.reload_if_changed()
    assert desk.sender.book.provider("acme", "main") is not before


async def test_a_held_number_makes_one_trial_call_at_a_time(desk: Desk) -> None:
    desk.provider.script = deque(["refuse:20003", "accept_then_hang"])
    first = [desk.cleared(n, phone=f"+121255501{n:02}") for n in range(4)]
    await desk.hear(*first)
    desk.sender.calls._most = 1
    await desk.send()
    desk.sender.calls._most = 4
    desk.clock.advance(minutes=15)
    renewed = [
        desk.cleared(n, phone=f"+121255501{n:02}", release=2, follow_up_id=each.follow_up_id)
        for n, each in enumerate(first)
    ]
    await desk.sender.dispatcher.step()
    await desk.hear(*renewed)
    for _ in range(5):
        await desk.sender.dispatcher.step()
        await asyncio.sleep(0.05)
    assert desk.provider.calls == 2
    await desk.provider.stop()


async def test_a_queued_text_that_cannot_be_read_is_parked_and_its_number_goes_on(desk: Desk) -> None:
    await desk.hear(*(desk.cleared(n, phone=f"+1212555012{n}") for n in range(4)))
    guilty = (await desk.dispatches())[1]["follow_up_id"]
    await spoil(desk, guilty, "no-such-policy")
    await desk.send()
    assert desk.provider.calls == 3
    assert [row["type"] for row in await desk.house.rows(sa.select(ground.parked))] == ["sender.text"]
    events = desk.sender.service.events
    assert events is not None
    assert await parked.redrive(desk.house.runtime.units, ground, events) == (0, 1)
    await spoil(desk, guilty, "at_most_once")
    assert await parked.redrive(desk.house.runtime.units, ground, events) == (1, 0)
    await desk.send()
    assert desk.provider.calls == 4


async def test_a_text_that_cannot_be_written_down_is_parked_and_the_others_of_its_group_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [desk.cleared(n, phone=f"+1212555012{n}") for n in range(5)]
    await desk.hear(*texts)
    judge = intents._judge

    def failing(each: intents.Prepared, *rest: Any, **named: Any) -> Any:
        if each.dispatch.follow_up_id == texts[2].follow_up_id:
            raise KeyError("no such column")
        return judge(each, *rest, **named)

    monkeypatch.setattr(intents, "_judge", failing)
    await desk.send()
    assert desk.provider.calls == 4
    assert len(await desk.house.rows(sa.select(ground.parked))) == 1
    assert len(await desk.attempts()) == 4


@pytest.mark.parametrize("seconds", [-40, 40])
async def test_nothing_is_sent_while_the_clocks_of_process_and_database_are_far_apart(
    desk: Desk, seconds: float
) -> None:
    if desk.house.runtime.database.dialect == "sqlite":
        return  # a file has no clock of its own
    await desk.hear(desk.cleared())
    desk.clock.skew = timedelta(seconds=seconds)
    with pytest.raises(ClocksApart):
        await desk.send()
    assert desk.provider.calls == 0
    desk.clock.skew = timedelta()
    desk.clock.advance(seconds=11)
    await desk.send()
    assert desk.provider.calls == 1


async def spoil(desk: Desk, follow_up_id: object, resend: str) -> None:
    """Write a policy that nobody knows, as an older version or a careless hand would."""

    async def work(uow: UnitOfWork) -> None:
        change = sa.update(dispatches).where(dispatches.c.follow_up_id == follow_up_id).values(resend=resend)
        await uow.db.execute(change)

    await desk.house.runtime.units.run(work, WritePriority.BATCHES)
