"""A flood, or a follow-up that cannot be read, delays nothing of other merchants."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from services.scheduler.tables import follow_ups, lines, system_tables, timers
from shared.bus import parked
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.testing import make_scheduler
from tests.integration.scheduler.driver import SchedulerDriver, open_driver

FLOOD = 400
SMALL = {"FOLLOWUP_SCHEDULER_BATCH_SIZE": "10", "FOLLOWUP_SCHEDULER_SWEEP_SIZE": "200"}


def people(count: int) -> list[str]:
    return [f"+1212555{number:04}" for number in range(100, 100 + count)]


async def plan(driver: SchedulerDriver, phones: list[str], **changes: str) -> None:
    """Let a merchant plan a text for each of these people, all due at one instant."""
    for start in range(0, len(phones), 100):
        await driver.hear(
            *(driver.trigger(subject=each, phone=each, **changes) for each in phones[start : start + 100])
        )


async def test_a_planned_flood_does_not_stand_before_another_merchants_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    async with open_driver(tmp_path, parts_per_second=1) as driver:
        await plan(driver, people(FLOOD))
        driver.clock.advance(seconds=1)
        text = {"to": "+12125559999", "purpose": "transactional", "text": "Your code is 1", "due_in": "1h"}
        headers = driver.headers("other", make_scheduler.OTHER_MERCHANT)
        asked = await driver.http.post("/v1/follow-ups", json=text, headers=headers)
        assert asked.is_success, asked.text
        await driver.fire(hours=1)
        for _ in range(8):
            await driver.fire(seconds=1)
        flows = [due.flow for due in await driver.dues()]
        assert "api" in flows
        assert len(flows) < FLOOD / 4


async def test_what_a_sweep_put_in_line_goes_at_its_numbers_pace_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    async with open_driver(tmp_path, parts_per_second=2) as driver:
        await plan(driver, people(60))
        await driver.fire(hours=1)
        assert len(await driver.dues()) == 10
        for _ in range(8):
            await driver.fire(minutes=2, seconds=1)
        dues = [due.follow_up_id for due in await driver.dues()]
        assert len(dues) == len(set(dues)) == 60
        assert await driver.harness.rows(sa.select(lines)) == []


async def test_a_text_that_cannot_be_read_is_parked_and_no_timer_waits_for_it(driver: SchedulerDriver) -> None:
    await plan(driver, people(20))
    guilty = (await driver.rows())[7]["id"]
    await spoil(driver, guilty, "no-such-state")
    await driver.fire(hours=1)
    for _ in range(3):
        await driver.fire(seconds=1)
    dues = {due.follow_up_id for due in await driver.dues()}
    assert len(dues) == 19
    assert guilty not in dues
    assert [row["type"] for row in await driver.harness.rows(sa.select(system_tables.parked))] == ["scheduler.text"]
    assert [row for row in await driver.harness.rows(sa.select(timers)) if row["follow_up_id"] == guilty] == []


async def test_a_text_that_was_set_aside_goes_after_a_redrive_once_it_can_be_read(driver: SchedulerDriver) -> None:
    await plan(driver, people(3))
    guilty = (await driver.rows())[1]["id"]
    await spoil(driver, guilty, "no-such-state")
    await driver.fire(hours=1)
    await driver.fire(seconds=1)
    assert driver.service.events is not None
    assert await parked.redrive(driver.harness.runtime.units, system_tables, driver.service.events) == (0, 1)
    await spoil(driver, guilty, "pending")
    assert await parked.redrive(driver.harness.runtime.units, system_tables, driver.service.events) == (1, 0)
    await driver.fire(seconds=1)
    assert guilty in {due.follow_up_id for due in await driver.dues()}


async def test_a_text_in_line_that_cannot_be_read_holds_none_behind_it(tmp_path: Path) -> None:
    async with open_driver(tmp_path, parts_per_second=0.1) as driver:
        await plan(driver, people(4))
        await driver.fire(hours=1)
        waiting = [row["follow_up_id"] for row in await driver.harness.rows(sa.select(lines).order_by(lines.c.due_at))]
        await spoil(driver, waiting[0], "no-such-state")
        for _ in range(6):
            await driver.fire(minutes=2, seconds=1)
        dues = {due.follow_up_id for due in await driver.dues()}
        assert {*waiting} - dues == {waiting[0]}


async def spoil(driver: SchedulerDriver, follow_up_id: object, state: str) -> None:
    """Write a state that this version does not know."""
    change = sa.update(follow_ups).where(follow_ups.c.id == follow_up_id).values(state=state)

    async def work(uow: UnitOfWork) -> None:
        await uow.db.execute(change)

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
