"""Every crash point of the send protocol, section 4, by its number: what is found, and how many texts there are.

A killed process is one whose memory is forgotten (`desk.restarted`). Not here: C9 and C10 of the distributed outbox;
in one process an event is in the log if and only if its outcome is committed, which C9 shows.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.sender.queue.attempt_recording import Item
from services.sender.reconciliation.reconciler import Reconciler
from services.sender.sending.answer_classification import Accepted
from shared import failpoints
from shared.bus.port import Assignment
from shared.db.transaction import Transaction, WritePriority
from shared.errors import DatabaseUnavailable
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.follow_up import FollowUpCleared, Purpose, ResendPolicy, SendPolicy
from shared.failpoints import FailpointReached
from tests.integration.sender.desk import Desk, alarms

RESEND = SendPolicy(resend=ResendPolicy.RESEND_WHEN_ABSENT)


def arm(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(failpoints, "_TRAPS", failpoints._armed(f"{where}=raise"))


async def commits_but_says_no(desk: Desk, monkeypatch: pytest.MonkeyPatch, lane: WritePriority) -> None:
    """Make the next commit of a lane happen and look as if it had not."""
    database = desk.house.runtime.database
    write = database.write

    async def doubtful(work: Callable[[Transaction], Awaitable[Any]], used: WritePriority) -> Any:
        result = await write(work, used)
        if used is lane:
            monkeypatch.setattr(database, "write", write)
            raise DatabaseUnavailable
        return result

    monkeypatch.setattr(database, "write", doubtful)


async def prove_absent(desk: Desk) -> None:
    """Let the reaper and two empty listings pass."""
    await desk.reconcile(seconds=43)
    await desk.reconcile(seconds=100)
    await desk.reconcile(minutes=5)


async def test_c0_before_the_queue_commit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, "runner.before_commit")
    await desk.hear(desk.cleared())
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_c1_after_the_queue_commit(desk: Desk) -> None:
    await desk.hear(desk.cleared())
    desk.restarted()
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_c2_after_the_claim(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.hear(desk.cleared())
    arm(monkeypatch, "sender.after_claim")
    with pytest.raises(FailpointReached):
        await desk.send()
    desk.restarted()
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_c3_an_intent_in_doubt_was_not_called_and_goes_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.hear(desk.cleared())
    await commits_but_says_no(desk, monkeypatch, WritePriority.INTENTS)
    with pytest.raises(DatabaseUnavailable):
        await desk.send()
    assert (await desk.attempts())[0]["state"] == "intent"
    await desk.send()
    assert [a["state"] for a in await desk.attempts()] == ["not_sent"]
    desk.clock.advance(seconds=2)
    await desk.send()
    assert [a["state"] for a in await desk.attempts()] == ["not_sent", "accepted"]
    assert len(desk.provider.texts) == 1


async def test_c3_an_intent_in_doubt_of_a_dead_process_is_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.hear(desk.cleared(purpose=Purpose.MARKETING))
    await commits_but_says_no(desk, monkeypatch, WritePriority.INTENTS)
    with pytest.raises(DatabaseUnavailable):
        await desk.send()
    desk.restarted()
    await desk.reconcile(seconds=43)
    assert [a["state"] for a in await desk.attempts()] == ["unknown"]
    assert not desk.provider.texts


async def die_after_intent(desk: Desk, monkeypatch: pytest.MonkeyPatch, cleared: FollowUpCleared) -> None:
    await desk.hear(cleared)
    arm(monkeypatch, "sender.after_intent")
    with pytest.raises(FailpointReached):
        await desk.send()
    desk.restarted()


async def test_c4_a_marketing_text_that_never_went_is_not_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared = desk.cleared(purpose=Purpose.MARKETING)
    await die_after_intent(desk, monkeypatch, cleared)
    await desk.reconcile(seconds=40)
    assert (await desk.attempts())[0]["state"] == "intent"  # deadline + 30 s has not passed
    await desk.reconcile(seconds=3)
    await desk.reconcile(seconds=100)
    await desk.reconcile(minutes=4)
    assert (await desk.attempts())[0]["state"] == "unknown"  # two empty answers, but less than five minutes apart
    await desk.reconcile(minutes=1)
    (failed,) = await desk.published(DispatchFailed)
    assert (failed.reason, failed.accepted, failed.retry_at) == ("proven_absent", False, None)
    await desk.hear(desk.cleared(purpose=Purpose.MARKETING, release=2, follow_up_id=cleared.follow_up_id))
    await desk.send()
    assert len(desk.provider.texts) == 0


async def test_c4_a_transactional_text_that_never_went_goes_through_the_gate_once_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared = desk.cleared(policy=RESEND)
    await die_after_intent(desk, monkeypatch, cleared)
    await prove_absent(desk)
    (failed,) = await desk.published(DispatchFailed)
    assert failed.retry_at == desk.clock.now()
    again = desk.cleared(policy=RESEND, release=2, follow_up_id=cleared.follow_up_id)
    await desk.hear(again)
    await desk.send()
    assert len(desk.provider.texts) == 1
    assert [a["state"] for a in await desk.attempts()] == ["proven_absent", "accepted"]


@pytest.mark.parametrize("word", ["drop", "500", "408", "redirect", "html_403"])
async def test_c5_a_call_that_broke_is_unknown_and_never_repeated(desk: Desk, word: str) -> None:
    desk.provider.script = deque([word])
    await desk.hear(desk.cleared(purpose=Purpose.MARKETING))
    await desk.send()
    assert [a["state"] for a in await desk.attempts()] == ["unknown"]
    desk.clock.advance(seconds=30)
    await desk.send()
    await prove_absent(desk)
    assert desk.provider.calls == 1
    assert len(desk.provider.texts) == 0


@pytest.mark.parametrize("word", ["accept_then_drop", "accept_then_500", "accept_then_garbage"])
async def test_c6_a_lost_answer_is_found_in_the_listing(desk: Desk, word: str) -> None:
    desk.provider.script = deque([word])
    await desk.hear(desk.cleared(policy=RESEND))
    await desk.send()
    assert [a["state"] for a in await desk.attempts()] == ["unknown"]
    await desk.reconcile(seconds=6)
    (accepted,) = await desk.published(DispatchAccepted)
    assert accepted.reconciled
    assert accepted.provider_message_id == desk.provider.texts[0].sid
    await prove_absent(desk)
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_c6_a_lost_answer_is_settled_by_a_callback(desk: Desk) -> None:
    desk.provider.script = deque(["accept_then_drop"])
    await desk.hear(desk.cleared(policy=RESEND))
    await desk.send()
    await desk.http.post(**desk.provider.texts[0].receipt("sent"))
    assert [(a["state"], a["status"]) for a in await desk.attempts()] == [("accepted", "sent")]
    desk.provider.listing_works = False
    await prove_absent(desk)
    assert len(await desk.published(DispatchAccepted)) == 1
    assert len(desk.provider.texts) == 1


async def test_c7_an_answer_read_and_not_written_is_found_in_the_listing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.hear(desk.cleared(policy=RESEND))
    arm(monkeypatch, "sender.after_call")
    await desk.send()
    assert [a["state"] for a in await desk.attempts()] == ["intent"]
    desk.restarted()
    await desk.send()
    await desk.reconcile(seconds=43)
    await desk.reconcile(seconds=6)
    assert [a["state"] for a in await desk.attempts()] == ["accepted"]
    assert len(desk.provider.texts) == 1


async def test_c8_an_outcome_waits_in_memory_while_the_database_is_down(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = desk.house.runtime.database
    write, failures = database.write, [1, 2]

    async def down(work: Callable[[Transaction], Awaitable[Any]], lane: WritePriority) -> Any:
        if lane is WritePriority.OUTCOMES and failures:
            failures.pop()
            raise DatabaseUnavailable
        return await write(work, lane)

    monkeypatch.setattr(database, "write", down)
    await desk.hear(desk.cleared())
    await desk.send()
    assert not failures
    assert [a["state"] for a in await desk.attempts()] == ["accepted"]
    assert len(desk.provider.texts) == 1


async def test_c9_a_committed_outcome_is_in_the_log(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.hear(desk.cleared())
    arm(monkeypatch, "sender.after_outcome")
    await desk.send()
    desk.restarted()
    await desk.send()
    await prove_absent(desk)
    assert len(await desk.published(DispatchAccepted)) == 1
    assert len(desk.provider.texts) == 1


async def test_c11_a_committed_position_is_where_reading_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, "runner.after_commit")
    await desk.house.publish(desk.cleared())
    runner = desk.sender.service.runner
    assert runner is not None
    monkeypatch.setattr(type(runner), "_take", type(runner)._commit)  # no second try inside the dying process
    with pytest.raises(FailpointReached):
        await runner.step(linger_seconds=0)
    monkeypatch.undo()
    desk.restarted()
    await desk.house.settle(desk.sender.service)
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_c12_a_callback_overtakes_the_outcome(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.hear(desk.cleared())
    arm(monkeypatch, "sender.after_call")
    await desk.send()
    (text,), (attempt,) = desk.provider.texts, await desk.attempts()
    await desk.http.post(**text.receipt("delivered"))
    assert (await desk.attempts())[0]["state"] == "accepted"
    doubles = alarms("double")
    await desk.sender.outcomes.settle(Item(attempt["id"], attempt["follow_up_id"], Accepted(text.sid, parts=1)))
    assert alarms("double") == doubles
    assert len(await desk.published(DispatchAccepted)) == 1
    assert (await desk.dispatches())[0]["state"] == "delivered"


async def test_c12_a_second_id_for_one_attempt_raises_an_alarm(desk: Desk) -> None:
    await desk.hear(desk.cleared())
    await desk.send()
    doubles = alarms("double")
    await desk.http.post(**desk.provider.texts[0].receipt("delivered", sid="SM-another"))
    assert alarms("double") == doubles + 1
    assert (await desk.attempts())[0]["provider_message_id"] == desk.provider.texts[0].sid


async def test_c13_the_same_clearance_twice(desk: Desk) -> None:
    cleared = desk.cleared()
    await desk.hear(cleared, cleared)
    await desk.send()
    await desk.hear(cleared)
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_c14_a_frozen_worker_does_not_call(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.hear(desk.cleared())
    start = desk.sender.calls.start

    def frozen(*arguments: Any) -> None:
        desk.clock.advance(seconds=3)
        monkeypatch.undo()
        start(*arguments)

    monkeypatch.setattr(desk.sender.calls, "start", frozen)
    await desk.send()
    assert desk.provider.calls == 0
    assert [(a["state"], a["reason"]) for a in await desk.attempts()] == [("not_sent", "started_too_late")]
    desk.clock.advance(seconds=2)
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_c15_nothing_hidden_repeats_a_call_on_a_kept_connection(desk: Desk) -> None:
    await desk.hear(desk.cleared(1))
    await desk.send()
    desk.provider.script = deque(["accept_then_drop"])
    await desk.hear(desk.cleared(2))
    await desk.send()
    assert desk.provider.connections == 1  # the second call met the race on a reused connection
    assert desk.provider.calls == 2
    await desk.reconcile(seconds=6)
    assert len(desk.provider.texts) == 2
    assert {a["state"] for a in await desk.attempts()} == {"accepted"}


async def test_c16_a_restored_queue_is_asked_after_before_it_is_sent(desk: Desk) -> None:
    snapshot = desk.clock.now()
    forgotten, fresh = desk.cleared(1), desk.cleared(2, phone="+12125550124")
    desk.clock.advance(seconds=1)
    await desk.hear(forgotten)
    await desk.send()  # this call is what the backup does not know of
    await desk.lose_everything_sent()
    await desk.hear(fresh)
    desk.clock.advance(seconds=60)
    desk.restarted(restored_at=snapshot)
    await desk.send()
    assert desk.provider.calls == 1
    await prove_absent(desk)
    desk.clock.advance(seconds=2)
    await desk.hear(desk.cleared(2, phone="+12125550124", follow_up_id=fresh.follow_up_id, release=2))
    await desk.send()  # the clearance ran out meanwhile: the gate is asked again
    await desk.hear(desk.cleared(2, phone="+12125550124", follow_up_id=fresh.follow_up_id, release=3))
    await desk.send()
    assert sorted(text.form["To"] for text in desk.provider.texts) == ["+12125550123", "+12125550124"]


async def test_c16_a_text_still_pending_in_the_backup_is_asked_after_too(desk: Desk) -> None:
    due_at = snapshot = desk.clock.now()
    sent = desk.cleared(1, first_due_at=due_at)
    await desk.hear(sent)
    await desk.send()  # the backup was made before even the clearance
    assert desk.provider.calls == 1
    await desk.forget_everything()
    desk.clock.advance(seconds=60)
    desk.restarted(restored_at=snapshot)
    await desk.hear(desk.cleared(1, first_due_at=due_at, follow_up_id=sent.follow_up_id))
    await desk.send()
    assert desk.provider.calls == 1
    later = desk.clock.now() + timedelta(seconds=1)
    desk.clock.advance(seconds=1)
    await desk.hear(desk.cleared(2, phone="+12125550124", first_due_at=later))
    await desk.send()
    assert desk.provider.calls == 2  # what fell due after the restart was never sent before


async def test_c17_a_reconciler_that_died_and_another_change_nothing_twice(desk: Desk) -> None:
    desk.provider.script = deque(["accept_then_drop"])
    await desk.hear(desk.cleared())
    await desk.send()
    desk.clock.advance(seconds=6)
    other = Reconciler(
        desk.house.runtime.units,
        desk.sealer,
        desk.sender.book,
        holding=lambda: Assignment(frozenset({0}), 1),
        horizon=timedelta(hours=1),
        pause_seconds=1,
    )
    await desk.sender.reconciler.step()
    await other.step()
    await other.step()
    assert len(await desk.published(DispatchAccepted)) == 1
    assert len(desk.provider.texts) == 1


async def test_what_cannot_be_proven_ends_as_unknown_and_is_never_sent_again(desk: Desk) -> None:
    desk.provider.listing_works = False
    desk.provider.script = deque(["accept_then_drop"])
    cleared = desk.cleared(policy=RESEND)
    await desk.hear(cleared)
    await desk.send()
    await desk.reconcile(seconds=43)
    await desk.reconcile(hours=25)
    (unknown,) = await desk.published(DispatchUnknown)
    assert unknown.reason == "not_provable"
    await desk.hear(desk.cleared(policy=RESEND, release=2, follow_up_id=cleared.follow_up_id))
    await desk.send()
    assert len(desk.provider.texts) == 1


async def test_an_unanswered_text_never_adopts_what_an_earlier_follow_up_sent(desk: Desk) -> None:
    await desk.hear(desk.cleared(0, text="first of all: {{ recipient.first_name }}"))
    await desk.send()  # from now on no text carries the line for a first contact
    for number, text in ((1, "Your code: {{ recipient.first_name }}"), (2, "Something else")):
        desk.clock.advance(seconds=20)
        await desk.hear(desk.cleared(number, text=text))
        await desk.send()
    desk.provider.script = deque(["drop"])
    desk.clock.advance(seconds=20)
    await desk.hear(desk.cleared(3, text="Your code: {{ recipient.first_name }}"))
    await desk.send()
    doubles = alarms("double")
    await desk.reconcile(seconds=43)
    by_state = {a["state"]: a["provider_message_id"] for a in await desk.attempts() if a["state"] != "accepted"}
    assert by_state == {"unknown": None}
    second = desk.provider.texts[1]
    await desk.http.post(**second.receipt("delivered"))
    assert alarms("double") == doubles
    assert len({a["provider_message_id"] for a in await desk.attempts() if a["provider_message_id"]}) == 3
