"""Reseals under the newest key what is sealed under older ones, a slice at a time, while others write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from shared.aad import AssociatedData
from shared.db.transaction import Row, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Unsealable
from shared.ids import MerchantId
from shared.privacy import Sealer

ROWS_AT_ONCE: Final = 200
MOST_NAMED: Final = 100
"""How many values that do not open are reported by name; the rest are counted."""

PlaceOf: TypeAlias = Callable[[Row], AssociatedData]
"""Where a sealed column of a row belongs; reads its key and its `recipient_id` alone."""
Sealed: TypeAlias = Mapping[sa.Table, Mapping[str, PlaceOf]]
"""The sealed columns of tables."""


@dataclass(slots=True)
class ResealProgress:
    """How far it went."""

    looked_at: int = 0
    resealed: int = 0
    unreadable: int = 0
    """Values that do not open: their key is missing, or they were changed or moved. They stay as they are."""
    named: list[str] = field(default_factory=list)
    """The first of these, by table, column and row."""


async def resealed(
    units: UnitOfWorkRunner,
    sealer: Sealer,
    sealed: Sealed,
    note: Callable[[sa.Table, ResealProgress], object],
    *,
    rows: int = ROWS_AT_ONCE,
) -> ResealProgress:
    """Seal every value of these columns under the active key; a second run skips what is done.

    A value that was changed meanwhile is left: its writer has sealed it with the active key.
    """
    total = ResealProgress()
    for table, columns in sealed.items():
        last: Row | None = None
        while page := await _page(units, table, columns, last, rows):
            await _reseal(units, sealer, table, columns, page, total)
            total.looked_at += len(page)
            note(table, total)
            last = page[-1]
    return total


async def _page(
    units: UnitOfWorkRunner, table: sa.Table, columns: Mapping[str, PlaceOf], last: Row | None, rows: int
) -> list[Row]:
    """Return the rows after the last one, by primary key."""
    key = list(table.primary_key)
    wanted = {
        column.name: column
        for column in [*key, *map(table.c.get, ("merchant_id", "recipient_id", *columns))]
        if column is not None
    }
    asked = sa.select(*wanted.values()).order_by(*key).limit(rows)
    if last is not None:
        values = [sa.literal(last[column.name], column.type) for column in key]
        asked = asked.where(sa.tuple_(*key) > sa.tuple_(*values) if len(key) > 1 else key[0] > values[0])
    return await units.read(lambda db: db.rows(asked))


async def _reseal(
    units: UnitOfWorkRunner,
    sealer: Sealer,
    table: sa.Table,
    columns: Mapping[str, PlaceOf],
    page: Sequence[Row],
    total: ResealProgress,
) -> None:
    """Seal again what a page holds under older keys."""
    key = [column.name for column in table.primary_key]
    for name, place_of in columns.items():
        changes: list[dict[str, Any]] = []
        for row in page:
            value = bytes(row[name]) if row[name] else b""
            if not value or sealer.is_current(value):
                continue
            merchant = MerchantId(row["merchant_id"])
            try:
                place = place_of(row)
                fresh = sealer.seal(merchant, place, sealer.open(merchant, place, value))
            except Unsealable:
                total.unreadable += 1
                if len(total.named) < MOST_NAMED:
                    total.named.append(f"{table.name}.{name} of {'/'.join(str(row[each]) for each in key)}")
                continue
            changes.append({**{each: row[each] for each in key}, name: fresh, f"was_{name}": value})
        if changes:
            write = partial(_write, table=table, name=name, changes=changes)
            total.resealed += await units.run(write, WritePriority.BATCHES)


async def _write(uow: UnitOfWork, table: sa.Table, name: str, changes: Sequence[Mapping[str, Any]]) -> int:
    """Write what was not changed meanwhile, and return how many."""
    return sum(await uow.db.change(table, changes, was=(name,)))
