"""What keeps each table from growing for ever: declared beside its code, listed in the reference, tested."""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa


class BoundKind(StrEnum):
    """How a table stays bounded."""

    SWEPT = "swept"
    """A daily job deletes old rows."""
    WORK = "work"
    """Rows are deleted with the work they represent."""
    COUNT = "count"
    """One row for each of something that is few by itself: shops, numbers, services, versions of a flow."""
    FOR_EVER = "for ever"
    """Rows must stay; there is one for each person, or each act of one."""


@dataclass(frozen=True, slots=True)
class TableBound:
    """One table's bound."""

    table: str
    row: str
    """What one row represents."""
    way: BoundKind
    until: str
    """How long a row stays, or why it must."""


def swept_after(table: sa.Table, row: str, until: str) -> TableBound:
    """Return the bound of a table whose old rows a daily job deletes."""
    return TableBound(table.name, row, BoundKind.SWEPT, until)


def removed_with_work(table: str, row: str) -> TableBound:
    """Return the bound of a table that holds work under way."""
    return TableBound(table, row, BoundKind.WORK, "until it is done")


def few_rows(table: str, row: str) -> TableBound:
    """Return the bound of a table that has one row for each of few things."""
    return TableBound(table, row, BoundKind.COUNT, "always; there are few")


def kept_forever(table: str, row: str, why: str) -> TableBound:
    """Return the bound of a table whose rows must stay."""
    return TableBound(table, row, BoundKind.FOR_EVER, why)
