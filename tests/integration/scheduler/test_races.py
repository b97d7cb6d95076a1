"""The races of design section 5 that touch the scheduler, each by name, and what happens twice, late or too early."""

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from services.scheduler.consumer import barred_purposes
from services.scheduler.instruments import DOUBLES
from services.scheduler.tables import follow_ups, triggers_seen
from shared.bus.marks import MARK_SECONDS, NothingToRelay
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
from tests.integration.scheduler.stage import Stage

REVOKED = ScopeSnapshot(status="revoked", revoked_at=START)


def consent_changed(stage: Stage, **changes: object) -> ConsentChanged:
    who = {"recipient_id": make_scheduler.recipient(stage.sealer), "event_id": uuid4()}
    return make.event(ConsentChanged, **{**who, "act": ConsentAct.REVOKED, **changes})


async def test_a_refund_cancels_every_text_of_its_run_that_has_not_gone(stage: Stage) -> None:
    await stage.hear(stage.trigger(), stage.trigger("refund", occurred_at=START + timedelta(minutes=1)))
    assert await stage.states() == [("cancelled", "refund"), ("cancelled", "refund")]
    assert await stage.timers() == []
    assert [kind for kind, _, _ in await stage.endings()] == ["follow-up.cancelled"] * 2


async def test_a_refund_of_another_order_cancels_nothing(stage: Stage) -> None:
    await stage.hear(stage.trigger(), stage.trigger("refund", subject="order-2"))
    assert await stage.states() == [("pending", None), ("pending", None)]


async def test_a_cancelling_trigger_that_came_first_keeps_the_run_from_beginning(stage: Stage) -> None:
    late = stage.trigger("checkout_started")
    await stage.hear(stage.trigger("purchase", amount_minor=100, occurred_at=START + timedelta(minutes=2)), late)
    assert await stage.planned() == []


async def test_a_purchase_before_the_checkout_does_not_cancel_its_reminder(stage: Stage) -> None:
    await stage.hear(
        stage.trigger("purchase", amount_minor=100, occurred_at=START - timedelta(days=1)),
        stage.trigger("checkout_started"),
    )
    assert await stage.states() == [("pending", None)]


async def test_an_order_acknowledged_before_the_text_is_due_cancels_it_even_when_it_was_not_read_yet(
    stage: Stage,
) -> None:
    await stage.hear(stage.trigger("checkout_started"))
    stage.clock.advance(minutes=30, seconds=-5)
    await stage.house.publish(stage.trigger("purchase", amount_minor=100))
    await stage.fire(seconds=5)
    assert await stage.dues() == []
    await stage.house.settle(stage.service)
    await stage.fire()
    assert await stage.dues() == []
    assert await stage.states() == [("cancelled", "purchase")]


async def test_what_others_do_holds_nobodys_text(stage: Stage) -> None:
    await stage.hear(stage.trigger("checkout_started"))
    stage.clock.advance(minutes=30)
    await stage.house.publish(
        *(stage.trigger("inquiry", subject=f"order-{n}", phone=f"+121255501{n}") for n in range(70, 90))
    )
    await stage.fire()
    assert len(await stage.dues()) == 1


async def test_a_text_that_waits_for_news_says_so_and_goes_when_it_was_read(stage: Stage) -> None:
    await stage.hear(stage.trigger("checkout_started"))
    stage.clock.advance(minutes=30)
    await stage.house.publish(stage.trigger("inquiry", subject="another order"))
    await stage.fire()
    assert await stage.states() == [("pending", "unread_news")]
    await stage.house.settle(stage.service)
    await stage.fire(seconds=1)
    assert [(due.purpose, due.release) for due in await stage.dues()] == [("marketing", 1)]
    assert (await stage.states())[0] == ("released", "due")


async def test_while_a_service_is_late_with_its_news_marketing_waits_and_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.hear(stage.trigger("checkout_started"))
    with monkeypatch.context() as patched:
        patched.setattr(NothingToRelay, "in_log", lambda _self, _who: stage.clock.monotonic() - MARK_SECONDS - 2)
        for minutes in (30, 1, 1, 60):
            await stage.fire(minutes=minutes)
            assert await stage.states() == [("pending", "source_lag")]
    await stage.fire(seconds=10)
    assert await stage.states() == [("released", "due")]


