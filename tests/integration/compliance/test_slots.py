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
from tests.integration.compliance.driver import ComplianceDriver, only

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


async def fill(driver: ComplianceDriver, count: int = 3) -> None:
    """Give consent and have marketing texts cleared."""
    await driver.hear(driver.claim())
    names = ["first", "second", "third"][:count]
    for name in names:
        assert only(await driver.verdict(name)) == [("cleared", "ok")]


async def test_the_fourth_marketing_text_in_a_day_waits_until_the_first_is_a_day_old(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    for name in ("first", "second", "third"):
        await driver.verdict(name)
        driver.clock.advance(minutes=10)
    fourth = await driver.verdict("fourth")
    assert isinstance(fourth, FollowUpDeferred)
    assert (fourth.reason, fourth.until) == ("frequency_cap", START + DAY)
    driver.clock.move_to(START + DAY)
    assert only(await driver.verdict("fourth", release=2, first_due_at=fourth.occurred_at)) == [("cleared", "ok")]


async def test_four_marketing_texts_in_one_poll_do_not_all_see_room(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    answers = await driver.judged(*(driver.due(name) for name in ("first", "second", "third", "fourth")))
    assert only(*answers) == [("cleared", "ok")] * 3 + [("deferred", "frequency_cap")]


async def test_other_purposes_take_no_marketing_slot(driver: ComplianceDriver) -> None:
    await fill(driver)
    assert only(await driver.verdict("service", purpose=Purpose.TRANSACTIONAL)) == [("cleared", "ok")]


async def test_informational_texts_have_the_merchants_own_cap_and_no_other(driver: ComplianceDriver) -> None:
    await fill(driver)
    note: dict[str, Any] = {"purpose": Purpose.INFORMATIONAL}
    assert only(await driver.verdict("note", **note)) == [("cleared", "ok")]
    second = await driver.verdict("second note", **note)
    assert isinstance(second, FollowUpDeferred)
    assert (second.reason, second.until) == ("frequency_cap", START + timedelta(hours=2))


async def test_a_release_of_the_same_follow_up_does_not_count_itself(driver: ComplianceDriver) -> None:
    await fill(driver)
    assert only(await driver.verdict("third", release=2)) == [("cleared", "ok")]
    assert len(await driver.rows(send_slots)) == 3


@pytest.mark.parametrize(
    "end",
    [
        lambda driver: driver.about(FollowUpLapsed, "first"),
        lambda driver: driver.about(FollowUpCancelled, "first"),
        lambda driver: driver.about(FollowUpExpired, "first"),
        lambda driver: driver.about(DispatchFailed, "first", accepted=False),
    ],
    ids=["lapsed", "cancelled", "expired", "failed without acceptance"],
)
async def test_a_text_that_never_went_gives_its_slot_back_once(
    driver: ComplianceDriver, end: Callable[[ComplianceDriver], Event]
) -> None:
    await fill(driver)
    await driver.hear(end(driver), end(driver))
    assert only(await driver.verdict("fourth")) == [("cleared", "ok")]
    assert only(await driver.verdict("fifth")) == [("deferred", "frequency_cap")]


@pytest.mark.parametrize(
    "end",
    [
        lambda driver: driver.about(DispatchUnknown, "first"),
        lambda driver: driver.about(DispatchFailed, "first", accepted=True),
    ],
    ids=["unknown", "failed after acceptance"],
)
async def test_a_text_that_may_have_gone_keeps_its_slot(
    driver: ComplianceDriver, end: Callable[[ComplianceDriver], Event]
) -> None:
    await fill(driver)
    await driver.hear(end(driver), end(driver))
    assert only(await driver.verdict("fourth")) == [("deferred", "frequency_cap")]


async def test_a_slot_ages_from_acceptance(driver: ComplianceDriver) -> None:
    await fill(driver)
    driver.clock.advance(minutes=7)
    await driver.hear(*(driver.about(DispatchAccepted, name) for name in ("first", "second", "third")))
    fourth = await driver.verdict("fourth")
    assert isinstance(fourth, FollowUpDeferred)
    assert fourth.until == START + DAY + timedelta(minutes=7)


async def test_an_acceptance_read_twice_or_out_of_order_ages_from_the_latest(driver: ComplianceDriver) -> None:
    await fill(driver)
    older = driver.about(DispatchAccepted, "first", occurred_at=START + MINUTE)
    newer = driver.about(DispatchAccepted, "first", occurred_at=START + 5 * MINUTE, release=2)
    await driver.hear(newer, older)
    await driver.hear(newer)
    await driver.hear(older)
    assert {row["sent_at"] for row in await driver.rows(send_slots)} == {None, newer.occurred_at}


@pytest.mark.parametrize("kind", [FollowUpCancelled, FollowUpExpired, FollowUpLapsed])
async def test_an_accepted_text_keeps_its_slot_whatever_comes_late(driver: ComplianceDriver, kind: type[Event]) -> None:
    await fill(driver)
    await driver.hear(driver.about(DispatchAccepted, "first"), driver.about(kind, "first"))
    await driver.hear(driver.about(DispatchFailed, "first", accepted=False))
    assert only(await driver.verdict("fourth")) == [("deferred", "frequency_cap")]


async def test_a_cancelled_text_that_went_all_the_same_takes_its_slot_back(driver: ComplianceDriver) -> None:
    await fill(driver)
    await driver.hear(driver.about(FollowUpCancelled, "first"))
    await driver.hear(driver.about(DispatchAccepted, "first"))
    assert only(await driver.verdict("fourth")) == [("deferred", "frequency_cap")]


async def test_a_cancelled_text_that_may_have_gone_takes_its_slot_back_until_it_is_proven_absent(
    driver: ComplianceDriver,
) -> None:
    await fill(driver)
    await driver.hear(driver.about(FollowUpCancelled, "first"), driver.about(DispatchUnknown, "first"))
    assert only(await driver.verdict("fourth")) == [("deferred", "frequency_cap")]
    await driver.hear(driver.about(DispatchFailed, "first", accepted=False, reason="proven_absent"))
    assert only(await driver.verdict("fifth")) == [("cleared", "ok")]


async def test_the_late_failure_of_an_earlier_release_does_not_return_the_slot_of_the_current_one(
    driver: ComplianceDriver,
) -> None:
    await fill(driver)
    assert only(await driver.verdict("first", release=2)) == [("cleared", "ok")]
    await driver.hear(driver.about(DispatchFailed, "first", accepted=False, release=1))
    assert only(await driver.verdict("fourth")) == [("deferred", "frequency_cap")]
    await driver.hear(driver.about(DispatchFailed, "first", accepted=False, release=2))
    assert only(await driver.verdict("fifth")) == [("cleared", "ok")]


async def test_a_retry_after_acceptance_counts_from_its_own_release_until_it_fails(driver: ComplianceDriver) -> None:
    await fill(driver)
    await driver.hear(*(driver.about(DispatchAccepted, name) for name in ("first", "second", "third")))
    driver.clock.advance(hours=2)
    assert isinstance(await driver.verdict("first", release=2), FollowUpCleared)
    driver.clock.move_to(START + DAY)
    assert only(await driver.verdict("fourth"), await driver.verdict("fifth")) == [("cleared", "ok")] * 2
    assert only(await driver.verdict("sixth")) == [("deferred", "frequency_cap")]
    await driver.hear(driver.about(DispatchFailed, "first", accepted=False, release=2))
    assert only(await driver.verdict("seventh")) == [("cleared", "ok")]


async def test_a_failure_before_its_due_changes_nothing(driver: ComplianceDriver) -> None:
    await driver.hear(driver.about(DispatchFailed, "first", accepted=False), driver.about(FollowUpCancelled, "second"))
    assert not await driver.rows(send_slots)
    await fill(driver)
