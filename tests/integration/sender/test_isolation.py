"""One row that cannot be read is reported and postponed, and no other row waits for it."""

from collections import deque
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.numbers.health import NumberHealth
from services.sender.tables import dispatches, in_flight, number_health
from shared import failpoints
from shared.db.sweep import Sweep, swept
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.failpoints import FailpointReached
from shared.ids import FollowUpId
from tests.integration.sender.driver import SenderDriver, alarms

OTHERS = ("+12125550141", "+12125550142", "+12125550143")


async def execute(driver: SenderDriver, statement: sa.Executable) -> None:
    async def work(uow: UnitOfWork) -> None:
        await uow.db.execute(statement)

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)


async def spoil(driver: SenderDriver, follow_up_id: FollowUpId) -> None:
    """Write an unknown state, as another version or a manual change could."""
    broken = sa.update(dispatches).where(dispatches.c.follow_up_id == follow_up_id).values(state="no-such-state")
    await execute(driver, broken)


async def states(driver: SenderDriver) -> dict[Any, str]:
    return {row["follow_up_id"]: row["state"] for row in await driver.attempts()}


async def test_an_unreadable_intent_keeps_no_other_from_being_found(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared = [driver.cleared(number, phone=phone) for number, phone in enumerate(OTHERS, 1)]
    await driver.hear(*cleared)
    monkeypatch.setattr(failpoints, "_TRAPS", failpoints._armed("sender.after_intent=raise"))
    with pytest.raises(FailpointReached):
        await driver.send()
    driver.restarted()
    await spoil(driver, cleared[1].follow_up_id)
    before = alarms("unreadable_attempt")
    for _ in range(3):
        await driver.reconcile(seconds=43)
    assert alarms("unreadable_attempt") == before + 1
    found = await states(driver)
    assert found.pop(cleared[1].follow_up_id) == "intent"
    assert len(found) == len(OTHERS) - 1
    assert "intent" not in found.values()


async def test_an_unreadable_unknown_keeps_no_other_from_being_asked_after(driver: SenderDriver) -> None:
    driver.provider.script = deque(["accept_then_drop"] * 3)
    cleared = [driver.cleared(number, phone=phone) for number, phone in enumerate(OTHERS, 1)]
    await driver.hear(*cleared)
    await driver.send()
    await spoil(driver, cleared[0].follow_up_id)
    before = alarms("unreadable_attempt")
    for _ in range(3):
        await driver.reconcile(minutes=5)
    found = await states(driver)
    assert found.pop(cleared[0].follow_up_id) == "unknown"
    assert set(found.values()) == {"accepted"}
    assert alarms("unreadable_attempt") == before + 1
    [row] = await driver.harness.rows(sa.select(in_flight))
    assert row["look_at"] > driver.clock.now() + timedelta(minutes=30)


async def test_a_number_whose_health_cannot_be_read_is_held_alone(driver: SenderDriver) -> None:
    rows = [
        {"sender_number": number, "state": state, "failures": 0, "reason": None, "opens_at": None, "changed_at": at}
        for number, state, at in (("a", "no-such-state", driver.clock.now()), ("b", "closed", driver.clock.now()))
    ]
    await execute(
        driver, sa.insert(number_health).values([{k: v for k, v in r.items() if k in number_health.c} for r in rows])
    )
    health = NumberHealth(driver.harness.runtime.units)
    await health.refresh()
    held, free = health.breaker("a"), health.breaker("b")
    assert (held.state, held.allowance(driver.clock.now()), free) == (BreakerState.HALTED, 0, Breaker())


async def test_a_table_that_cannot_be_swept_does_not_keep_the_others_full(driver: SenderDriver) -> None:
    await driver.hear(driver.cleared())
    await driver.send()
    units = driver.harness.runtime.units
    broken = Sweep(dispatches.c.follow_up_id, FollowUpId(max(row["follow_up_id"] for row in await driver.attempts())))
    unknown = Sweep(broken.by, broken.before, sa.column("no_such_column") == 1)
    future = driver.clock.now() + timedelta(days=1)
    whole = Sweep(dispatches.c.changed_at, future)
    with pytest.raises(Exception, match="no_such_column"):
        await swept(units, [unknown, whole])
    assert await driver.harness.rows(sa.select(dispatches)) == []
