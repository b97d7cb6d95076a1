"""From a trigger to the question to the gate, and from the answers to an end."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa

from services.scheduler.tables import enrollments, flow_versions, in_flight, lines, recipients, triggers_seen
from shared import places
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, FollowUpLapsed
from shared.ids import MerchantId
from shared.testing import make_scheduler
from shared.testing.clock import START
from tests.integration.engines import only_on_sqlite
from tests.integration.scheduler.stage import Stage


async def test_a_purchase_plans_every_text_of_its_flow_at_once(stage: Stage) -> None:
    await stage.hear(stage.trigger())
    planned = await stage.planned()
    assert [(event.step, event.due_at) for event in planned] == [
        ("thanks", START + timedelta(hours=1)),
        ("review", START.replace(day=4, hour=15) + timedelta(days=1)),  # 10:00 in New York, after 13:00 on the 4th
    ]
    assert {event.sender_number for event in planned} == {make_scheduler.SENDER_NUMBER}
    assert await stage.states() == [("pending", None), ("pending", None)]


async def test_a_trigger_that_comes_twice_plans_once_and_counts_once(stage: Stage) -> None:
    trigger = stage.trigger()
    await stage.hear(trigger, trigger)
    await stage.hear(trigger)
    assert len(await stage.planned()) == 2
    assert [row["orders"] for row in await stage.house.rows(sa.select(recipients))] == [1]


async def test_another_trigger_about_the_same_order_does_not_start_a_second_run(stage: Stage) -> None:
    await stage.hear(stage.trigger(), stage.trigger(occurred_at=START + timedelta(seconds=1)))
    assert len(await stage.house.rows(sa.select(enrollments))) == 1


async def test_a_condition_that_says_no_plans_nothing(stage: Stage) -> None:
    await stage.hear(stage.trigger(amount_minor=1999), stage.trigger(subject="order-2", test=True))
    assert await stage.planned() == []


async def test_every_version_that_began_is_kept(stage: Stage) -> None:
    await stage.hear(stage.trigger())
    kept = await stage.house.rows(sa.select(flow_versions))
    flow = stage.house.runtime.merchants.get("acme")
    assert flow is not None
    assert [(row["flow"], row["version"]) for row in kept] == [
        ("order-thank-you", flow.flows["order-thank-you"].version())
    ]


async def test_the_text_is_laid_down_in_the_recipients_language(stage: Stage) -> None:
    await stage.hear(stage.trigger(contact={"locale": "es-MX"}))
    thanks, review = await stage.rows()
    assert (thanks["locale"], review["locale"]) == ("es", "en")
    body = stage.sealer.open(make_scheduler.MERCHANT, places.text_body(thanks["id"]), bytes(thanks["body"]))
    assert body.decode().startswith("¡Gracias!")


async def test_a_due_text_is_released_once_with_everything_the_gate_and_the_sender_need(stage: Stage) -> None:
    report = stage.trigger(subject="x").event_id
    await stage.hear(stage.trigger(consent_reports=(report,)))
    await stage.fire(minutes=59)
    assert await stage.dues() == []
    await stage.fire(minutes=1)
    await stage.fire()
    (due,) = await stage.dues()
    assert (due.step, due.release, due.consent_reports) == ("thanks", 1, (report,))
    facts = orjson.loads(stage.sealer.open(due.merchant_id, due.places()["facts"], due.content.facts))
    assert facts["trigger"]["order_name"] == "#1001"
    assert facts["recipient"]["first_name"] == "Ana"
    assert facts["merchant"] == {"brand": "Acme Coffee", "contact": "help@acme.example"}
    assert (await stage.states())[0] == ("released", "due")


async def test_the_loop_says_when_it_wants_to_run_again(stage: Stage) -> None:
    assert await stage.fire() == 1.0
    await stage.hear(stage.trigger())
    assert await stage.fire(minutes=59, seconds=59.75) == pytest.approx(0.25)


async def test_a_deferral_asks_again_at_its_hour_with_the_next_release(stage: Stage) -> None:
    due = await stage.released()
    until = stage.clock.now() + timedelta(hours=2)
    await stage.hear(stage.answer(FollowUpDeferred, due, until=until, reason="quiet_hours"))
    assert (await stage.states())[0] == ("pending", "quiet_hours")
    await stage.fire(hours=1, minutes=59)
    assert len(await stage.dues()) == 1
    await stage.fire(minutes=1)
    assert [event.release for event in await stage.dues()] == [1, 2]
    assert (await stage.dues())[1].first_due_at == due.first_due_at


async def test_marketing_deferred_to_an_opening_hour_is_spread_over_a_window(stage: Stage) -> None:
    await stage.hear(
        *(stage.trigger("checkout_started", subject=f"c{n}", phone=f"+1212555{n:04}") for n in range(100, 140))
    )
    await stage.fire(minutes=30)
    opening = stage.clock.now() + timedelta(hours=5)
    dues = await stage.dues()
    await stage.hear(*(stage.answer(FollowUpDeferred, due, until=opening, reason="quiet_hours") for due in dues))
    moments = {row["due_at"] for row in await stage.rows()}
    assert len(moments) == 40
    assert opening <= min(moments) <= max(moments) < opening + timedelta(seconds=15)


async def test_a_lapsed_clearance_asks_the_gate_at_once(stage: Stage) -> None:
    due = await stage.released()
    await stage.hear(stage.answer(FollowUpLapsed, due, reason="clearance_ran_out"))
    await stage.fire()
    assert [event.release for event in await stage.dues()] == [1, 2]


@pytest.mark.parametrize(("reason", "state"), [("no_consent", "blocked"), ("message_expired", "expired")])
async def test_a_block_is_final_and_has_its_reason(stage: Stage, reason: str, state: str) -> None:
    due = await stage.released()
    await stage.hear(stage.answer(FollowUpBlocked, due, reason=reason))
    assert (await stage.states())[0] == (state, reason)
    await stage.fire(hours=13)
    assert (await stage.states())[0] == (state, reason)


async def test_an_accepted_and_delivered_text_leaves_no_timer_and_nothing_under_way(stage: Stage) -> None:
    due = await stage.released()
    await stage.hear(stage.answer(DispatchAccepted, due))
    assert ("unconfirmed", stage.clock.now() + timedelta(hours=72)) in await stage.timers()
    assert await stage.house.rows(sa.select(in_flight)) == []
    await stage.hear(stage.answer(DispatchDelivered, due))
    assert (await stage.states())[0] == ("delivered", "delivered")
    assert [kind for kind, _ in await stage.timers()] == ["due"]  # that of the review


async def test_an_accepted_text_without_a_receipt_is_unconfirmed_after_72_hours(stage: Stage) -> None:
    due = await stage.released()
    await stage.hear(stage.answer(DispatchAccepted, due))
    await stage.fire(hours=71.9)
    assert (await stage.states())[0][0] == "dispatched"
    await stage.fire(hours=0.1)
    assert (await stage.states())[0] == ("unconfirmed", "no_receipt")


async def test_a_failure_with_retry_at_goes_through_the_gate_again(stage: Stage) -> None:
    due = await stage.released()
    retry_at = stage.clock.now() + timedelta(minutes=5)
    await stage.hear(
        stage.answer(DispatchAccepted, due),
        stage.answer(DispatchFailed, due, accepted=True, reason="undelivered", retry_at=retry_at),
    )
    assert (await stage.states())[0] == ("pending", "undelivered")
    await stage.fire(minutes=5)
    assert [event.release for event in await stage.dues()] == [1, 2]


async def test_a_text_that_nobody_answers_expires(stage: Stage) -> None:
    await stage.released()
    await stage.fire(hours=12)
    assert (await stage.states())[0] == ("expired", "expire_after")
    assert await stage.endings() == [("follow-up.expired", "expire_after", 1)]


async def test_a_text_deferred_beyond_its_end_expires_at_its_end(stage: Stage) -> None:
    due = await stage.released()
    until = stage.clock.now() + timedelta(hours=30)
    await stage.hear(stage.answer(FollowUpDeferred, due, until=until, reason="quiet_hours"))
    await stage.fire(hours=12)
    assert (await stage.states())[0] == ("expired", "expire_after")
    assert len(await stage.dues()) == 1


async def test_an_old_trigger_expires_what_is_over_and_sends_what_is_merely_late(stage: Stage) -> None:
    await stage.hear(stage.trigger(occurred_at=START - timedelta(hours=2)))
    assert (await stage.states())[0] == ("pending", None)
    await stage.hear(stage.trigger(subject="order-2", occurred_at=START - timedelta(hours=20)))
    old = [row for row in await stage.rows() if row["subject"] == "order-2"]
    assert [(row["state"], row["reason"]) for row in old] == [("expired", "expire_after"), ("pending", None)]
    assert ("follow-up.expired", "expire_after", 0) in await stage.endings()


@pytest.mark.parametrize("stage", [{"parts_per_second": 1}], indirect=True)
async def test_a_herd_leaves_at_the_pace_of_its_number_and_nobody_is_forgotten(stage: Stage) -> None:
    await stage.hear(*(stage.trigger(subject=f"o{n}", phone=f"+1212555{n:04}") for n in range(100, 125)))
    await stage.fire(hours=1)
    assert len(await stage.dues()) == 10  # what one text a second pushes in ten seconds
    assert len(await stage.house.rows(sa.select(lines))) == 15
    await stage.fire()
    assert len(await stage.dues()) == 10
    for _ in range(3):
        answered = await stage.dues()
        await stage.hear(*(stage.answer(DispatchAccepted, due) for due in answered))
        await stage.fire()
    assert len({due.follow_up_id for due in await stage.dues()}) == len(await stage.dues()) == 25
    assert await stage.house.rows(sa.select(lines)) == []


@pytest.mark.parametrize("stage", [{"parts_per_second": 1}], indirect=True)
async def test_a_text_cancelled_in_the_line_is_dropped_at_its_turn(stage: Stage) -> None:
    await stage.hear(*(stage.trigger(subject=f"o{n}", phone=f"+1212555{n:04}") for n in range(100, 111)))
    await stage.fire(hours=1)
    (held,) = [row for row in await stage.rows() if row["state"] == "pending" and row["step"] == "thanks"]
    phone = next(f"+1212555{n:04}" for n in range(100, 111) if held["subject"] == f"o{n}")
    await stage.hear(stage.trigger("refund", subject=held["subject"], phone=phone))
    await stage.hear(*(stage.answer(DispatchAccepted, due) for due in await stage.dues()))
    await stage.fire()
    assert held["id"] not in {due.follow_up_id for due in await stage.dues()}
    assert await stage.house.rows(sa.select(lines)) == []


async def test_an_order_of_two_sources_counts_once_and_is_taken_back_when_it_is_cancelled(stage: Stage) -> None:
    await stage.hear(stage.trigger(subject="order-1", amount_minor=5000))
    stage.clock.advance(minutes=1)
    await stage.hear(stage.trigger(subject="order-1", amount_minor=5000, source="api"))
    assert len(await stage.house.rows(sa.select(triggers_seen))) == 2
    [person] = await stage.house.rows(sa.select(recipients))
    assert (person["orders"], person["total_spent_minor"]) == (1, 5000)
    await stage.hear(stage.trigger("refund", subject="order-1", amount_minor=1000))
    await stage.hear(stage.trigger("cancellation", subject="order-1", amount_minor=5000))
    [person] = await stage.house.rows(sa.select(recipients))
    assert (person["orders"], person["total_spent_minor"], person["last_order_at"]) == (0, 0, None)


@pytest.mark.parametrize("kind", ["order_deleted", "number_changed"])
async def test_what_waits_about_a_subject_that_is_over_is_called_off_whatever_its_flow_says(
    stage: Stage, kind: str
) -> None:
    await stage.hear(stage.trigger(subject="order-1"))
    waiting = await stage.states()
    assert {state for state, _ in waiting} == {"pending"}
    stage.clock.advance(seconds=1)
    await stage.hear(stage.trigger(kind, subject="order-2"), stage.trigger(kind, subject=None))
    assert await stage.states() == waiting
    await stage.hear(stage.trigger(kind, subject="order-1"))
    assert set(await stage.states()) == {("cancelled", kind)}


async def test_nobody_is_thanked_for_an_order_whose_deletion_came_first(stage: Stage) -> None:
    deleted_at = START + timedelta(seconds=5)
    await stage.hear(stage.trigger("order_deleted", subject="order-1", occurred_at=deleted_at))
    await stage.hear(stage.trigger(subject="order-1"))
    assert await stage.states() == []
    await stage.hear(stage.trigger(subject="order-2"))
    assert await stage.states() != []


async def test_history_counts_what_went_before(stage: Stage) -> None:
    await stage.hear(stage.trigger(subject="a"), stage.trigger(subject="b", occurred_at=START + timedelta(seconds=1)))
    await stage.hear(stage.trigger("refund", subject="a", amount_minor=900))
    (person,) = await stage.house.rows(sa.select(recipients))
    assert (person["orders"], person["total_spent_minor"]) == (2, 8900)
    assert person["last_order_at"] == START + timedelta(seconds=1)


async def test_triggers_too_old_to_matter_are_forgotten(stage: Stage) -> None:
    await stage.hear(stage.trigger("inquiry", subject="old"))
    stage.clock.advance(days=31)
    await stage.hear(stage.trigger("inquiry", subject="new"))
    stage.clock.advance(seconds=1)
    await stage.hear(stage.trigger("inquiry", subject="newer"))
    await stage.service.loops[1]._step()
    kept = await stage.house.rows(sa.select(triggers_seen.c.subject))
    assert {row["subject"] for row in kept} == {"new", "newer"}


async def test_a_trigger_of_an_unknown_merchant_is_set_aside_until_its_files_are_mended(stage: Stage) -> None:
    await stage.hear(stage.trigger(merchant_id=MerchantId("nobody")))
    assert await stage.planned() == []
    parked = await stage.house.rows(sa.select(stage.service.ground.parked))
    assert [row["merchant_id"] for row in parked] == ["nobody"]


async def test_a_text_due_at_once_is_released_by_a_running_scheduler_without_waiting_for_its_next_look(
    stage: Stage,
) -> None:
    async with stage.service.running():
        await stage.ask(to="+12125550123", text="Now!", purpose="transactional")
        for _ in range(40):
            await asyncio.sleep(0.02)
            if await stage.dues():
                break
    assert len(await stage.dues()) == 1


@only_on_sqlite("the plan is that of SQLite, which chooses by rules alone")
async def test_the_work_of_taking_what_is_due_is_index_probes_only(stage: Stage) -> None:
    await stage.hear()
    file = stage.house.runtime.settings.data_dir / "followup.db"
    found = (
        (
            "EXPLAIN QUERY PLAN DELETE FROM scheduler_timers WHERE partition = 0 AND due_at <= 5 AND "
            "(partition, due_at, follow_up_id, kind) IN (SELECT partition, due_at, follow_up_id, kind FROM "
            "scheduler_timers WHERE partition = 0 AND due_at <= 5 ORDER BY due_at, follow_up_id, kind LIMIT 500)"
        ),
        (
            "EXPLAIN QUERY PLAN DELETE FROM scheduler_timers WHERE partition = 0 AND due_at IN (1, 2) "
            "AND follow_up_id IN (x'00', x'01')"
        ),
    )
    with closing(sqlite3.connect(file)) as connection:
        plans = [str(row) for statement in found for row in connection.execute(statement)]
    assert any("SEARCH scheduler_timers" in plan for plan in plans)
    assert not any("SCAN scheduler_timers" in plan for plan in plans)
