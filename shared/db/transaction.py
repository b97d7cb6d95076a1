"""What a store may run on a database: nine statements that mean the same on SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Literal, Protocol

import sqlalchemy as sa

Row = Mapping[str, Any]
"""A row by column name, already in Python's types."""
Lock = Literal["update", "share"]


class WritePriority(IntEnum):
    """The order of units that wait for the one writer; lower goes earlier (design section 6)."""

    STOP = 0
    """A person's reply: nothing may delay an opt-out."""
    OUTCOMES = 1
    INTENTS = 2
    INGEST = 3
    BATCHES = 4
    NUMBERS = 5
    """For statistics: no text waits for it, and it waits for every text."""


class Transaction(Protocol):
    """An open transaction; its user never commits it.

    Rows given to one bulk call have the same keys. Locks are taken in sorted order of the key. On SQLite a
    transaction already excludes every other writer, so `lock` costs nothing there.
    """

    dialect: Literal["sqlite", "postgresql"]

    async def rows(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of a Core statement."""
        ...

    async def execute(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a Core statement and return how many rows it touched."""
        ...

    async def fetch(
        self,
        table: sa.Table,
        by: str,
        values: Sequence[Any],
        *,
        lock: Lock | None = None,
        columns: Sequence[str] | None = None,
        since: tuple[str, Any] | None = None,
    ) -> list[Row]:
        """Return the rows whose column `by` has one of `values`, in no particular order; no values, no query.

        `since` names a second column of the index that `by` begins, and where to begin there; None: where it is empty.
        """
        ...

    async def fetch_keys(
        self, table: sa.Table, keys: Sequence[Mapping[str, Any]], *, among: str | None = None
    ) -> list[Row]:
        """Return the rows that hold these values; all name the same columns, the first ones of an index.

        `among` are the words of a partial index, as its declaration has them.
        """
        ...

    async def insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; a row that exists already is an error."""
        ...

    async def insert_new(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Add the rows whose primary or unique key is new, and return for each whether it was."""
        ...

    async def upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, add: Sequence[str] = ()) -> None:
        """Add rows, or replace the given columns of those whose primary key exists; columns in `add` are summed.

        Columns that last (`shared.db.storage.LASTING`) stay as they are in a row that exists.
        """
        ...

    async def change(
        self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, was: Sequence[str] = ()
    ) -> list[bool]:
        """Set the given columns of the rows named by their primary key, and return for each whether it was found.

        Columns listed in `was` are compared first, against the key ``was_<column>`` of each row: compare-and-set.
        """
        ...

    async def delete(self, table: sa.Table, by: str, values: Sequence[Any]) -> int:
        """Delete the rows whose column `by` has one of `values`."""
        ...

    async def delete_keys(self, table: sa.Table, keys: Sequence[Mapping[str, Any]]) -> int:
        """Delete the rows that hold these values; all name the same columns, the first ones of an index."""
        ...


async def ping(transaction: Transaction) -> None:
    """Run a statement that reads no table, to see that the database answers."""
    await transaction.rows(sa.select(sa.literal(1).label("one")))
