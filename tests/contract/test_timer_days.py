"""Timers on PostgreSQL lie in one partition a day, made ahead and dropped when over."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from services.distributed import schema_of
from services.scheduler.release import timer_day_store
from services.scheduler.tables import timers
from shared import ids
from shared.bus.local import LocalLog
from shared.db.postgres import PostgresDatabase
from shared.db.postgres_roles import provision
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.testing.clock import START, FakeClock
from shared.testing.connected import Server

pytestmark = pytest.mark.connected
_ALL = "SELECT tableoid::regclass::text AS place, count(*) AS held FROM scheduler_timers GROUP BY 1"


@pytest.fixture
async def units(postgresql: Server) -> AsyncIterator[UnitOfWorkRunner]:
    name = f"days{uuid4().hex[:8]}"
    await provision(postgresql.address, name)
    url = sa.make_url(postgresql.address).set(username=f"followup_{name}").render_as_string(hide_password=False)
    database = PostgresDatabase(url, name)
    await database.start()
    await database.upgrade([schema_of("scheduler")])
    yield UnitOfWorkRunner(database, LocalLog(database), FakeClock())
    await database.stop()


async def plan(units: UnitOfWorkRunner, **later: float) -> None:
    at = START + timedelta(**later)
    row = {"partition": 0, "due_at": at, "follow_up_id": ids.minted(at), "kind": "due"}
    await units.run(lambda uow: uow.db.insert(timers, [row]), WritePriority.BATCHES)


async def places(units: UnitOfWorkRunner) -> dict[str, int]:
    rows = await units.read(lambda db: db.rows(sa.text(_ALL)))
    return {row["place"].removeprefix("scheduler_timers_"): row["held"] for row in rows}


def name(**later: float) -> str:
    return f"d{START + timedelta(**later):%Y%m%d}"


async def test_a_day_takes_over_what_lay_in_later_when_it_is_made(units: UnitOfWorkRunner) -> None:
    await plan(units, hours=1)
    await plan(units, days=timer_day_store.DAYS_AHEAD + 2)
    assert await places(units) == {"later": 2}
    await timer_day_store.maintain_days(units, START)
    assert await places(units) == {name(): 1, "later": 1}
    await timer_day_store.maintain_days(units, START + timedelta(days=2))
    assert await places(units) == {name(): 1, name(days=timer_day_store.DAYS_AHEAD + 2): 1}


async def test_a_day_that_is_over_goes_when_it_is_empty_and_stays_while_it_holds_a_timer(
    units: UnitOfWorkRunner,
) -> None:
    await timer_day_store.maintain_days(units, START)
    await plan(units, hours=1)
    there = await units.read(timer_day_store._days)
    await timer_day_store.maintain_days(units, START + timedelta(days=20))
    left = await units.read(timer_day_store._days)
    later = [START.date() + timedelta(days=20 + number) for number in range(-2, timer_day_store.DAYS_AHEAD + 1)]
    assert START.date() in (there or ())
    assert left == [START.date(), *later]


async def test_making_the_days_again_changes_nothing(units: UnitOfWorkRunner) -> None:
    await timer_day_store.maintain_days(units, START)
    there = await units.read(timer_day_store._days)
    await timer_day_store.maintain_days(units, START)
    assert await units.read(timer_day_store._days) == there


async def test_a_claim_looks_at_the_days_up_to_now_alone(units: UnitOfWorkRunner) -> None:
    await timer_day_store.maintain_days(units, START)
    asked = sa.select(sa.func.min(timers.c.due_at)).where(timers.c.partition == 0, timers.c.due_at <= START)
    reported = sa.text("EXPLAIN " + str(asked.compile(compile_kwargs={"literal_binds": True})))
    plan_ = str(await units.read(lambda db: db.rows(reported)))
    assert name() in plan_
    assert name(days=1) not in plan_
