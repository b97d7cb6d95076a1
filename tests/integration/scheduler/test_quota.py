"""A merchant has so many texts planned at once: beyond that it is told, and nothing else of it suffers."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.scheduler import instruments
from services.scheduler.runs.enrolment import Decline
from services.scheduler.tables import ground, triggers_seen
from shared.bus import parked
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import FollowUpCancelled
from shared.housekeeping import Housekeeping
from shared.testing import make
from tests.integration.scheduler.stage import Stage

PER_RUN = 2
"""Texts of the thank-you of a purchase; as many as the quota here."""
SMALL = {"more": "quotas: {pending_follow_ups: 2}"}
small = pytest.mark.parametrize("stage", [SMALL], indirect=True)
TEXT = {"to": "+12125559999", "purpose": "transactional", "text": "Your code is 1", "due_in": "1h"}


def phone(number: int) -> str:
    return f"+1212555{number:04}"


async def buy(stage: Stage, *numbers: int) -> None:
    await stage.hear(*(stage.trigger(subject=phone(each), phone=phone(each)) for each in numbers))


@small
async def test_a_text_beyond_the_quota_is_refused_until_one_has_gone_or_was_called_off(stage: Stage) -> None:
    first = (await stage.ask(**TEXT)).json()["follow_up_id"]
    await stage.ask(**TEXT)
    over = await stage.ask(**TEXT, key="k")
    assert (over.status_code, over.json()["code"]) == (429, "pending_quota_exceeded")
    assert over.headers["Retry-After"] == "60"
    assert "2 follow-ups are planned" in over.json()["detail"]
    assert (await stage.ask(**TEXT, dry_run=True)).status_code == 202
    assert (await stage.http.delete(f"/v1/follow-ups/{first}", headers=stage.headers())).status_code == 204
    assert (await stage.ask(**TEXT, key="k")).status_code == 202


@small
async def test_triggers_beyond_the_quota_start_nothing_are_counted_and_remembered(stage: Stage) -> None:
    declined = instruments.DECLINED.labels(Decline.PENDING_QUOTA)
    before = declined._value.get()
    await buy(stage, *range(100, 105))
    assert [state for state, _ in await stage.states()] == ["pending"] * PER_RUN
    assert declined._value.get() == before + 4
    assert "(pending)" in (await stage.house.runtime.quotas.concern() or "")
    seen = await stage.house.rows(triggers_seen.select())
    assert len(seen) == 5


@small
async def test_what_cancels_is_heard_whatever_is_planned(stage: Stage) -> None:
    await buy(stage, *range(100, 103))
    rows = await stage.rows()
    await stage.hear(stage.trigger("refund", subject=rows[0]["subject"], phone=rows[0]["subject"]))
    assert len(await stage.told(FollowUpCancelled)) == PER_RUN
    await buy(stage, 110)
    assert [state for state, _ in await stage.states()].count("pending") == PER_RUN


@small
async def test_an_answer_to_somebody_who_wrote_has_no_quota(stage: Stage) -> None:
    await buy(stage, *range(100, 103))
    contact = stage.trigger(phone=phone(100)).contact
    reply = make.event(
        ReplyReceived,
        reply_class="help",
        recipient_id=stage.trigger(phone=phone(100)).recipient_id,
        contact=contact,
        occurred_at=stage.clock.now(),
    )
    await stage.hear(reply)
    assert [each.flow for each in await stage.planned()].count("answer") == 1


async def test_it_is_known_how_long_events_wait_to_be_read(stage: Stage) -> None:
    log = stage.house.runtime.log
    await buy(stage, 100)
    assert await log.unread_seconds(stage.clock.now()) == 0
    await stage.house.publish(stage.trigger(phone=phone(101)))
    stage.clock.advance(seconds=5)
    await stage.house.publish(stage.trigger(phone=phone(102)))
    assert await log.unread_seconds(stage.clock.now()) == 5
    later = stage.clock.now() + timedelta(minutes=2)
    assert await log.unread_seconds(later) == 0, "the reader stands still: nobody brings in too much"
    await stage.house.settle(stage.service)
    assert await log.unread_seconds(stage.clock.now()) == 0


@pytest.mark.parametrize("stage", [{"more": "quotas: {parked_events: 1}"}], indirect=True)
async def test_who_has_too_much_parked_brings_in_nothing_more_until_it_is_seen_to(stage: Stage) -> None:
    runtime = stage.house.runtime
    housekeeping = Housekeeping(runtime, [ground])

    async def set_aside(uow: UnitOfWork) -> None:
        trigger = stage.trigger()
        work = parked.Work("scheduler.text", trigger.merchant_id, trigger.recipient_id, b"{}")
        await parked.set_aside(uow, ground, work, "a test")

    for _ in range(2):
        assert (await stage.ask(**TEXT)).status_code == 202
        await runtime.units.run(set_aside, WritePriority.BATCHES)
        await housekeeping._count()
    assert (await stage.ask(**TEXT)).json()["code"] == "parked_quota_exceeded"
    await runtime.units.run(lambda uow: uow.db.execute(sa.delete(ground.parked)), WritePriority.BATCHES)
    await housekeeping._count()
    assert (await stage.ask(**TEXT)).status_code == 202
