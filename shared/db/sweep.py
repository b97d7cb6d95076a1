"""Sweeps: rows past their retention are deleted in slices of some hundred, so that nothing waits behind them.

A reader finds a slice along an index, and a unit of the lowest priority deletes it, which occupies the writer only for
its own rows. What one pass could not finish (the process ended) the next one finds again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner

ROWS_AT_ONCE: Final = 500
"""Some milliseconds of a writer's time."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which rows of one table are deleted, or have some columns cleared."""

    by: sa.Column[Any]
    """Column that an index begins with, along which old rows are adjacent."""
    before: Any
    """Where the young begin."""
    where: sa.ColumnElement[bool] | None = None
    """A further condition; checked again when the row is deleted."""
    blank: Mapping[str, Any] | None = None
    """The columns to change, where the row itself stays."""

    @property
    def table(self) -> sa.Table:
        """The table that is swept."""
        table = self.by.table
        assert isinstance(table, sa.Table)  # noqa: S101 - a column of a table, by construction
        return table

    def edge(self, after: Any | None, rows: int) -> sa.Select[Any]:
        """Return the query for the value that ends the next slice; no row means that the rest is one slice."""
        return sa.select(self.by.label("edge")).where(*self._between(after)).order_by(self.by).limit(1).offset(rows - 1)

    def taken(self, after: Any | None, edge: Any | None) -> sa.Delete | sa.Update:
        """Return the statement that takes one slice."""
        slice_of = [*self._between(after), *([] if edge is None else [self.by <= edge])]
        if self.where is not None:
            slice_of.append(self.where)
        if self.blank is not None:
            return sa.update(self.table).where(*slice_of).values(**self.blank)
        return sa.delete(self.table).where(*slice_of)

    def _between(self, after: Any | None) -> list[sa.ColumnElement[bool]]:
        return [self.by < self.before, *([] if after is None else [self.by > after])]


async def swept(units: UnitOfWorkRunner, sweeps: Iterable[Sweep], *, rows: int = ROWS_AT_ONCE) -> int:
    """Sweep the tables one after the other, each in slices, and return how many rows went or were blanked.

    Raises:
        Exception: the first that a table raised; the tables behind it were swept all the same.
    """
    total = 0
    trouble: Exception | None = None
    for sweep in sweeps:
        try:
            total += await _swept(units, sweep, rows)
        except Exception as problem:  # noqa: BLE001 - raised below, once everything else is done
            trouble = trouble or problem
    if trouble is not None:
        raise trouble
    return total


async def _swept(units: UnitOfWorkRunner, sweep: Sweep, rows: int) -> int:
    """Sweep one table, and return how many rows went or were blanked."""
    total, edge = await _slice(units, sweep, None, rows)
    while edge is not None:
        count, edge = await _slice(units, sweep, edge, rows)
        total += count
    return total


async def _slice(units: UnitOfWorkRunner, sweep: Sweep, after: Any | None, rows: int) -> tuple[int, Any | None]:
    """Take one slice in one unit; return how many rows it had and the value that ends it, None for the last one."""
    found = await units.read(lambda db: db.rows(sweep.edge(after, rows)))
    edge = found[0]["edge"] if found else None
    return await units.run(lambda uow: uow.db.execute(sweep.taken(after, edge)), WritePriority.BATCHES), edge
