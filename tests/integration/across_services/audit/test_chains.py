"""The chains and roots of audit logs: whole however many write at once, and whoever changes one is found out."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.compliance.tables import standings
from services.scheduler.tables import audit_tables
from shared.audit_log import AuditKeeper, AuditLog
from shared.db import audit_store
from shared.db.sweep import swept
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.ids import MerchantId
from shared.settings import AuditSettings
from shared.signing import SigningKey
from shared.testing import make
from tests.integration.across_services.audit.pages import exported, problems
from tests.integration.across_services.audit.test_entries import ACME, ACTOR, DEED, some
from tests.integration.across_services.rights.driver import RightsDriver

KEY = SigningKey.new()


async def signed(driver: RightsDriver) -> None:
    """Let the keeper sign whatever it can."""
    runtime = driver.harness.runtime
    keeper = AuditKeeper(runtime.units, runtime.clock, audit_tables, KEY)
    while await keeper.step() == 0:
        pass


async def days(driver: RightsDriver, count: int, each: int = 2) -> None:
    """Enter actions on so many days, and let the days be signed."""
    for _ in range(count):
        await some(driver, audit_tables, each)
        driver.clock.advance(days=1)
    await signed(driver)


async def forge(driver: RightsDriver, *statements: Any) -> None:
    async def work(db: Transaction) -> None:
        for statement in statements:
            await db.execute(statement)

    await driver.harness.runtime.database.write(work, WritePriority.BATCHES)


async def test_days_that_are_over_are_signed_once_and_today_is_not(driver: RightsDriver) -> None:
    await days(driver, 3)
    await some(driver, audit_tables, 1)
    await signed(driver)
    before = await driver.harness.rows(sa.select(audit_tables.days))
    assert [row["signed_at"] is not None for row in before] == [True, True, True, False]
    assert problems(await exported(driver), KEY.public_key) == []
    await signed(driver)
    assert await driver.harness.rows(sa.select(audit_tables.days)) == before


async def test_two_keepers_sign_the_same(driver: RightsDriver) -> None:
    await some(driver, audit_tables, 2)
    driver.clock.advance(days=1, hours=2)
    await asyncio.gather(signed(driver), signed(driver))
    assert problems(await exported(driver), KEY.public_key) == []


async def test_a_signature_by_another_key_is_found_out(driver: RightsDriver) -> None:
    await days(driver, 1)
    assert problems(await exported(driver), SigningKey.new().public_key)


ENTRIES, DAYS = audit_tables.entries, audit_tables.days
FIRST = sa.select(sa.func.min(DAYS.c.day)).scalar_subquery()
FORGERIES: dict[str, list[sa.Executable]] = {
    "an entry is removed": [sa.delete(ENTRIES).where(ENTRIES.c.position == 1, ENTRIES.c.day == FIRST)],
    "an entry is changed": [
        sa.update(ENTRIES).where(ENTRIES.c.position == 0, ENTRIES.c.day == FIRST).values(canonical=b'{"at": 0}')
    ],
    "the newest entry is removed, and its day says so": [
        sa.delete(ENTRIES).where(ENTRIES.c.position == 1, ENTRIES.c.day == FIRST),
        sa.update(DAYS).where(DAYS.c.day == FIRST).values(entries=1),
    ],
    "a signed day is removed": [
        sa.delete(ENTRIES).where(ENTRIES.c.day == FIRST),
        sa.delete(DAYS).where(DAYS.c.day == FIRST),
    ],
    "a signature is removed": [
        sa.update(DAYS).where(DAYS.c.day == FIRST).values(root=None, signature=None, previous=None, signed_at=None)
    ],
    "a root is exchanged": [sa.update(DAYS).where(DAYS.c.day == FIRST).values(root="0" * 64)],
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_change_of_a_signed_day_is_found_out(driver: RightsDriver, forgery: str) -> None:
    await days(driver, 2)
    assert problems(await exported(driver), KEY.public_key) == []
    await forge(driver, *FORGERIES[forgery])
    assert problems(await exported(driver), KEY.public_key)


async def test_a_file_that_was_cut_or_is_something_else_is_found_out(driver: RightsDriver) -> None:
    await days(driver, 1)
    lines = await exported(driver)
    for cut in range(len(lines)):
        assert problems(lines[:cut])
    assert problems([*lines[:2], "nonsense", *lines[2:]])


async def test_many_at_once_on_one_day_make_one_unbroken_chain(driver: RightsDriver) -> None:
    log, units = AuditLog(audit_tables, driver.sealer), driver.harness.runtime.units

    async def one(number: int) -> None:
        async def work(uow: UnitOfWork) -> None:
            log.record(uow, ACTOR, DEED._replace(counts={"number": number}))
            log.record(uow, ACTOR, DEED._replace(merchant_id=MerchantId("other" if number % 2 else "another")))

        await units.run(work, WritePriority.BATCHES)

    await asyncio.gather(*(one(number) for number in range(40)))
    [day] = await driver.harness.rows(sa.select(DAYS).where(DAYS.c.merchant_id == ACME))
    assert day["entries"] == 40
    assert problems(await exported(driver)) == []


async def test_units_that_lock_a_person_before_or_after_they_log_do_not_wait_in_a_circle(driver: RightsDriver) -> None:
    """On PostgreSQL this is a deadlock where `record` takes the lock of the day at once."""
    log, units, now = AuditLog(audit_tables, driver.sealer), driver.harness.runtime.units, driver.clock.now()
    person = {
        "recipient_id": make.RECIPIENT,
        "merchant_id": ACME,
        "epoch": 0,
        "standing": b"{}",
        "chain_hash": "",
        "changed_at": now,
    }

    async def lock(db: Transaction) -> None:
        await db.fetch(standings, "recipient_id", [make.RECIPIENT], lock="update")

    async def others_come(db: Transaction) -> None:
        if db.dialect == "postgresql":  # SQLite has one writer, and units that never wait
            await asyncio.sleep(0.01)

    async def before(uow: UnitOfWork) -> None:
        await lock(uow.db)
        await others_come(uow.db)
        log.record(uow, ACTOR, DEED)

    async def after(uow: UnitOfWork) -> None:
        log.record(uow, ACTOR, DEED)
        await others_come(uow.db)
        await lock(uow.db)

    await units.run(lambda uow: uow.db.insert(standings, [person]), WritePriority.BATCHES)
    both = [units.run(work, WritePriority.BATCHES) for _ in range(10) for work in (before, after)]
    async with asyncio.timeout(30):
        await asyncio.gather(*both)
    assert problems(await exported(driver)) == []


async def test_what_is_too_old_goes_by_whole_days_and_the_rest_can_still_be_verified(
    driver: RightsDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLLOWUP_AUDIT_DAYS", "31")
    await days(driver, 40)
    now = driver.clock.now()
    await swept(driver.harness.runtime.units, audit_store.audit_sweeps(audit_tables, now), rows=3)
    left = {row["day"] for row in await driver.harness.rows(sa.select(ENTRIES.c.day))}
    assert min(left) == (now - timedelta(days=AuditSettings().days)).date().isoformat()
    assert len(await driver.harness.rows(sa.select(DAYS))) == 40
    lines = await exported(driver)
    assert problems(lines, KEY.public_key) == []
    await forge(driver, sa.update(DAYS).where(DAYS.c.day == FIRST).values(head="0" * 64))
    assert problems(await exported(driver), KEY.public_key)


async def test_reasons_are_erased_after_thirteen_months_and_the_entries_stay(driver: RightsDriver) -> None:
    log, units = AuditLog(audit_tables, driver.sealer), driver.harness.runtime.units

    async def work(uow: UnitOfWork) -> None:
        log.record(uow, ACTOR, DEED._replace(reason="why"))

    await units.run(work, WritePriority.BATCHES)
    driver.clock.advance(days=397)
    await swept(units, audit_store.audit_sweeps(audit_tables, driver.clock.now()))
    [row] = await driver.harness.rows(sa.select(ENTRIES))
    assert row["reason"] is None
    assert problems(await exported(driver)) == []
