"""The races of design section 5 that touch the scheduler, each by name, and what happens twice, late or too early."""

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from services.scheduler.consumer import barred_purposes
from services.scheduler.instruments import DOUBLES
from services.scheduler.tables import follow_ups, triggers_seen
from shared.bus.marks import MARK_SECONDS, AlwaysInLog
from shared.events.consent import (
    ConsentAct,
    ConsentChanged,
    ConsentScope,
    MerchantClosed,
    RecipientErased,
    ScopeSnapshot,
    SuppressionCause,
)
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchUnknown
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, Purpose
from shared.testing import make, make_scheduler
from shared.testing.clock import START
from tests.integration.scheduler.driver import SchedulerDriver

REVOKED = ScopeSnapshot(status="revoked", revoked_at=START)


def consent_changed(driver: SchedulerDriver, **changes: object) -> ConsentChanged:
    who = {"recipient_id": make_scheduler.recipient(driver.sealer), "event_id": uuid4()}
    return make.event(ConsentChanged, **{**who, "act": ConsentAct.REVOKED, **changes})


async def test_a_refund_cancels_every_text_of_its_run_that_has_not_gone(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(), driver.trigger("refund", occurred_at=START + timedelta(minutes=1)))
    assert await driver.states() == [("cancelled", "refund"), ("cancelled", "refund")]
    assert await driver.timers() == []
    assert [kind for kind, _, _ in await driver.endings()] == ["follow-up.cancelled"] * 2


async def test_a_refund_of_another_order_cancels_nothing(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(), driver.trigger("refund", subject="order-2"))
    assert await driver.states() == [("pending", None), ("pending", None)]


async def test_a_cancelling_trigger_that_came_first_keeps_the_run_from_beginning(driver: SchedulerDriver) -> None:
    late = driver.trigger("checkout_started")
    await driver.hear(driver.trigger("purchase", amount_minor=100, occurred_at=START + timedelta(minutes=2)), late)
    assert await driver.planned() == []


async def test_a_purchase_before_the_checkout_does_not_cancel_its_reminder(driver: SchedulerDriver) -> None:
    await driver.hear(
        driver.trigger("purchase", amount_minor=100, occurred_at=START - timedelta(days=1)),
        driver.trigger("checkout_started"),
    )
    assert await driver.states() == [("pending", None)]


async def test_an_order_acknowledged_before_the_text_is_due_cancels_it_even_when_it_was_not_read_yet(
    driver: SchedulerDriver,
) -> None:
    await driver.hear(driver.trigger("checkout_started"))
    driver.clock.advance(minutes=30, seconds=-5)
    await driver.harness.publish(driver.trigger("purchase", amount_minor=100))
    await driver.fire(seconds=5)
    assert await driver.dues() == []
    await driver.harness.settle(driver.service)
    await driver.fire()
    assert await driver.dues() == []
    assert await driver.states() == [("cancelled", "purchase")]


async def test_what_others_do_holds_no_persons_text(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("checkout_started"))
    driver.clock.advance(minutes=30)
    await driver.harness.publish(
        *(driver.trigger("inquiry", subject=f"order-{n}", phone=f"+121255501{n}") for n in range(70, 90))
    )
    await driver.fire()
    assert len(await driver.dues()) == 1


async def test_a_text_that_waits_for_news_says_so_and_goes_when_it_was_read(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("checkout_started"))
    driver.clock.advance(minutes=30)
    await driver.harness.publish(driver.trigger("inquiry", subject="another order"))
    await driver.fire()
    assert await driver.states() == [("pending", "unread_news")]
    await driver.harness.settle(driver.service)
    await driver.fire(seconds=1)
    assert [(due.purpose, due.release) for due in await driver.dues()] == [("marketing", 1)]
    assert (await driver.states())[0] == ("released", "due")


async def test_while_a_service_is_late_with_its_news_marketing_waits_and_says_so(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.trigger("checkout_started"))
    with monkeypatch.context() as patched:
        patched.setattr(AlwaysInLog, "in_log", lambda _self, _who: driver.clock.monotonic() - MARK_SECONDS - 2)
        for minutes in (30, 1, 1, 60):
            await driver.fire(minutes=minutes)
            assert await driver.states() == [("pending", "source_lag")]
    await driver.fire(seconds=10)
    assert await driver.states() == [("released", "due")]


async def test_what_is_no_marketing_waits_a_minute_at_most_for_a_service_that_is_late_with_its_news(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.trigger())
    monkeypatch.setattr(AlwaysInLog, "in_log", lambda _self, _who: driver.clock.monotonic() - MARK_SECONDS - 2)
    await driver.fire(hours=1)
    await driver.fire(seconds=50)
    assert await driver.dues() == []
    await driver.fire(seconds=11)
    await driver.fire(seconds=11)
    assert [due.purpose for due in await driver.dues()] == ["transactional"]


async def test_what_was_known_of_the_log_before_the_clock_jumped_releases_nothing(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger("checkout_started"))
    await driver.fire(minutes=30, seconds=-1)
    await driver.harness.publish(driver.trigger("purchase", amount_minor=100))
    await driver.fire(hours=1)
    assert await driver.dues() == []


async def test_a_cancel_after_the_release_is_published_with_its_release_so_that_it_can_overtake_the_clearance(
    driver: SchedulerDriver,
) -> None:
    await driver.released()
    await driver.hear(driver.trigger("refund"))
    assert ("follow-up.cancelled", "refund", 1) in await driver.endings()
    assert (await driver.states())[0] == ("cancelled", "refund")


