"""Cap slots: what counts, from when, and what gives a slot back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.compliance.tables import send_slots
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.envelope import Event
from shared.events.follow_up import (
    FollowUpCancelled,
    FollowUpCleared,
    FollowUpDeferred,
    FollowUpExpired,
    FollowUpLapsed,
    Purpose,
)
from shared.testing.clock import START
from tests.integration.compliance.stage import Stage, only

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


async def fill(stage: Stage, count: int = 3) -> None:
    """Give consent and have marketing texts cleared."""
    await stage.hear(stage.claim())
    names = ["first", "second", "third"][:count]
    for name in names:
        assert only(await stage.verdict(name)) == [("cleared", "ok")]


async def test_the_fourth_marketing_text_in_a_day_waits_until_the_first_is_a_day_old(stage: Stage) -> None:
    await stage.hear(stage.claim())
    for name in ("first", "second", "third"):
        await stage.verdict(name)
        stage.clock.advance(minutes=10)
    fourth = await stage.verdict("fourth")
    assert isinstance(fourth, FollowUpDeferred)
    assert (fourth.reason, fourth.until) == ("frequency_cap", START + DAY)
    stage.clock.move_to(START + DAY)
    assert only(await stage.verdict("fourth", release=2, first_due_at=fourth.occurred_at)) == [("cleared", "ok")]


async def test_four_marketing_texts_in_one_poll_do_not_all_see_room(stage: Stage) -> None:
    await stage.hear(stage.claim())
    answers = await stage.judged(*(stage.due(name) for name in ("first", "second", "third", "fourth")))
    assert only(*answers) == [("cleared", "ok")] * 3 + [("deferred", "frequency_cap")]


async def test_other_purposes_take_no_marketing_slot(stage: Stage) -> None:
    await fill(stage)
    assert only(await stage.verdict("service", purpose=Purpose.TRANSACTIONAL)) == [("cleared", "ok")]


async def test_informational_texts_have_the_merchants_own_cap_and_no_other(stage: Stage) -> None:
    await fill(stage)
    note: dict[str, Any] = {"purpose": Purpose.INFORMATIONAL}
    assert only(await stage.verdict("note", **note)) == [("cleared", "ok")]
    second = await stage.verdict("second note", **note)
    assert isinstance(second, FollowUpDeferred)
    assert (second.reason, second.until) == ("frequency_cap", START + timedelta(hours=2))


async def test_a_release_of_the_same_follow_up_does_not_count_itself(stage: Stage) -> None:
    await fill(stage)
    assert only(await stage.verdict("third", release=2)) == [("cleared", "ok")]
    assert len(await stage.rows(send_slots)) == 3


@pytest.mark.parametrize(
    "end",
    [
        lambda stage: stage.about(FollowUpLapsed, "first"),
        lambda stage: stage.about(FollowUpCancelled, "first"),
        lambda stage: stage.about(FollowUpExpired, "first"),
        lambda stage: stage.about(DispatchFailed, "first", accepted=False),
    ],
    ids=["lapsed", "cancelled", "expired", "failed without acceptance"],
)
async def test_a_text_that_never_went_gives_its_slot_back_once(stage: Stage, end: Callable[[Stage], Event]) -> None:
    await fill(stage)
    await stage.hear(end(stage), end(stage))
    assert only(await stage.verdict("fourth")) == [("cleared", "ok")]
    assert only(await stage.verdict("fifth")) == [("deferred", "frequency_cap")]


@pytest.mark.parametrize(
    "end",
    [
        lambda stage: stage.about(DispatchUnknown, "first"),
        lambda stage: stage.about(DispatchFailed, "first", accepted=True),
    ],
    ids=["unknown", "failed after acceptance"],
)
async def test_a_text_that_may_have_gone_keeps_its_slot(stage: Stage, end: Callable[[Stage], Event]) -> None:
    await fill(stage)
    await stage.hear(end(stage), end(stage))
    assert only(await stage.verdict("fourth")) == [("deferred", "frequency_cap")]


async def test_a_slot_ages_from_acceptance(stage: Stage) -> None:
    await fill(stage)
    stage.clock.advance(minutes=7)
    await stage.hear(*(stage.about(DispatchAccepted, name) for name in ("first", "second", "third")))
    fourth = await stage.verdict("fourth")
    assert isinstance(fourth, FollowUpDeferred)
    assert fourth.until == START + DAY + timedelta(minutes=7)


async def test_an_acceptance_read_twice_or_out_of_order_ages_from_the_latest(stage: Stage) -> None:
    await fill(stage)
    older = stage.about(DispatchAccepted, "first", occurred_at=START + MINUTE)
    newer = stage.about(DispatchAccepted, "first", occurred_at=START + 5 * MINUTE, release=2)
    await stage.hear(newer, older)
    await stage.hear(newer)
    await stage.hear(older)
    assert {row["sent_at"] for row in await stage.rows(send_slots)} == {None, newer.occurred_at}


@pytest.mark.parametrize("kind", [FollowUpCancelled, FollowUpExpired, FollowUpLapsed])
async def test_an_accepted_text_keeps_its_slot_whatever_comes_late(stage: Stage, kind: type[Event]) -> None:
    await fill(stage)
    await stage.hear(stage.about(DispatchAccepted, "first"), stage.about(kind, "first"))
    await stage.hear(stage.about(DispatchFailed, "first", accepted=False))
    assert only(await stage.verdict("fourth")) == [("deferred", "frequency_cap")]


async def test_a_cancelled_text_that_went_all_the_same_takes_its_slot_back(stage: Stage) -> None:
    await fill(stage)
    await stage.hear(stage.about(FollowUpCancelled, "first"))
    await stage.hear(stage.about(DispatchAccepted, "first"))
    assert only(await stage.verdict("fourth")) == [("deferred", "frequency_cap")]


async def test_a_cancelled_text_that_may_have_gone_takes_its_slot_back_until_it_is_proven_absent(stage: Stage) -> None:
    await fill(stage)
    await stage.hear(stage.about(FollowUpCancelled, "first"), stage.about(DispatchUnknown, "first"))
    assert only(await stage.verdict("fourth")) == [("deferred", "frequency_cap")]
    await stage.hear(stage.about(DispatchFailed, "first", accepted=False, reason="proven_absent"))
    assert only(await stage.verdict("fifth")) == [("cleared", "ok")]


async def test_the_late_failure_of_an_earlier_release_does_not_return_the_slot_of_the_current_one(stage: Stage) -> None:
    await fill(stage)
    assert only(await stage.verdict("first", release=2)) == [("cleared", "ok")]
    await stage.hear(stage.about(DispatchFailed, "first", accepted=False, release=1))
    assert only(await stage.verdict("fourth")) == [("deferred", "frequency_cap")]
    await stage.hear(stage.about(DispatchFailed, "first", accepted=False, release=2))
    assert only(await stage.verdict("fifth")) == [("cleared", "ok")]


async def test_a_retry_after_acceptance_counts_from_its_own_release_until_it_fails(stage: Stage) -> None:
    await fill(stage)
    await stage.hear(*(stage.about(DispatchAccepted, name) for name in ("first", "second", "third")))
    stage.clock.advance(hours=2)
    assert isinstance(await stage.verdict("first", release=2), FollowUpCleared)
    stage.clock.move_to(START + DAY)
    assert only(await stage.verdict("fourth"), await stage.verdict("fifth")) == [("cleared", "ok")] * 2
    assert only(await stage.verdict("sixth")) == [("deferred", "frequency_cap")]
    await stage.hear(stage.about(DispatchFailed, "first", accepted=False, release=2))
    assert only(await stage.verdict("seventh")) == [("cleared", "ok")]


async def test_a_failure_before_its_due_changes_nothing(stage: Stage) -> None:
    await stage.hear(stage.about(DispatchFailed, "first", accepted=False), stage.about(FollowUpCancelled, "second"))
    assert not await stage.rows(send_slots)
    await fill(stage)
