"""A new sealing key: everything that rests is sealed again, in slices, and a rotation that stopped goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
import sqlalchemy as sa

import services.console.tables
from services.cli.audit_pages import AUDITED
from services.cli.keys import sealed_of
from services.sender.tables import dispatches
from shared.aad import AssociatedData
from shared.db.reseal import ResealProgress, Sealed, resealed
from shared.db.transaction import WritePriority
from shared.ids import MerchantId
from shared.privacy import Sealer
from shared.testing.sealed import ring_of
from shared.vocabulary.service_names import SERVICES
from tests.integration.across_services.rights.driver import RightsDriver

SEALED: Final[Sealed] = {table: columns for service in SERVICES for table, columns in sealed_of(service).items()}
ACME: Final = MerchantId("acme")
NOT_SEALED: Final = {
    **{f"{each}_audit.canonical": "what is hashed" for each in AUDITED},
    **{f"{each}_audit.reason": "its hash is in the chain" for each in AUDITED},
    "compliance_consent_ledger.canonical": "what is hashed",
    "compliance_consent_ledger.evidence": "its hash is in the chain",
    "compliance_decisions.record": "holds no identity",
    "compliance_newcomers.by_prefix": "counts",
    "compliance_standings.standing": "holds no identity",
    "console_invitations.token_sha256": "a hash",
    "console_recovery_codes.code_sha256": "a hash",
    "console_second_factors.secret": "sealed with the console's own key (ADR 23)",
    "console_sessions.token_sha256": "a hash",
    "ingest_deliveries.keys": "hashes",
    "ingest_delivery_keys.body_sha256": "a hash",
    "ingest_delivery_keys.key_hash": "a hash",
    "ingest_former_people.former_key": "a hash",
    "ingest_former_people.join_hash": "a hash",
    "ingest_subjects.join_hash": "a hash",
    "metrics_facts.body": "without its sealed parts",
    "scheduler_entries.entry_key_sha256": "a hash",
    "sender_attempts.body_sha256": "a hash",
    "sender_conversations.assignee_key": "a hash",
    "sender_in_flight.body_sha256": "a hash",
    "sender_recipients.text_key": "a key, which goes with the person's erasure",
    "sender_unassigned_replies.digest": "a hash",
}


@dataclass(frozen=True)
class Cell:
    """One sealed value where it rests."""

    name: str
    place: AssociatedData
    value: bytes


async def cells(driver: RightsDriver, sealed: Sealed = SEALED) -> list[Cell]:
    return [
        Cell(f"{table.name}.{name}", place_of(row), bytes(row[name]))
        for table, columns in sealed.items()
        for row in await driver.harness.rows(sa.select(table))
        for name, place_of in columns.items()
        if row[name]
    ]


def clear(sealer: Sealer, found: Sequence[Cell]) -> list[bytes]:
    return sorted(sealer.open(ACME, cell.place, cell.value) for cell in found)


def unwatched(_table: sa.Table, _progress: ResealProgress) -> None:
    return


async def test_all_that_rests_sealed_is_sealed_again_and_a_second_time_nothing(driver: RightsDriver) -> None:
    await driver.lived()
    await driver.exported()
    sealer = Sealer(ring_of(driver.sealer).rotated())
    before = await cells(driver)
    units = driver.harness.runtime.units
    first = await resealed(units, sealer, SEALED, unwatched, rows=1)
    after = await cells(driver)
    assert all(sealer.is_current(cell.value) for cell in after)
    assert clear(sealer, after) == clear(driver.sealer, before)
    assert (first.resealed, first.unreadable) == (len(before), 0)
    again = await resealed(units, sealer, SEALED, unwatched)
    assert (again.looked_at, again.resealed) == (first.looked_at, 0)


async def test_a_rotation_that_was_stopped_goes_on_where_it_is_needed(driver: RightsDriver) -> None:
    await driver.lived()
    sealer = Sealer(ring_of(driver.sealer).rotated())
    units = driver.harness.runtime.units
    seen: list[int] = []

    def stop_soon(_table: sa.Table, progress: ResealProgress) -> None:
        seen.append(progress.resealed)
        if progress.resealed >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await resealed(units, sealer, SEALED, stop_soon, rows=1)
    rest = await resealed(units, sealer, SEALED, unwatched)
    assert rest.resealed == len(await cells(driver)) - seen[-1] > 0


async def test_what_does_not_open_is_counted_and_left(driver: RightsDriver) -> None:
    await driver.lived()
    broken = b"\x00\x01" + bytes(40)

    async def spoil(uow: Any) -> None:
        await uow.db.execute(sa.update(dispatches).values(body=broken))

    await driver.harness.runtime.units.run(spoil, WritePriority.BATCHES)
    found = await resealed(driver.harness.runtime.units, Sealer(ring_of(driver.sealer).rotated()), SEALED, unwatched)
    [row] = await driver.harness.rows(sa.select(dispatches))
    assert (found.unreadable, found.named) == (1, [f"sender_dispatches.body of {row['follow_up_id']}"])
    [row] = await driver.harness.rows(sa.select(dispatches.c.body))
    assert bytes(row["body"]) == broken


def test_every_column_of_bytes_is_sealed_again_or_says_why_not(driver: RightsDriver) -> None:
    every = {
        f"{table.name}.{column.name}"
        for metadata in (*(service.metadata for service in driver.services), services.console.tables.metadata)
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.LargeBinary)
    }
    system_tables = {each for each in every if each.endswith((".key_sha256", ".request_sha256", "_parked.body"))}
    sealed = {f"{table.name}.{name}" for table, columns in SEALED.items() for name in columns}
    assert sealed | NOT_SEALED.keys() == every - system_tables
    assert not sealed & NOT_SEALED.keys()