async def test_a_text_accepted_after_its_cancel_is_dispatched_and_marked_too_late(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await driver.hear(driver.trigger("refund"), driver.answer(DispatchAccepted, due))
    first = (await driver.rows())[0]
    assert (first["state"], first["is_too_late"]) == ("dispatched", True)


async def test_a_text_that_came_back_after_its_cancel_is_not_tried_again(driver: SchedulerDriver) -> None:
    due = await driver.released()
    accepted = driver.answer(DispatchAccepted, due)
    retry_at = driver.clock.now() + timedelta(minutes=5)
    failed = driver.answer(DispatchFailed, due, accepted=True, reason="undelivered", retry_at=retry_at)
    await driver.hear(accepted, driver.trigger("refund"), failed)
    await driver.fire(minutes=10)
    assert (await driver.states())[0] == ("cancelled", "refund")
    assert len(await driver.dues()) == 1


async def test_answers_about_an_older_release_are_ignored(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await driver.hear(driver.answer(FollowUpDeferred, due, until=driver.clock.now(), reason="frequency_cap"))
    await driver.fire()
    await driver.hear(driver.answer(FollowUpBlocked, due, reason="no_consent"))
    assert (await driver.states())[0] == ("released", "due")


async def test_an_answer_that_comes_twice_changes_nothing_the_second_time(driver: SchedulerDriver) -> None:
    due = await driver.released()
    deferred = driver.answer(
        FollowUpDeferred, due, until=driver.clock.now() + timedelta(hours=1), reason="frequency_cap"
    )
    await driver.hear(deferred, deferred)
    await driver.fire(hours=1)
    await driver.hear(deferred)
    assert (await driver.states())[0] == ("released", "due")


async def test_a_receipt_before_its_acceptance_is_the_last_word(driver: SchedulerDriver) -> None:
    due = await driver.released()
    accepted = driver.answer(DispatchAccepted, due)
    await driver.hear(driver.answer(DispatchDelivered, due), accepted, accepted)
    assert (await driver.states())[0] == ("delivered", "delivered")


async def test_a_late_acceptance_of_an_older_release_stops_the_newer_one(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await driver.hear(driver.answer(FollowUpDeferred, due, until=driver.clock.now(), reason="frequency_cap"))
    await driver.fire()
    await driver.hear(driver.answer(DispatchAccepted, due))
    assert (await driver.states())[0][0] == "dispatched"
    assert ("follow-up.cancelled", "already_dispatched", 2) in await driver.endings()


async def test_a_double_is_reported_once(driver: SchedulerDriver) -> None:
    before = DOUBLES._value.get()
    due = await driver.released()
    other = driver.answer(DispatchAccepted, due, attempt_id=uuid4())
    await driver.hear(driver.answer(DispatchAccepted, due), other, other)
    assert DOUBLES._value.get() == before + 1
    assert (await driver.states())[0][0] == "dispatched"


async def test_an_unknown_end_becomes_failed_when_absence_is_proven(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await driver.hear(driver.answer(DispatchUnknown, due))
    assert (await driver.states())[0] == ("unknown", "no_answer")
    await driver.hear(driver.answer(DispatchFailed, due, reason="proven_absent"))
    assert (await driver.states())[0] == ("failed", "proven_absent")


async def test_an_opt_out_cancels_pending_and_released_texts_of_its_scope(driver: SchedulerDriver) -> None:
    await driver.released()
    await driver.hear(consent_changed(driver, marketing=REVOKED))
    assert await driver.states() == [("released", "due"), ("cancelled", "opt_out")]
    await driver.hear(
        consent_changed(driver, epoch=2, suppressed=SuppressionCause.OPT_OUT, scope=ConsentScope.ALL, marketing=REVOKED)
    )
    assert await driver.states() == [("cancelled", "opt_out"), ("cancelled", "opt_out")]


async def test_an_older_word_of_the_ledger_cancels_nothing(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await driver.hear(consent_changed(driver, epoch=3, act=ConsentAct.GRANTED))
    await driver.hear(consent_changed(driver, epoch=2, marketing=REVOKED))
    assert await driver.states() == [("pending", None), ("pending", None)]


async def test_an_erased_person_has_no_sealed_column_left_and_starts_nothing_again(driver: SchedulerDriver) -> None:
    await driver.released()
    erased = make.event(RecipientErased, recipient_id=make_scheduler.recipient(driver.sealer), event_id=uuid4())
    await driver.hear(erased, erased, driver.trigger(subject="order-9"))
    assert set(await driver.states()) == {("cancelled", "erased")}
    sealed = await driver.harness.rows(sa.select(follow_ups.c.body, follow_ups.c.contact, follow_ups.c.facts))
    assert all(value is None for row in sealed for value in row.values())
    assert await driver.harness.rows(sa.select(triggers_seen)) == []
    assert len(await driver.planned()) == 2


async def test_a_closed_shop_sends_nothing_and_what_happened_before_starts_nothing(driver: SchedulerDriver) -> None:
    await driver.released()
    await driver.hear(make.event(MerchantClosed, event_id=uuid4(), occurred_at=driver.clock.now()))
    await driver.hear(driver.trigger(subject="late", phone="+12125550188", occurred_at=START))
    assert await driver.states() == [("cancelled", "merchant_closed")] * 2


async def test_an_event_of_an_unplanned_follow_up_is_survived(driver: SchedulerDriver) -> None:
    await driver.hear(make.event(DispatchDelivered), make.event(FollowUpBlocked))
    assert await driver.harness.rows(sa.select(driver.service.system_tables.parked)) == []


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_no_opt_out_cancels_an_answer(purpose: Purpose) -> None:
    event = make.event(ConsentChanged, suppressed=SuppressionCause.OPT_OUT)
    assert (purpose in barred_purposes(event)) == (purpose not in {Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION})
