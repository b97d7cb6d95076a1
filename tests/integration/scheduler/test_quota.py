"""A merchant has a quota of pending follow-ups: beyond it requests are refused, and nothing else is affected."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.scheduler import instruments
from services.scheduler.runs.enrolment import Decline
from services.scheduler.tables import system_tables, triggers_seen
from shared.bus import parked
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import FollowUpCancelled
from shared.housekeeping import Housekeeping
from shared.testing import make
from tests.integration.scheduler.driver import SchedulerDriver

PER_RUN = 2
"""Texts of the thank-you of a purchase; as many as the quota here."""
SMALL = {"more": "quotas: {pending_follow_ups: 2}"}
small = pytest.mark.parametrize("driver", [SMALL], indirect=True)
TEXT = {"to": "+12125559999", "purpose": "transactional", "text": "Your code is 1", "due_in": "1h"}


def phone(number: int) -> str:
    return f"+1212555{number:04}"


async def buy(driver: SchedulerDriver, *numbers: int) -> None:
    await driver.hear(*(driver.trigger(subject=phone(each), phone=phone(each)) for each in numbers))


@small
async def test_a_text_beyond_the_quota_is_refused_until_one_has_gone_or_was_called_off(driver: SchedulerDriver) -> None:
    first = (await driver.ask(**TEXT)).json()["follow_up_id"]
    await driver.ask(**TEXT)
    over = await driver.ask(**TEXT, key="k")
    assert (over.status_code, over.json()["code"]) == (429, "pending_quota_exceeded")
    assert over.headers["Retry-After"] == "60"
    assert "2 follow-ups are planned" in over.json()["detail"]
    assert (await driver.ask(**TEXT, dry_run=True)).status_code == 202
    assert (await driver.http.delete(f"/v1/follow-ups/{first}", headers=driver.headers())).status_code == 204
    assert (await driver.ask(**TEXT, key="k")).status_code == 202


@small
async def test_triggers_beyond_the_quota_start_nothing_are_counted_and_remembered(driver: SchedulerDriver) -> None:
    declined = instruments.DECLINED.labels(Decline.PENDING_QUOTA)
    before = declined._value.get()
    await buy(driver, *range(100, 105))
    assert [state for state, _ in await driver.states()] == ["pending"] * PER_RUN
    assert declined._value.get() == before + 4
    assert "(pending)" in (await driver.harness.runtime.quotas.concern() or "")
    seen = await driver.harness.rows(triggers_seen.select())
    assert len(seen) == 5


@small
async def test_what_cancels_is_heard_whatever_is_planned(driver: SchedulerDriver) -> None:
    await buy(driver, *range(100, 103))
    rows = await driver.rows()
    await driver.hear(driver.trigger("refund", subject=rows[0]["subject"], phone=rows[0]["subject"]))
    assert len(await driver.published(FollowUpCancelled)) == PER_RUN
    await buy(driver, 110)
    assert [state for state, _ in await driver.states()].count("pending") == PER_RUN


@small
async def test_an_answer_to_a_reply_has_no_quota(driver: SchedulerDriver) -> None:
    await buy(driver, *range(100, 103))
    contact = driver.trigger(phone=phone(100)).contact
    reply = make.event(
        ReplyReceived,
        reply_class="help",
        recipient_id=driver.trigger(phone=phone(100)).recipient_id,
        contact=contact,
        occurred_at=driver.clock.now(),
    )
    await driver.hear(reply)
    assert [each.flow for each in await driver.planned()].count("answer") == 1


async def test_it_is_known_how_long_events_wait_to_be_read(driver: SchedulerDriver) -> None:
    log = driver.harness.runtime.log
    await buy(driver, 100)
    assert await log.unread_seconds(driver.clock.now()) == 0
    await driver.harness.publish(driver.trigger(phone=phone(101)))
    driver.clock.advance(seconds=5)
    await driver.harness.publish(driver.trigger(phone=phone(102)))
    assert await log.unread_seconds(driver.clock.now()) == 5
    later = driver.clock.now() + timedelta(minutes=2)
    assert await log.unread_seconds(later) == 0, "the reader stands still: nobody brings in too much"
    await driver.harness.settle(driver.service)
    assert await log.unread_seconds(driver.clock.now()) == 0


@pytest.mark.parametrize("driver", [{"more": "quotas: {parked_events: 1}"}], indirect=True)
async def test_who_has_too_much_parked_brings_in_nothing_more_until_it_is_seen_to(driver: SchedulerDriver) -> None:
    runtime = driver.harness.runtime
    housekeeping = Housekeeping(runtime, [system_tables])

    async def set_aside(uow: UnitOfWork) -> None:
        trigger = driver.trigger()
        whose = {"merchant_id": trigger.merchant_id, "recipient_id": trigger.recipient_id}
        await parked.set_aside(uow, system_tables, "scheduler.text", whose, b"{}", "a test")

    for _ in range(2):
        assert (await driver.ask(**TEXT)).status_code == 202
        await runtime.units.run(set_aside, WritePriority.BATCHES)
        await housekeeping._count()
    assert (await driver.ask(**TEXT)).json()["code"] == "parked_quota_exceeded"
    await runtime.units.run(lambda uow: uow.db.execute(sa.delete(system_tables.parked)), WritePriority.BATCHES)
    await housekeeping._count()
    assert (await driver.ask(**TEXT)).status_code == 202
