"""A new sealing key: everything that rests is sealed again, in slices, and a rotation that stopped goes on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
import sqlalchemy as sa

from services.cli.rotation import sealed_of
from services.sender.tables import dispatches
from shared.db.resealing import Progress, resealed
from shared.db.transaction import Lane
from shared.ids import MerchantId
from shared.privacy import Keyring, Sealer
from shared.rights import SERVICES
from tests.integration.rights.stage import Stage

SEALED: Final[Mapping[sa.Table, Sequence[str]]] = {
    table: columns for service in SERVICES for table, columns in sealed_of(service).items()
}
ACME: Final = MerchantId("acme")
NOT_SEALED: Final = {
    "compliance_consent_ledger.canonical": "what is hashed",
    "compliance_consent_ledger.evidence": "its hash is in the chain",
    "compliance_decisions.record": "holds no identity",
    "compliance_standings.standing": "holds no identity",
    "ingest_deliveries.keys": "hashes",
    "ingest_delivery_keys.body_sha256": "a hash",
    "ingest_delivery_keys.key_hash": "a hash",
    "ingest_former_people.former_key": "a hash",
    "ingest_former_people.join_hash": "a hash",
    "ingest_subjects.join_hash": "a hash",
    "metrics_facts.body": "without its sealed parts",
    "metrics_sessions.token_sha256": "a hash",
    "scheduler_entries.entry_key_sha256": "a hash",
    "sender_attempts.body_sha256": "a hash",
    "sender_in_flight.body_sha256": "a hash",
    "sender_unassigned_replies.digest": "a hash",
}


def ring_of(stage: Stage) -> Keyring:
    return stage.sealer._keyring


async def values(stage: Stage) -> list[bytes]:
    found = []
    for table, columns in SEALED.items():
        for row in await stage.house.rows(sa.select(table)):
            found += [bytes(row[name]) for name in columns if row[name]]
    return found


def nobody(_table: sa.Table, _progress: Progress) -> None:
    return


async def test_all_that_rests_sealed_is_sealed_again_and_a_second_time_nothing(stage: Stage) -> None:
    await stage.lived()
    await stage.exported()
    sealer = Sealer(ring_of(stage).rotated())
    before = await values(stage)
    clear = sorted(stage.sealer.open(ACME, value) for value in before)
    units = stage.house.runtime.units
    first = await resealed(units, sealer, SEALED, nobody, rows=1)
    after = await values(stage)
    assert all(sealer.is_current(value) for value in after)
    assert sorted(sealer.open(ACME, value) for value in after) == clear
    assert (first.resealed, first.unreadable) == (len(before), 0)
    again = await resealed(units, sealer, SEALED, nobody)
    assert (again.looked_at, again.resealed) == (first.looked_at, 0)


async def test_a_rotation_that_was_stopped_goes_on_where_it_is_needed(stage: Stage) -> None:
    await stage.lived()
    sealer = Sealer(ring_of(stage).rotated())
    units = stage.house.runtime.units
    seen: list[int] = []

    def stop_soon(_table: sa.Table, progress: Progress) -> None:
        seen.append(progress.resealed)
        if progress.resealed >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await resealed(units, sealer, SEALED, stop_soon, rows=1)
    rest = await resealed(units, sealer, SEALED, nobody)
    assert rest.resealed == len(await values(stage)) - seen[-1] > 0


async def test_what_does_not_open_is_counted_and_left(stage: Stage) -> None:
    await stage.lived()
    broken = b"\x00\x01" + bytes(40)

    async def spoil(uow: Any) -> None:
        await uow.db.execute(sa.update(dispatches).values(body=broken))

    await stage.house.runtime.units.run(spoil, Lane.BATCHES)
    found = await resealed(stage.house.runtime.units, Sealer(ring_of(stage).rotated()), SEALED, nobody)
    assert found.unreadable == 1
    [row] = await stage.house.rows(sa.select(dispatches.c.body))
    assert bytes(row["body"]) == broken


def test_every_column_of_bytes_is_sealed_again_or_says_why_not(stage: Stage) -> None:
    every = {
        f"{table.name}.{column.name}"
        for service in stage.five
        for table in service.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.LargeBinary)
    }
    grounds = {each for each in every if each.endswith((".key_sha256", ".request_sha256", "_parked.body"))}
    sealed = {f"{table.name}.{name}" for table, columns in SEALED.items() for name in columns}
    assert sealed | NOT_SEALED.keys() == every - grounds
    assert not sealed & NOT_SEALED.keys()
