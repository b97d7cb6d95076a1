import sqlalchemy as sa

import services.compliance.tables
import services.scheduler.tables
from services.compliance.tables import export_parts, privacy_requests
from services.scheduler.tables import follow_ups
from tests.integration.across_services.rights.driver import RightsDriver


async def retention(driver: RightsDriver) -> None:
    """Take the daily step of every service that has one."""
    for service in driver.services:
        for loop in service.loops:
            if loop.name == "retention":
                await loop._step()


async def count(driver: RightsDriver, table: sa.Table) -> int:
    return len(await driver.harness.rows(sa.select(table)))


async def test_a_copy_can_be_fetched_for_a_month_and_its_request_stays_as_proof(driver: RightsDriver) -> None:
    await driver.lived()
    answer = await driver.exported()
    driver.clock.advance(days=29)
    await retention(driver)
    assert await count(driver, export_parts) > 0
    driver.clock.advance(days=2)
    await retention(driver)
    assert (await count(driver, export_parts), await count(driver, privacy_requests)) == (0, 1)
    assert (await driver.client.get(f"/v1/exports/{answer['id']}")).json()["services"] == {}


async def test_what_an_ended_text_was_made_of_goes_after_thirteen_months_and_its_states_stay(
    driver: RightsDriver,
) -> None:
    await driver.lived()
    await driver.client.post("/v1/consents/revoke", json={"to": "+12125550123"})
    await driver.settle()
    [row] = await driver.harness.rows(sa.select(follow_ups))
    assert row["state"] == "cancelled"
    driver.clock.advance(days=395)
    await retention(driver)
    [row] = await driver.harness.rows(sa.select(follow_ups))
    assert row["body"] is not None
    driver.clock.advance(days=2)
    await retention(driver)
    [row] = await driver.harness.rows(sa.select(follow_ups))
    assert (row["body"], row["contact"], row["facts"], row["state"]) == (None, None, None, "cancelled")
    assert await count(driver, services.scheduler.tables.state_changes) == 3


async def test_what_a_text_still_needs_is_never_taken_from_it(driver: RightsDriver) -> None:
    await driver.lived()
    driver.clock.advance(days=800)
    await retention(driver)
    [row] = await driver.harness.rows(sa.select(follow_ups))
    assert (row["state"], row["body"] is not None) == ("released", True)


async def test_what_people_did_is_forgotten_after_a_month_and_no_sooner(driver: RightsDriver) -> None:
    await driver.lived()
    seen = services.scheduler.tables.triggers_seen
    driver.clock.advance(days=29)
    await retention(driver)
    assert await count(driver, seen) == 1
    driver.clock.advance(days=2)
    await retention(driver)
    assert await count(driver, seen) == 0


async def test_verdicts_are_kept_five_years_slots_a_year_and_the_ledger_for_ever(driver: RightsDriver) -> None:
    await driver.lived()
    tables = services.compliance.tables
    entries = await count(driver, tables.ledger)
    for days, left in ((365, (1, 1)), (2, (1, 0)), (1458, (1, 0)), (3, (0, 0))):
        driver.clock.advance(days=days)
        await retention(driver)
        assert (await count(driver, tables.decisions), await count(driver, tables.send_slots)) == left
    assert await count(driver, tables.ledger) == entries > 0
