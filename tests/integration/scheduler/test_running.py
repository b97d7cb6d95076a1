"""From a trigger to the question to the gate, and from the answers to an end."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa

from services.scheduler.tables import enrollments, flow_versions, in_flight, lines, recipients, triggers_seen
from shared import aad
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, FollowUpExpired, FollowUpLapsed
from shared.ids import MerchantId
from shared.testing import make_scheduler
from shared.testing.clock import START
from tests.integration.engines import only_on_sqlite
from tests.integration.scheduler.driver import SchedulerDriver


async def test_a_purchase_plans_every_text_of_its_flow_at_once(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    planned = await driver.planned()
    assert [(event.step, event.due_at) for event in planned] == [
        ("thanks", START + timedelta(hours=1)),
        ("review", START.replace(day=4, hour=15) + timedelta(days=1)),  # 10:00 in New York, after 13:00 on the 4th
    ]
    assert {event.sender_number for event in planned} == {make_scheduler.SENDER_NUMBER}
    assert await driver.states() == [("pending", None), ("pending", None)]


async def test_a_trigger_that_comes_twice_plans_once_and_counts_once(driver: SchedulerDriver) -> None:
    trigger = driver.trigger()
    await driver.hear(trigger, trigger)
    await driver.hear(trigger)
    assert len(await driver.planned()) == 2
    assert [row["orders"] for row in await driver.harness.rows(sa.select(recipients))] == [1]


async def test_another_trigger_about_the_same_order_does_not_start_a_second_run(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(), driver.trigger(occurred_at=START + timedelta(seconds=1)))
    assert len(await driver.harness.rows(sa.select(enrollments))) == 1


async def test_a_condition_that_says_no_plans_nothing(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(amount_minor=1999), driver.trigger(subject="order-2", test=True))
    assert await driver.planned() == []


async def test_every_version_that_began_is_kept(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    kept = await driver.harness.rows(sa.select(flow_versions))
    flow = driver.harness.runtime.merchants.get("acme")
    assert flow is not None
    assert [(row["flow"], row["version"]) for row in kept] == [
        ("order-thank-you", flow.flows["order-thank-you"].version())
    ]


async def test_the_text_is_laid_down_in_the_recipients_language(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(contact={"locale": "es-MX"}))
    thanks, review = await driver.rows()
    assert (thanks["locale"], review["locale"]) == ("es", "en")
    body = driver.sealer.open(make_scheduler.MERCHANT, aad.text_body(thanks["id"]), bytes(thanks["body"]))
    assert body.decode().startswith("¡Gracias!")


async def test_a_due_text_is_released_once_with_everything_the_gate_and_the_sender_need(
    driver: SchedulerDriver,
) -> None:
    report = driver.trigger(subject="x").event_id
    await driver.hear(driver.trigger(consent_reports=(report,)))
    await driver.fire(minutes=59)
    assert await driver.dues() == []
    await driver.fire(minutes=1)
    await driver.fire()
    (due,) = await driver.dues()
    assert (due.step, due.release, due.consent_reports) == ("thanks", 1, (report,))
    facts = orjson.loads(driver.sealer.open(due.merchant_id, due.associated_data()["facts"], due.content.facts))
    assert facts["trigger"]["order_name"] == "#1001"
    assert facts["recipient"]["first_name"] == "Ana"
    assert facts["merchant"] == {"brand": "Acme Coffee", "contact": "help@acme.example"}
    assert (await driver.states())[0] == ("released", "due")


async def test_the_loop_says_when_it_wants_to_run_again(driver: SchedulerDriver) -> None:
    assert await driver.fire() == 1.0
    await driver.hear(driver.trigger())
    assert await driver.fire(minutes=59, seconds=59.75) == pytest.approx(0.25)


async def test_a_deferral_asks_again_at_its_hour_with_the_next_release(driver: SchedulerDriver) -> None:
    due = await driver.released()
    until = driver.clock.now() + timedelta(hours=2)
    await driver.hear(driver.answer(FollowUpDeferred, due, until=until, reason="quiet_hours"))
    assert (await driver.states())[0] == ("pending", "quiet_hours")
    await driver.fire(hours=1, minutes=59)
    assert len(await driver.dues()) == 1
    await driver.fire(minutes=1)
    assert [event.release for event in await driver.dues()] == [1, 2]
    assert (await driver.dues())[1].first_due_at == due.first_due_at


async def test_marketing_deferred_to_an_opening_hour_is_spread_over_a_window(driver: SchedulerDriver) -> None:
    await driver.hear(
        *(driver.trigger("checkout_started", subject=f"c{n}", phone=f"+1212555{n:04}") for n in range(100, 140))
    )
    await driver.fire(minutes=30)
    opening = driver.clock.now() + timedelta(hours=5)
    dues = await driver.dues()
    await driver.hear(*(driver.answer(FollowUpDeferred, due, until=opening, reason="quiet_hours") for due in dues))
    moments = {row["due_at"] for row in await driver.rows()}
    assert len(moments) == 40
    assert opening <= min(moments) <= max(moments) < opening + timedelta(seconds=15)


async def test_a_lapsed_clearance_asks_the_gate_at_once(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await driver.hear(driver.answer(FollowUpLapsed, due, reason="clearance_ran_out"))
    await driver.fire()
    assert [event.release for event in await driver.dues()] == [1, 2]


@pytest.mark.parametrize(("reason", "state"), [("no_consent", "blocked"), ("message_expired", "expired")])
async def test_a_block_is_final_and_has_its_reason(driver: SchedulerDriver, reason: str, state: str) -> None:
    due = await driver.released()
    await driver.hear(driver.answer(FollowUpBlocked, due, reason=reason))
    assert (await driver.states())[0] == (state, reason)
    await driver.fire(hours=13)
    assert (await driver.states())[0] == (state, reason)


async def test_an_accepted_and_delivered_text_leaves_no_timer_and_nothing_under_way(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await driver.hear(driver.answer(DispatchAccepted, due))
    assert ("unconfirmed", driver.clock.now() + timedelta(hours=72)) in await driver.timers()
    assert await driver.harness.rows(sa.select(in_flight)) == []
    await driver.hear(driver.answer(DispatchDelivered, due))
    assert (await driver.states())[0] == ("delivered", "delivered")
    assert [kind for kind, _ in await driver.timers()] == ["due"]  # that of the review


async def test_an_accepted_text_without_a_receipt_is_unconfirmed_after_72_hours(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await driver.hear(driver.answer(DispatchAccepted, due))
    await driver.fire(hours=71.9)
    assert (await driver.states())[0][0] == "dispatched"
    await driver.fire(hours=0.1)
    assert (await driver.states())[0] == ("unconfirmed", "no_receipt")


async def test_a_failure_with_retry_at_goes_through_the_gate_again(driver: SchedulerDriver) -> None:
    due = await driver.released()
    retry_at = driver.clock.now() + timedelta(minutes=5)
    await driver.hear(
        driver.answer(DispatchAccepted, due),
        driver.answer(DispatchFailed, due, accepted=True, reason="undelivered", retry_at=retry_at),
    )
    assert (await driver.states())[0] == ("pending", "undelivered")
    await driver.fire(minutes=5)
    assert [event.release for event in await driver.dues()] == [1, 2]


async def test_a_text_that_expires_before_it_is_tried_again_says_that_the_call_before_had_failed(
    driver: SchedulerDriver,
) -> None:
    due = await driver.released()
    retry_at = driver.clock.now() + timedelta(hours=30)
    await driver.hear(
        driver.answer(DispatchAccepted, due),
        driver.answer(DispatchFailed, due, accepted=True, reason="undelivered", retry_at=retry_at),
    )
    await driver.fire(hours=12)
    assert (await driver.states())[0] == ("expired", "expire_after")
    [expired] = await driver.published(FollowUpExpired)
    assert expired.after_failure


async def test_a_text_without_an_answer_expires(driver: SchedulerDriver) -> None:
    await driver.released()
    await driver.fire(hours=12)
    assert (await driver.states())[0] == ("expired", "expire_after")
    assert await driver.endings() == [("follow-up.expired", "expire_after", 1)]


async def test_a_text_deferred_beyond_its_end_expires_at_its_end(driver: SchedulerDriver) -> None:
    due = await driver.released()
    until = driver.clock.now() + timedelta(hours=30)
    await driver.hear(driver.answer(FollowUpDeferred, due, until=until, reason="quiet_hours"))
    await driver.fire(hours=12)
    assert (await driver.states())[0] == ("expired", "expire_after")
    assert len(await driver.dues()) == 1


async def test_an_old_trigger_expires_what_is_over_and_sends_what_is_merely_late(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(occurred_at=START - timedelta(hours=2)))
    assert (await driver.states())[0] == ("pending", None)
    await driver.hear(driver.trigger(subject="order-2", occurred_at=START - timedelta(hours=20)))
    old = [row for row in await driver.rows() if row["subject"] == "order-2"]
    assert [(row["state"], row["reason"]) for row in old] == [("expired", "expire_after"), ("pending", None)]
    assert ("follow-up.expired", "expire_after", 0) in await driver.endings()


@pytest.mark.parametrize("driver", [{"parts_per_second": 1}], indirect=True)
async def test_a_herd_leaves_at_the_pace_of_its_number_and_none_is_forgotten(driver: SchedulerDriver) -> None:
    await driver.hear(*(driver.trigger(subject=f"o{n}", phone=f"+1212555{n:04}") for n in range(100, 125)))
    await driver.fire(hours=1)
    assert len(await driver.dues()) == 10  # what one text a second pushes in ten seconds
    assert len(await driver.harness.rows(sa.select(lines))) == 15
    await driver.fire()
    assert len(await driver.dues()) == 10
    for _ in range(3):
        answered = await driver.dues()
        await driver.hear(*(driver.answer(DispatchAccepted, due) for due in answered))
        await driver.fire()
    assert len({due.follow_up_id for due in await driver.dues()}) == len(await driver.dues()) == 25
    assert await driver.harness.rows(sa.select(lines)) == []


@pytest.mark.parametrize("driver", [{"parts_per_second": 1}], indirect=True)
async def test_a_text_cancelled_in_the_line_is_dropped_at_its_turn(driver: SchedulerDriver) -> None:
    await driver.hear(*(driver.trigger(subject=f"o{n}", phone=f"+1212555{n:04}") for n in range(100, 111)))
    await driver.fire(hours=1)
    (held,) = [row for row in await driver.rows() if row["state"] == "pending" and row["step"] == "thanks"]
    phone = next(f"+1212555{n:04}" for n in range(100, 111) if held["subject"] == f"o{n}")
    await driver.hear(driver.trigger("refund", subject=held["subject"], phone=phone))
    await driver.hear(*(driver.answer(DispatchAccepted, due) for due in await driver.dues()))
    await driver.fire()
    assert held["id"] not in {due.follow_up_id for due in await driver.dues()}
    assert await driver.harness.rows(sa.select(lines)) == []


async def test_an_order_of_two_sources_counts_once_and_is_taken_back_when_it_is_cancelled(
    driver: SchedulerDriver,
) -> None:
    await driver.hear(driver.trigger(subject="order-1", amount_minor=5000))
    driver.clock.advance(minutes=1)
    await driver.hear(driver.trigger(subject="order-1", amount_minor=5000, source="api"))
    assert len(await driver.harness.rows(sa.select(triggers_seen))) == 2
    [person] = await driver.harness.rows(sa.select(recipients))
    assert (person["orders"], person["total_spent_minor"]) == (1, 5000)
    await driver.hear(driver.trigger("refund", subject="order-1", amount_minor=1000))
    await driver.hear(driver.trigger("cancellation", subject="order-1", amount_minor=5000))
    [person] = await driver.harness.rows(sa.select(recipients))
    assert (person["orders"], person["total_spent_minor"], person["last_order_at"]) == (0, 0, None)


@pytest.mark.parametrize("kind", ["order_deleted", "number_changed"])
async def test_what_waits_about_a_subject_that_is_over_is_called_off_whatever_its_flow_says(
    driver: SchedulerDriver, kind: str
) -> None:
    await driver.hear(driver.trigger(subject="order-1"))
    waiting = await driver.states()
    assert {state for state, _ in waiting} == {"pending"}
    driver.clock.advance(seconds=1)
    await driver.hear(driver.trigger(kind, subject="order-2"), driver.trigger(kind, subject=None))
    assert await driver.states() == waiting
    await driver.hear(driver.trigger(kind, subject="order-1"))
    assert set(await driver.states()) == {("cancelled", kind)}


async def test_an_order_whose_deletion_came_first_gets_no_thanks(driver: SchedulerDriver) -> None:
    deleted_at = START + timedelta(seconds=5)
    await driver.hear(driver.trigger("order_deleted", subject="order-1", occurred_at=deleted_at))
    await driver.hear(driver.trigger(subject="order-1"))
    assert await driver.states() == []
    await driver.hear(driver.trigger(subject="order-2"))
    assert await driver.states() != []


async def test_history_counts_what_went_before(driver: SchedulerDriver) -> None:
    await driver.hear(
        driver.trigger(subject="a"), driver.trigger(subject="b", occurred_at=START + timedelta(seconds=1))
    )
    await driver.hear(driver.trigger("refund", subject="a", amount_minor=900))
    (person,) = await driver.harness.rows(sa.select(recipients))
    assert (person["orders"], person["total_spent_minor"]) == (2, 8900)
    assert person["last_order_at"] == START + timedelta(seconds=1)


async def test_triggers_too_old_to_matter_are_forgotten(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("inquiry", subject="old"))
    driver.clock.advance(days=31)
    await driver.hear(driver.trigger("inquiry", subject="new"))
    driver.clock.advance(seconds=1)
    await driver.hear(driver.trigger("inquiry", subject="newer"))
    await driver.service.loops[1]._step()
    kept = await driver.harness.rows(sa.select(triggers_seen.c.subject))
    assert {row["subject"] for row in kept} == {"new", "newer"}


async def test_a_trigger_of_an_unknown_merchant_is_set_aside_until_its_files_are_fixed(
    driver: SchedulerDriver,
) -> None:
    await driver.hear(driver.trigger(merchant_id=MerchantId("nobody")))
    assert await driver.planned() == []
    parked = await driver.harness.rows(sa.select(driver.service.system_tables.parked))
    assert [row["merchant_id"] for row in parked] == ["nobody"]


async def test_a_text_due_at_once_is_released_by_a_running_scheduler_without_waiting_for_its_next_look(
    driver: SchedulerDriver,
) -> None:
    async with driver.service.running():
        await driver.ask(to="+12125550123", text="Now!", purpose="transactional")
        for _ in range(40):
            await asyncio.sleep(0.02)
            if await driver.dues():
                break
    assert len(await driver.dues()) == 1


@only_on_sqlite("the plan is that of SQLite, which chooses by rules alone")
async def test_the_work_of_taking_what_is_due_is_index_probes_only(driver: SchedulerDriver) -> None:
    await driver.hear()
    file = driver.harness.runtime.settings.data_dir / "followup.db"
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
