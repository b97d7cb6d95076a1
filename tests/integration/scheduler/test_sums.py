"""Promise P3: plans equal the sum of outcomes at every moment, in the tables and in the published events."""

import random
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.scheduler.tables import enrollments, in_flight, lines, pending_counts, state_changes, timers
from shared.events.dispatch import DispatchAccepted, DispatchDelivered, DispatchFailed, DispatchUnknown
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpBlocked, FollowUpDeferred, FollowUpDue, FollowUpLapsed
from shared.vocabulary.follow_up_states import ENDS, OPEN, FollowUpState
from tests.integration.scheduler.driver import SchedulerDriver


async def check_the_books(driver: SchedulerDriver) -> Counter[str]:
    """Compare the tables with each other and with the log, and return how many texts are in each state."""
    rows = await driver.rows()
    planned = await driver.planned()
    assert {event.follow_up_id for event in planned} == {row["id"] for row in rows}
    assert len(planned) == len(rows)
    assert {row["enrollment_id"] for row in rows} == {
        row["id"] for row in await driver.harness.rows(sa.select(enrollments))
    }

    changes = await driver.harness.rows(sa.select(state_changes).order_by(state_changes.c.number))
    story = {row["follow_up_id"]: (row["state"], row["number"]) for row in changes}
    assert story == {row["id"]: (row["state"], row["changes"]) for row in rows}
    assert all(row["reason"] for row in rows if row["state"] in ENDS)

    waiting = Counter(row["follow_up_id"] for row in await driver.harness.rows(sa.select(timers)))
    in_line = Counter(row["follow_up_id"] for row in await driver.harness.rows(sa.select(lines)))
    under_way = {row["follow_up_id"] for row in await driver.harness.rows(sa.select(in_flight))}
    assert under_way == {row["id"] for row in rows if row["state"] == FollowUpState.RELEASED}
    for row in rows:
        has_timer = waiting[row["id"]] + (in_line[row["id"]] if row["state"] == FollowUpState.PENDING else 0)
        assert has_timer == (0 if row["state"] in ENDS else 1)
    key = ("merchant_id", "partition", "flow")
    counts = await driver.harness.rows(sa.select(pending_counts))
    counted = Counter({tuple(row[name] for name in key): row["texts"] for row in counts})
    assert +counted == Counter(tuple(row[name] for name in key) for row in rows if row["state"] in OPEN)
    released = Counter(due.follow_up_id for due in await driver.dues())
    assert released == Counter({row["id"]: row["release"] for row in rows if row["release"]})
    return Counter(row["state"] for row in rows)


@pytest.mark.parametrize("driver", [{"parts_per_second": 2}], indirect=True)
@pytest.mark.parametrize("seed", range(4))
async def test_plans_equal_the_sum_of_outcomes_at_every_moment(driver: SchedulerDriver, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable course, not a secret
    answered: set[tuple[object, int]] = set()
    for day in range(8):
        for n in range(chance.randrange(8)):
            phone = f"+1212555{chance.randrange(100, 130):04}"
            kind = chance.choice(["purchase", "purchase", "checkout_started", "refund"])
            await driver.hear(driver.trigger(kind, subject=f"s{day}-{chance.randrange(max(1, n))}", phone=phone))
        for _ in range(3):
            await driver.fire(hours=chance.choice([0.5, 1, 4, 14]))
            fresh = [due for due in await driver.dues() if (due.follow_up_id, due.release) not in answered]
            for due in fresh:
                if chance.random() < 0.9:
                    answered.add((due.follow_up_id, due.release))
                    await driver.hear(*answers(driver, due, chance))
            await check_the_books(driver)
    for _ in range(20):
        await driver.fire(days=1)
    counted = await check_the_books(driver)
    assert counted.total() == len(await driver.planned())
    assert set(counted) <= set(ENDS) | {FollowUpState.PENDING, FollowUpState.RELEASED}


def answers(driver: SchedulerDriver, due: FollowUpDue, chance: random.Random) -> list[Event]:
    """Return some way a release may turn out, in some order, with repeats."""
    soon = driver.clock.now() + timedelta(minutes=chance.randrange(1, 600))
    accepted = driver.answer(DispatchAccepted, due)
    outcome: list[Event] = chance.choice(
        [
            [driver.answer(FollowUpDeferred, due, until=soon, reason="quiet_hours")],
            [driver.answer(FollowUpBlocked, due, reason="opted_out")],
            [driver.answer(FollowUpLapsed, due, reason="clearance_ran_out")],
            [accepted, driver.answer(DispatchDelivered, due)],
            [accepted],
            [accepted, driver.answer(DispatchFailed, due, accepted=True, reason="undelivered")],
            [driver.answer(DispatchFailed, due, reason="refused", retry_at=soon)],
            [driver.answer(DispatchUnknown, due)],
        ]
    )
    repeated = [*outcome, chance.choice(outcome)]
    chance.shuffle(repeated)
    return [*repeated]
