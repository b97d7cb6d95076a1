"""What keeps each table from growing for ever: said beside the code that does it, shown in the reference, tested."""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa


class Way(StrEnum):
    """How a table stays bounded."""

    SWEPT = "swept"
    """Old rows go by a daily job."""
    WORK = "work"
    """Rows go with the work they stand for."""
    COUNT = "count"
    """One row for each of something that is few by itself: shops, numbers, services, versions of a flow."""
    FOR_EVER = "for ever"
    """Rows must stay; there is one for each person, or each act of one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One table's bound."""

    table: str
    row: str
    """What there is one row for."""
    way: Way
    until: str
    """How long a row stays, or why it must."""


def swept_after(table: sa.Table, row: str, until: str) -> Kept:
    """Return the bound of a table whose old rows a daily job takes."""
    return Kept(table.name, row, Way.SWEPT, until)


def with_the_work(table: str, row: str) -> Kept:
    """Return the bound of a table that holds work under way."""
    return Kept(table, row, Way.WORK, "until it is done")


def once_a(table: str, row: str) -> Kept:
    """Return the bound of a table that is small by what its rows stand for."""
    return Kept(table, row, Way.COUNT, "always; there are few")


def for_ever(table: str, row: str, why: str) -> Kept:
    """Return the bound of a table whose rows must stay."""
    return Kept(table, row, Way.FOR_EVER, why)
