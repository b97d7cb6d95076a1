"""Every crash point of the send protocol, section 4, by its number: what is found, and how many texts there are.

A killed process is one whose memory is forgotten (`driver.restarted`). Not here: C9 and C10 of the distributed outbox;
in one process an event is in the log if and only if its outcome is committed, which C9 shows.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.sender.reconciliation.reconciler import Reconciler
from services.sender.sending.answer_classification import Accepted
from services.sender.settings import SenderSettings
from shared import failpoints
from shared.bus.port import Assignment
from shared.db.transaction import Transaction, WritePriority
from shared.errors import DatabaseUnavailable
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.follow_up import FollowUpCleared, Purpose, ResendPolicy, SendPolicy
from shared.failpoints import FailpointReached
from tests.integration.sender.driver import SenderDriver, alarms

RESEND = SendPolicy(resend=ResendPolicy.RESEND_WHEN_ABSENT)


def arm(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(failpoints, "_TRAPS", failpoints._armed(f"{where}=raise"))


async def commits_but_says_no(driver: SenderDriver, monkeypatch: pytest.MonkeyPatch, priority: WritePriority) -> None:
    """Make the next commit of a priority happen and look as if it had not."""
    database = driver.harness.runtime.database
    write = database.write

    async def doubtful(work: Callable[[Transaction], Awaitable[Any]], used: WritePriority) -> Any:
        result = await write(work, used)
        if used is priority:
            monkeypatch.setattr(database, "write", write)
            raise DatabaseUnavailable
        return result

    monkeypatch.setattr(database, "write", doubtful)


async def prove_absent(driver: SenderDriver) -> None:
    """Let the call become overdue, and two empty listings pass."""
    await driver.reconcile(seconds=43)
    await driver.reconcile(seconds=100)
    await driver.reconcile(minutes=5)


async def test_c0_before_the_queue_commit(driver: SenderDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, "runner.before_commit")
    await driver.hear(driver.cleared())
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_c1_after_the_queue_commit(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    driver.restarted()
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_c2_after_the_claim(driver: SenderDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    await driver.hear(driver.cleared())
    arm(monkeypatch, "sender.after_claim")
    with pytest.raises(FailpointReached):
        await driver.send()
    driver.restarted()
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_c3_an_intent_in_doubt_was_not_called_and_goes_once(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.cleared())
    await commits_but_says_no(driver, monkeypatch, WritePriority.INTENTS)
    with pytest.raises(DatabaseUnavailable):
        await driver.send()
    assert (await driver.attempts())[0]["state"] == "intent"
    await driver.send()
    assert [a["state"] for a in await driver.attempts()] == ["not_sent"]
    driver.clock.advance(seconds=2)
    await driver.send()
    assert [a["state"] for a in await driver.attempts()] == ["not_sent", "accepted"]
    assert len(driver.provider.texts) == 1


async def test_c3_an_intent_in_doubt_of_a_dead_process_is_unknown(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.cleared(purpose=Purpose.MARKETING))
    await commits_but_says_no(driver, monkeypatch, WritePriority.INTENTS)
    with pytest.raises(DatabaseUnavailable):
        await driver.send()
    driver.restarted()
    await driver.reconcile(seconds=43)
    assert [a["state"] for a in await driver.attempts()] == ["unknown"]
    assert not driver.provider.texts


async def die_after_intent(driver: SenderDriver, monkeypatch: pytest.MonkeyPatch, cleared: FollowUpCleared) -> None:
    await driver.hear(cleared)
    arm(monkeypatch, "sender.after_intent")
    with pytest.raises(FailpointReached):
        await driver.send()
    driver.restarted()


async def test_c4_a_marketing_text_that_never_went_is_not_sent_again(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared = driver.cleared(purpose=Purpose.MARKETING)
    await die_after_intent(driver, monkeypatch, cleared)
    await driver.reconcile(seconds=40)
    assert (await driver.attempts())[0]["state"] == "intent"  # deadline + 30 s has not passed
    await driver.reconcile(seconds=3)
    await driver.reconcile(seconds=100)
    await driver.reconcile(minutes=4)
    assert (await driver.attempts())[0]["state"] == "unknown"  # two empty answers, but less than five minutes apart
    await driver.reconcile(minutes=1)
    (failed,) = await driver.published(DispatchFailed)
    assert (failed.reason, failed.accepted, failed.retry_at) == ("proven_absent", False, None)
    await driver.hear(driver.cleared(purpose=Purpose.MARKETING, release=2, follow_up_id=cleared.follow_up_id))
    await driver.send()
    assert len(driver.provider.texts) == 0


async def test_c4_a_transactional_text_that_never_went_goes_through_the_gate_once_more(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared = driver.cleared(policy=RESEND)
    await die_after_intent(driver, monkeypatch, cleared)
    await prove_absent(driver)
    (failed,) = await driver.published(DispatchFailed)
    assert failed.retry_at == driver.clock.now()
    again = driver.cleared(policy=RESEND, release=2, follow_up_id=cleared.follow_up_id)
    await driver.hear(again)
    await driver.send()
    assert len(driver.provider.texts) == 1
    assert [a["state"] for a in await driver.attempts()] == ["proven_absent", "accepted"]


@pytest.mark.parametrize("word", ["drop", "500", "408", "redirect", "html_403"])
async def test_c5_a_call_that_broke_is_unknown_and_never_repeated(driver: SenderDriver, word: str) -> None:
    driver.provider.script = deque([word])
    await driver.hear(driver.cleared(purpose=Purpose.MARKETING))
    await driver.send()
    assert [a["state"] for a in await driver.attempts()] == ["unknown"]
    driver.clock.advance(seconds=30)
    await driver.send()
    await prove_absent(driver)
    assert driver.provider.calls == 1
    assert len(driver.provider.texts) == 0


@pytest.mark.parametrize("word", ["accept_then_drop", "accept_then_500", "accept_then_garbage"])
async def test_c6_a_lost_answer_is_found_in_the_listing(driver: SenderDriver, word: str) -> None:
    driver.provider.script = deque([word])
    await driver.hear(driver.cleared(policy=RESEND))
    await driver.send()
    assert [a["state"] for a in await driver.attempts()] == ["unknown"]
    await driver.reconcile(seconds=6)
    (accepted,) = await driver.published(DispatchAccepted)
    assert accepted.reconciled
    assert accepted.provider_message_id == driver.provider.texts[0].sid
    await prove_absent(driver)
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_c6_a_lost_answer_is_settled_by_a_callback(driver: SenderDriver) -> None:
    driver.provider.script = deque(["accept_then_drop"])
    await driver.hear(driver.cleared(policy=RESEND))
    await driver.send()
    await driver.http.post(**driver.provider.texts[0].receipt("sent"))
    assert [(a["state"], a["status"]) for a in await driver.attempts()] == [("accepted", "sent")]
    driver.provider.listing_works = False
    await prove_absent(driver)
    assert len(await driver.published(DispatchAccepted)) == 1
    assert len(driver.provider.texts) == 1


async def test_c7_an_answer_read_and_not_written_is_found_in_the_listing(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.cleared(policy=RESEND))
    arm(monkeypatch, "sender.after_call")
    await driver.send()
    assert [a["state"] for a in await driver.attempts()] == ["intent"]
    driver.restarted()
    await driver.send()
    await driver.reconcile(seconds=43)
    await driver.reconcile(seconds=6)
    assert [a["state"] for a in await driver.attempts()] == ["accepted"]
    assert len(driver.provider.texts) == 1


async def test_c8_an_outcome_waits_in_memory_while_the_database_is_down(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = driver.harness.runtime.database
    write, failures = database.write, [1, 2]

    async def down(work: Callable[[Transaction], Awaitable[Any]], priority: WritePriority) -> Any:
        if priority is WritePriority.OUTCOMES and failures:
            failures.pop()
            raise DatabaseUnavailable
        return await write(work, priority)

    monkeypatch.setattr(database, "write", down)
    await driver.hear(driver.cleared())
    await driver.send()
    assert not failures
    assert [a["state"] for a in await driver.attempts()] == ["accepted"]
    assert len(driver.provider.texts) == 1


async def test_c9_a_committed_outcome_is_in_the_log(driver: SenderDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    await driver.hear(driver.cleared())
    arm(monkeypatch, "sender.after_outcome")
    await driver.send()
    driver.restarted()
    await driver.send()
    await prove_absent(driver)
    assert len(await driver.published(DispatchAccepted)) == 1
    assert len(driver.provider.texts) == 1


async def test_c11_a_committed_position_is_where_reading_goes_on(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(monkeypatch, "runner.after_commit")
    await driver.harness.publish(driver.cleared())
    runner = driver.service.runner
    assert runner is not None
    monkeypatch.setattr(type(runner), "_take", type(runner)._commit)  # no second try inside the dying process
    with pytest.raises(FailpointReached):
        await runner.step(linger_seconds=0)
    monkeypatch.undo()
    driver.restarted()
    await driver.harness.settle(driver.service)
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_c12_a_callback_overtakes_the_outcome(driver: SenderDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    await driver.hear(driver.cleared())
    arm(monkeypatch, "sender.after_call")
    await driver.send()
    (text,), (attempt,) = driver.provider.texts, await driver.attempts()
    await driver.http.post(**text.receipt("delivered"))
    assert (await driver.attempts())[0]["state"] == "accepted"
    doubles = alarms("double")
    await driver.sender.calls.record(attempt["id"], attempt["follow_up_id"], Accepted(text.sid, parts=1))
    assert alarms("double") == doubles
    assert len(await driver.published(DispatchAccepted)) == 1
    assert (await driver.dispatches())[0]["state"] == "delivered"


async def test_c12_a_second_id_for_one_attempt_raises_an_alarm(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    doubles = alarms("double")
    await driver.http.post(**driver.provider.texts[0].receipt("delivered", sid="SM-another"))
    assert alarms("double") == doubles + 1
    assert (await driver.attempts())[0]["provider_message_id"] == driver.provider.texts[0].sid


async def test_c13_the_same_clearance_twice(driver: SenderDriver) -> None:
    cleared = driver.cleared()
    await driver.hear(cleared, cleared)
    await driver.send()
    await driver.hear(cleared)
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_c14_a_frozen_worker_does_not_call(driver: SenderDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    await driver.hear(driver.cleared())
    start = driver.sender.calls.start

    def frozen(*arguments: Any) -> None:
        driver.clock.advance(seconds=3)
        monkeypatch.undo()
        start(*arguments)

    monkeypatch.setattr(driver.sender.calls, "start", frozen)
    await driver.send()
    assert driver.provider.calls == 0
    assert [(a["state"], a["reason"]) for a in await driver.attempts()] == [("not_sent", "started_too_late")]
    driver.clock.advance(seconds=2)
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_c15_nothing_hidden_repeats_a_call_on_a_kept_connection(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(1))
    await driver.send()
    driver.provider.script = deque(["accept_then_drop"])
    await driver.hear(driver.cleared(2))
    await driver.send()
    assert driver.provider.connections == 1  # the second call met the race on a reused connection
    assert driver.provider.calls == 2
    await driver.reconcile(seconds=6)
    assert len(driver.provider.texts) == 2
    assert {a["state"] for a in await driver.attempts()} == {"accepted"}


async def test_c17_a_reconciler_that_died_and_another_change_nothing_twice(driver: SenderDriver) -> None:
    driver.provider.script = deque(["accept_then_drop"])
    await driver.hear(driver.cleared())
    await driver.send()
    driver.clock.advance(seconds=6)
    other = Reconciler(
        driver.harness.runtime.units,
        driver.sealer,
        driver.sender.providers,
        SenderSettings(horizon_hours=1, reconcile_seconds=1),
        holding=lambda: Assignment(frozenset({0}), 1),
    )
    await driver.sender.reconciler.step()
    await other.step()
    await other.step()
    assert len(await driver.published(DispatchAccepted)) == 1
    assert len(driver.provider.texts) == 1


async def test_what_cannot_be_proven_ends_as_unknown_and_is_never_sent_again(driver: SenderDriver) -> None:
    driver.provider.listing_works = False
    driver.provider.script = deque(["accept_then_drop"])
    cleared = driver.cleared(policy=RESEND)
    await driver.hear(cleared)
    await driver.send()
    await driver.reconcile(seconds=43)
    await driver.reconcile(hours=25)
    (unknown,) = await driver.published(DispatchUnknown)
    assert unknown.reason == "not_provable"
    await driver.hear(driver.cleared(policy=RESEND, release=2, follow_up_id=cleared.follow_up_id))
    await driver.send()
    assert len(driver.provider.texts) == 1


async def test_an_unanswered_text_never_adopts_what_an_earlier_follow_up_sent(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared(0, text="first of all: {{ recipient.first_name }}"))
    await driver.send()  # from now on no text carries the line for a first contact
    for number, text in ((1, "Your code: {{ recipient.first_name }}"), (2, "Something else")):
        driver.clock.advance(seconds=20)
        await driver.hear(driver.cleared(number, text=text))
        await driver.send()
    driver.provider.script = deque(["drop"])
    driver.clock.advance(seconds=20)
    await driver.hear(driver.cleared(3, text="Your code: {{ recipient.first_name }}"))
    await driver.send()
    doubles = alarms("double")
    await driver.reconcile(seconds=43)
    by_state = {a["state"]: a["provider_message_id"] for a in await driver.attempts() if a["state"] != "accepted"}
    assert by_state == {"unknown": None}
    second = driver.provider.texts[1]
    await driver.http.post(**second.receipt("delivered"))
    assert alarms("double") == doubles
    assert len({a["provider_message_id"] for a in await driver.attempts() if a["provider_message_id"]}) == 3
