"""The cost of an event does not depend on what its person did before: counted in steps of the database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from services.scheduler.tables import enrollments, entries, follow_ups, triggers_seen
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentAct, ConsentChanged, ScopeSnapshot
from shared.events.dispatch import DispatchAccepted, DispatchDelivered
from shared.testing import make
from shared.testing.clock import START
from tests.integration.engines import only_on_sqlite
from tests.integration.scheduler.driver import SchedulerDriver, open_driver

PAST = 10_000
EVERY = 20
"""Steps between two counts."""
STRANGER, REGULAR = "+12125550124", "+12125550123"
SLACK = 1_000
"""Steps: deeper trees, and rows of the last day."""
MORE = """
flow: welcome-back
on: inquiry
enter: {once_per: trigger.subject}
cancel_on: [{on: refund}]
steps:
  - wait: 10m
  - {text: hello, purpose: transactional, body: Hello}
  - wait: 1h
  - {text: again, purpose: marketing, expire_after: 3d, body: Again}
"""


class Steps:
    """Counts the steps of every connection of the database."""

    def __init__(self) -> None:
        self.taken = 0

    def count(self) -> int:
        self.taken += EVERY
        return 0


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps, opened = Steps(), SQLiteDatabase._open

    def counting(self: SQLiteDatabase, *, reader: bool) -> Any:
        connection, raw = opened(self, reader=reader)
        raw.set_progress_handler(steps.count, EVERY)
        return connection, raw

    monkeypatch.setattr(SQLiteDatabase, "_open", counting)
    return steps


@pytest.fixture
async def driver(tmp_path: Path, steps: Steps) -> AsyncIterator[SchedulerDriver]:
    assert steps.taken == 0
    async with open_driver(tmp_path, flows={"welcome-back": MORE}) as driver:
        yield driver


async def lived(driver: SchedulerDriver, phone: str) -> None:
    """Let a person run through a flow once, long ago."""
    await driver.hear(driver.trigger("inquiry", subject=f"first {phone}", phone=phone))
    for hours in (1, 2):
        await driver.fire(hours=hours)
        due = (await driver.dues())[-1]
        await driver.hear(driver.answer(DispatchAccepted, due), driver.answer(DispatchDelivered, due))


async def multiply(driver: SchedulerDriver, phone: str) -> None:
    """Give a person thousands of runs, texts and things they did, all of them over."""
    person = driver.trigger(phone=phone).recipient_id
    made: dict[sa.Table, Callable[[int], dict[str, Any]]] = {
        follow_ups: lambda number: {"id": UUID(int=number)},
        enrollments: lambda number: {"id": UUID(int=number)},
        entries: lambda number: {"entry_key_sha256": number.to_bytes(32)},
        triggers_seen: lambda number: {"event_id": UUID(int=number), "occurred_at": START + timedelta(days=42)},
    }

    async def copy(uow: UnitOfWork) -> None:
        for table, changes in made.items():
            one = (await uow.db.rows(sa.select(table).where(table.c.recipient_id == person).limit(1)))[0]
            await uow.db.insert(table, [{**one, **changes(number)} for number in range(PAST)])

    await driver.harness.runtime.units.run(copy, WritePriority.BATCHES)


def consent(driver: SchedulerDriver, phone: str, epoch: int) -> ConsentChanged:
    standing = ScopeSnapshot(status="express")
    return make.event(
        ConsentChanged,
        merchant_id="acme",
        recipient_id=driver.trigger(phone=phone).recipient_id,
        epoch=epoch,
        occurred_at=driver.clock.now(),
        marketing=standing,
        informational=standing,
        suppressed=None,
        act=ConsentAct.GRANTED,
        event_id=uuid4(),
    )


async def costs(driver: SchedulerDriver, steps: Steps, phone: str) -> dict[str, int]:
    """Return the steps of each thing that can happen to a person."""
    found: dict[str, int] = {}

    async def ask(**asking: Any) -> None:
        answer = await driver.ask(**asking)
        assert answer.status_code == 202, answer.text

    async def count(name: str, act: Callable[[], Awaitable[Any]]) -> None:
        before = steps.taken
        await act()
        found[name] = steps.taken - before

    await count("trigger", lambda: driver.hear(driver.trigger("inquiry", subject=f"now {phone}", phone=phone)))
    await count("repeat", lambda: driver.hear(driver.trigger("inquiry", subject=f"now {phone}", phone=phone)))
    await count("purchase", lambda: driver.hear(driver.trigger(subject=f"order {phone}", phone=phone)))
    await count("release", lambda: driver.fire(minutes=10))
    due = (await driver.dues())[-1]
    late = driver.answer(DispatchAccepted, due, occurred_at=driver.clock.now() + timedelta(minutes=6))
    await count("late outcome", lambda: driver.hear(late))
    await count("late release", lambda: driver.fire(hours=2))
    await count("consent", lambda: driver.hear(consent(driver, phone, 1)))
    await count("cancelling", lambda: driver.hear(driver.trigger("refund", subject=f"order {phone}", phone=phone)))
    driver.clock.advance(seconds=1)
    asking = {"to": phone, "purpose": "transactional", "text": "Hello", "dry_run": True}
    await count("dry run", lambda: ask(**asking))
    flow = {"to": phone, "flow": "welcome-back", "trigger": {"subject": f"asked {phone}"}}
    await count("asked for", lambda: ask(**flow))
    return found


@only_on_sqlite("SQLite counts its steps")
async def test_one_event_costs_the_same_for_a_person_with_ten_thousand_past_follow_ups(
    driver: SchedulerDriver, steps: Steps
) -> None:
    for phone in (STRANGER, REGULAR):
        await lived(driver, phone)
    await multiply(driver, REGULAR)
    driver.clock.advance(days=40)
    assert driver.clock.now() > START + timedelta(days=40)
    little = await costs(driver, steps, STRANGER)
    driver.clock.advance(days=3)
    much = await costs(driver, steps, REGULAR)
    assert min(little.values()) > 0
    assert {name: steps for name, steps in much.items() if steps > little[name] * 1.5 + SLACK} == {}, little