async def test_what_is_no_marketing_waits_a_minute_at_most_for_a_service_that_is_late_with_its_news(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.hear(stage.trigger())
    monkeypatch.setattr(NothingToRelay, "in_log", lambda _self, _who: stage.clock.monotonic() - MARK_SECONDS - 2)
    await stage.fire(hours=1)
    await stage.fire(seconds=50)
    assert await stage.dues() == []
    await stage.fire(seconds=11)
    await stage.fire(seconds=11)
    assert [due.purpose for due in await stage.dues()] == ["transactional"]


async def test_what_was_known_of_the_log_before_the_clock_jumped_releases_nothing(stage: Stage) -> None:
    await stage.hear(stage.trigger("checkout_started"))
    await stage.fire(minutes=30, seconds=-1)
    await stage.house.publish(stage.trigger("purchase", amount_minor=100))
    await stage.fire(hours=1)
    assert await stage.dues() == []


async def test_a_cancel_after_the_release_is_told_with_its_release_so_that_it_can_overtake_the_clearance(
    stage: Stage,
) -> None:
    await stage.released()
    await stage.hear(stage.trigger("refund"))
    assert ("follow-up.cancelled", "refund", 1) in await stage.endings()
    assert (await stage.states())[0] == ("cancelled", "refund")


async def test_a_text_accepted_after_its_cancel_is_dispatched_and_marked_too_late(stage: Stage) -> None:
    due = await stage.released()
    await stage.hear(stage.trigger("refund"), stage.answer(DispatchAccepted, due))
    first = (await stage.rows())[0]
    assert (first["state"], first["is_too_late"]) == ("dispatched", True)


async def test_a_text_that_came_back_after_its_cancel_is_not_tried_again(stage: Stage) -> None:
    due = await stage.released()
    accepted = stage.answer(DispatchAccepted, due)
    retry_at = stage.clock.now() + timedelta(minutes=5)
    failed = stage.answer(DispatchFailed, due, accepted=True, reason="undelivered", retry_at=retry_at)
    await stage.hear(accepted, stage.trigger("refund"), failed)
    await stage.fire(minutes=10)
    assert (await stage.states())[0] == ("cancelled", "refund")
    assert len(await stage.dues()) == 1


async def test_answers_about_an_older_release_are_ignored(stage: Stage) -> None:
    due = await stage.released()
    await stage.hear(stage.answer(FollowUpDeferred, due, until=stage.clock.now(), reason="frequency_cap"))
    await stage.fire()
    await stage.hear(stage.answer(FollowUpBlocked, due, reason="no_consent"))
    assert (await stage.states())[0] == ("released", "due")


async def test_an_answer_that_comes_twice_changes_nothing_the_second_time(stage: Stage) -> None:
    due = await stage.released()
    deferred = stage.answer(FollowUpDeferred, due, until=stage.clock.now() + timedelta(hours=1), reason="frequency_cap")
    await stage.hear(deferred, deferred)
    await stage.fire(hours=1)
    await stage.hear(deferred)
    assert (await stage.states())[0] == ("released", "due")


async def test_a_receipt_before_its_acceptance_is_the_last_word(stage: Stage) -> None:
    due = await stage.released()
    accepted = stage.answer(DispatchAccepted, due)
    await stage.hear(stage.answer(DispatchDelivered, due), accepted, accepted)
    assert (await stage.states())[0] == ("delivered", "delivered")


async def test_a_late_acceptance_of_an_older_release_stops_the_newer_one(stage: Stage) -> None:
    due = await stage.released()
    await stage.hear(stage.answer(FollowUpDeferred, due, until=stage.clock.now(), reason="frequency_cap"))
    await stage.fire()
    await stage.hear(stage.answer(DispatchAccepted, due))
    assert (await stage.states())[0][0] == "dispatched"
    assert ("follow-up.cancelled", "already_dispatched", 2) in await stage.endings()


async def test_a_double_is_told_once(stage: Stage) -> None:
    before = DOUBLES._value.get()
    due = await stage.released()
    other = stage.answer(DispatchAccepted, due, attempt_id=uuid4())
    await stage.hear(stage.answer(DispatchAccepted, due), other, other)
    assert DOUBLES._value.get() == before + 1
    assert (await stage.states())[0][0] == "dispatched"


async def test_an_unknown_end_becomes_failed_when_absence_is_proven(stage: Stage) -> None:
    due = await stage.released()
    await stage.hear(stage.answer(DispatchUnknown, due))
    assert (await stage.states())[0] == ("unknown", "no_answer")
    await stage.hear(stage.answer(DispatchFailed, due, reason="proven_absent"))
    assert (await stage.states())[0] == ("failed", "proven_absent")


async def test_an_opt_out_cancels_pending_and_released_texts_of_its_scope(stage: Stage) -> None:
    await stage.released()
    await stage.hear(consent_changed(stage, marketing=REVOKED))
    assert await stage.states() == [("released", "due"), ("cancelled", "opt_out")]
    await stage.hear(
        consent_changed(stage, epoch=2, suppressed=SuppressionCause.OPT_OUT, scope=ConsentScope.ALL, marketing=REVOKED)
    )
    assert await stage.states() == [("cancelled", "opt_out"), ("cancelled", "opt_out")]


async def test_an_older_word_of_the_ledger_cancels_nothing(stage: Stage) -> None:
    await stage.hear(stage.trigger())
    await stage.hear(consent_changed(stage, epoch=3, act=ConsentAct.GRANTED))
    await stage.hear(consent_changed(stage, epoch=2, marketing=REVOKED))
    assert await stage.states() == [("pending", None), ("pending", None)]


async def test_an_erased_person_has_no_sealed_column_left_and_starts_nothing_again(stage: Stage) -> None:
    await stage.released()
    erased = make.event(RecipientErased, recipient_id=make_scheduler.recipient(stage.sealer), event_id=uuid4())
    await stage.hear(erased, erased, stage.trigger(subject="order-9"))
    assert set(await stage.states()) == {("cancelled", "erased")}
    sealed = await stage.house.rows(sa.select(follow_ups.c.body, follow_ups.c.contact, follow_ups.c.facts))
    assert all(value is None for row in sealed for value in row.values())
    assert await stage.house.rows(sa.select(triggers_seen)) == []
    assert len(await stage.planned()) == 2


async def test_a_closed_shop_writes_to_nobody_and_what_happened_before_starts_nothing(stage: Stage) -> None:
    await stage.released()
    await stage.hear(make.event(MerchantClosed, event_id=uuid4(), occurred_at=stage.clock.now()))
    await stage.hear(stage.trigger(subject="late", phone="+12125550188", occurred_at=START))
    assert await stage.states() == [("cancelled", "merchant_closed")] * 2


async def test_news_of_a_follow_up_that_nobody_planned_is_survived(stage: Stage) -> None:
    await stage.hear(make.event(DispatchDelivered), make.event(FollowUpBlocked))
    assert await stage.house.rows(sa.select(stage.service.ground.parked)) == []


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_no_opt_out_cancels_an_answer(purpose: Purpose) -> None:
    event = make.event(ConsentChanged, suppressed=SuppressionCause.OPT_OUT)
    assert (purpose in barred_purposes(event)) == (purpose not in {Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION})
