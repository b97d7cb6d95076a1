import sqlalchemy as sa

import services.compliance.tables
import services.scheduler.tables
from services.compliance.privacy.tables import export_parts, privacy_requests
from services.scheduler.tables import follow_ups
from tests.integration.rights.stage import Stage


async def retention(stage: Stage) -> None:
    """Take the daily step of every service that has one."""
    for service in stage.five:
        for loop in service.loops:
            if loop.name == "retention":
                await loop._step()


async def count(stage: Stage, table: sa.Table) -> int:
    return len(await stage.house.rows(sa.select(table)))


async def test_a_copy_can_be_fetched_for_a_month_and_its_request_stays_as_proof(stage: Stage) -> None:
    await stage.lived()
    answer = await stage.exported()
    stage.clock.advance(days=29)
    await retention(stage)
    assert await count(stage, export_parts) > 0
    stage.clock.advance(days=2)
    await retention(stage)
    assert (await count(stage, export_parts), await count(stage, privacy_requests)) == (0, 1)
    assert (await stage.client.get(f"/v1/exports/{answer['id']}")).json()["services"] == {}


async def test_what_an_ended_text_was_made_of_goes_after_thirteen_months_and_its_states_stay(stage: Stage) -> None:
    await stage.lived()
    await stage.client.post("/v1/consents/revoke", json={"to": "+12125550123"})
    await stage.settle()
    [row] = await stage.house.rows(sa.select(follow_ups))
    assert row["state"] == "cancelled"
    stage.clock.advance(days=395)
    await retention(stage)
    [row] = await stage.house.rows(sa.select(follow_ups))
    assert row["body"] is not None
    stage.clock.advance(days=2)
    await retention(stage)
    [row] = await stage.house.rows(sa.select(follow_ups))
    assert (row["body"], row["contact"], row["facts"], row["state"]) == (None, None, None, "cancelled")
    assert await count(stage, services.scheduler.tables.state_changes) == 3


async def test_what_a_text_still_needs_is_never_taken_from_it(stage: Stage) -> None:
    await stage.lived()
    stage.clock.advance(days=800)
    await retention(stage)
    [row] = await stage.house.rows(sa.select(follow_ups))
    assert (row["state"], row["body"] is not None) == ("released", True)


async def test_what_people_did_is_forgotten_after_a_month_and_no_sooner(stage: Stage) -> None:
    await stage.lived()
    seen = services.scheduler.tables.triggers_seen
    stage.clock.advance(days=29)
    await retention(stage)
    assert await count(stage, seen) == 1
    stage.clock.advance(days=2)
    await retention(stage)
    assert await count(stage, seen) == 0


async def test_verdicts_are_kept_five_years_slots_a_year_and_the_ledger_for_ever(stage: Stage) -> None:
    await stage.lived()
    tables = services.compliance.tables
    entries = await count(stage, tables.ledger)
    for days, left in ((365, (1, 1)), (2, (1, 0)), (1458, (1, 0)), (3, (0, 0))):
        stage.clock.advance(days=days)
        await retention(stage)
        assert (await count(stage, tables.decisions), await count(stage, tables.send_slots)) == left
    assert await count(stage, tables.ledger) == entries > 0
