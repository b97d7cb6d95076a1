"""Nothing that grows is ever read through: every statement of a day's life is explained, and every sweep."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

import services.compliance.retention
import services.connectors.retention
import services.console.retention
import services.console.tables
import services.ingest.retention
import services.metrics.retention
import services.scheduler.retention
import services.sender.retention
from services.compliance.settings import ComplianceSettings
from services.connectors.settings import ConnectorsSettings
from services.ingest.settings import IngestSettings
from services.metrics.settings import MetricsSettings
from services.scheduler.settings import SchedulerSettings
from services.scheduler.tables import enrollments, entries, follow_ups, state_changes
from services.sender.queue.states import DispatchState
from services.sender.settings import SenderSettings
from services.sender.tables import dispatches
from shared.bus import local
from shared.bus.local import LocalLog
from shared.db.sqlite import SQLiteDatabase
from shared.db.sweep import Sweep, swept
from shared.db.table_bounds import BoundKind
from shared.db.transaction import WritePriority
from shared.housekeeping import Housekeeping
from shared.testing.clock import START
from tests.integration.across_services.rights.driver import RightsDriver
from tests.integration.across_services.rights.test_retention import count, retention

BOUNDS = [
    *services.ingest.retention.BOUNDS,
    *services.scheduler.retention.BOUNDS,
    *services.compliance.retention.BOUNDS,
    *services.sender.retention.BOUNDS,
    *services.metrics.retention.BOUNDS,
    *services.connectors.retention.BOUNDS,
    *services.console.retention.BOUNDS,
]
GROWING = {kept.table for kept in BOUNDS if kept.way not in {BoundKind.COUNT, BoundKind.WORK}} | {"event_log"}
LISTS = (
    "/v1/follow-ups",
    "/v1/follow-ups?state=failed",
    "/v1/follow-ups?subject=1001",
    "/v1/enrollments",
    "/v1/enrollments?state=active",
    "/v1/consents",
    "/v1/consents?act=revoked",
    "/v1/consents/verification",
    "/v1/erasures",
    "/v1/exports",
    "/v1/flows",
    "/v1/approvals",
    "/v1/approvals?state=all",
    "/v1/enrollments?flow=order-thank-you",
    "/v1/flow-figures?from=2026-12-01T00:00:00Z&to=2026-12-31T00:00:00Z",
    "/v1/audit/compliance",
    "/v1/audit/scheduler?since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z",
    "/v1/audit/sender/days",
    "/v1/audit/compliance/days/2026-12-01",
    "/v1/dispatches/unknown",
    "/v1/quarantine",
    "/v1/sources",
    "/v1/audit/ingest",
    "/v1/audit/metrics",
    "/v1/audit/console",
    "/v1/parked/scheduler",
    "/v1/numbers",
    "/v1/providers",
    "/v1/conversations",
    "/v1/conversations?state=all",
    "/v1/deliveries",
    "/v1/deliveries?state=dead",
    "/v1/endpoints",
    "/v1/endpoints",
    "/v1/conversations?state=all&assigned_to=maria",
    "/v1/conversations/counts",
    "/v1/facts?since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z",
    "/v1/overview?span=30d",
    "/v1/messages",
    "/v1/messages?state=pending&reason=x&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z",
    "/v1/messages?state=delivered&flow=thanks",
    "/v1/messages?recipient=018c0000-0000-8000-8000-0000000000a1",
    "/v1/kpis?since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z",
)
SWEEPS = [
    *services.ingest.retention.sweeps(START, IngestSettings()),
    *services.scheduler.retention.sweeps(START, SchedulerSettings()),
    *services.compliance.retention.sweeps(START, ComplianceSettings()),
    *services.sender.retention.sweeps(START, SenderSettings()),
    *services.metrics.retention.sweeps(START, MetricsSettings()),
    *services.connectors.retention.sweeps(START, ConnectorsSettings()),
    *services.console.retention.sweeps(START),
]


def _numbered(number: int) -> UUID:
    return UUID(int=number)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Hear every statement that any connection of the database runs, its values filled in."""
    statements: set[str] = set()
    opened = SQLiteDatabase._open

    def listening(self: SQLiteDatabase, *, reader: bool) -> Any:
        connection, raw = opened(self, reader=reader)
        raw.set_trace_callback(statements.add)
        return connection, raw

    monkeypatch.setattr(SQLiteDatabase, "_open", listening)
    return statements


def test_every_table_of_every_service_says_what_bounds_it(driver: RightsDriver) -> None:
    own = [service.metadata for service in driver.services]
    declared = {name for metadata in (*own, services.console.tables.metadata) for name in metadata.tables}
    assert {kept.table for kept in BOUNDS} == declared
    assert len(BOUNDS) == len(declared)


def test_every_table_that_is_said_to_be_swept_is(driver: RightsDriver) -> None:
    by_deliveries = {"ingest_deliveries", "ingest_delivery_keys", "ingest_quarantine"}
    with_their_sums = {"metrics_follow_ups"}
    tables = [*(service.system_tables for service in driver.services), services.console.tables.system_tables]
    by_housekeeping = {each.idempotency_keys.name for each in tables}
    blanked_alone = {"scheduler_recipients"}
    said = {kept.table for kept in BOUNDS if kept.way is BoundKind.SWEPT}
    assert (
        said | blanked_alone
        == {sweep.table.name for sweep in SWEEPS} | by_deliveries | by_housekeeping | with_their_sums
    )


def scans(database: SQLiteDatabase, statements: set[str]) -> list[str]:
    """Return the statements that read a growing table through, and the line of the plan that says so."""
    found = []
    with closing(sqlite3.connect(database.path)) as raw:
        for statement in sorted(statements):
            if not re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", statement) or "pragma" in statement.lower():
                continue
            for *_, line in raw.execute(f"EXPLAIN QUERY PLAN {statement}"):
                scanned = re.match(r"SCAN (\w+)", line)
                if scanned and scanned[1] in GROWING:
                    found.append(f"{line}: {statement[:300]}")
    return found


async def test_a_day_of_life_and_every_list_reads_no_growing_table_through(
    heard: set[str], driver: RightsDriver
) -> None:
    await driver.lived()
    for path in LISTS:
        answer = await driver.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
    path = f"/v1/conversations/{driver.person}"
    assert [item["kind"] for item in (await driver.client.get(path)).json()["items"]] == ["reply", "text"]
    for verb, body in {"read": {}, "assign": {"who": "maria"}, "close": {}}.items():
        assert (await driver.client.post(f"{path}/{verb}", json=body)).status_code == 200
    for path in (
        f"/v1/standings/{driver.person}",
        f"/v1/contacts/{driver.person}",
        f"/v1/timelines/{driver.person}",
        "/v1/messages?limit=1",
    ):
        assert (await driver.client.get(path)).status_code == 200, path
    await driver.exported()
    await driver.erased()
    keyed = {"Idempotency-Key": "once"}
    await driver.client.post("/v1/consents/revoke", json={"to": "+12125550123"}, headers=keyed)
    await retention(driver)
    await Housekeeping(driver.harness.runtime, [service.system_tables for service in driver.services])._prune()
    database = driver.harness.runtime.database
    if not isinstance(database, SQLiteDatabase):  # its planner decides by size; the sweeps are explained there too
        return
    assert len(heard) > 100
    looks_of_the_stage = {each for each in heard if each.rstrip().endswith("FROM sender_dispatches")}
    assert scans(database, heard - looks_of_the_stage) == []


async def test_each_sweep_finds_and_takes_its_slices_along_an_index(driver: RightsDriver) -> None:
    for each in SWEEPS:
        sweep = replace(each, blank=None)  # which rows, and not what becomes of them
        first, later = sweep.edge(None, 500), sweep.edge(sweep.before, 500)
        for statement in (first, later, sweep.taken(None, sweep.before), sweep.taken(sweep.before, None)):
            plan = await driver.harness.plan(statement)
            name = f"{sweep.table.name}-{sweep.by.name}"
            assert f"SCAN {sweep.table.name}" not in plan, (name, plan)
            assert "Seq Scan" not in plan, (name, plan)
            assert "TEMP B-TREE" not in plan, (name, plan)


async def test_a_sweep_goes_slice_by_slice_and_misses_nothing(driver: RightsDriver) -> None:
    await driver.lived()
    texts = await driver.harness.rows(sa.select(follow_ups))
    units = driver.harness.runtime.units

    async def many(uow: Any) -> None:
        rows = [{**texts[0], "id": _numbered(number)} for number in range(25)]
        await uow.db.insert(follow_ups, rows)

    await units.run(many, WritePriority.BATCHES)
    odd = sa.func.length(follow_ups.c.locale) > 0
    commits = len(texts) + 25
    gone = await swept(units, [Sweep(follow_ups.c.id, _numbered(20), odd)], rows=7)
    assert gone == 20
    assert await count(driver, follow_ups) == commits - 20


async def test_what_was_sent_goes_after_five_years_and_what_is_under_way_never(driver: RightsDriver) -> None:
    await driver.lived()
    driver.clock.advance(days=1830)
    await retention(driver)
    assert [await count(driver, table) for table in (follow_ups, state_changes, enrollments)] != [0, 0, 0]

    async def end(uow: Any) -> None:
        await uow.db.execute(
            sa.update(follow_ups).values(state="delivered", updated_at=START),
        )
        await uow.db.execute(sa.update(dispatches).values(state=DispatchState.DELIVERED.value, changed_at=START))

    await driver.harness.runtime.units.run(end, WritePriority.BATCHES)
    await retention(driver)
    left = [await count(driver, table) for table in (follow_ups, state_changes, enrollments, entries, dispatches)]
    assert left == [0, 0, 0, 0, 0]


async def test_a_tombstone_of_what_was_never_cleared_goes_after_a_month(driver: RightsDriver) -> None:
    await driver.lived()

    async def bury(uow: Any) -> None:
        values = {"state": DispatchState.CANCELLED.value, "sender_number": None, "attempts": 0, "changed_at": uow.now}
        await uow.db.execute(sa.update(dispatches).values(**values))

    await driver.harness.runtime.units.run(bury, WritePriority.BATCHES)
    before = await count(driver, dispatches)
    driver.clock.advance(days=29)
    await retention(driver)
    assert await count(driver, dispatches) == before > 0
    driver.clock.advance(days=2)
    await retention(driver)
    assert await count(driver, dispatches) == 0


async def test_the_log_is_pruned_in_slices_up_to_what_all_have_read(driver: RightsDriver) -> None:
    await driver.lived()
    log = driver.harness.runtime.log
    assert isinstance(log, LocalLog)
    held = await count(driver, local.event_log)
    now = driver.clock.now()
    assert await log.prune(now + timedelta(days=6), held + 1) == 0
    assert await log.prune(now + timedelta(days=8), 3) == 2
    assert await log.prune(now + timedelta(days=8), 2**62) == held - 2
    assert await log.prune(now + timedelta(days=8), 2**62) == 0
