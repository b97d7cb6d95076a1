"""The bulk statements of a transaction on SQLite, over one synchronous connection (no thread hop per statement)."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from shared.db.transaction import Lock, Row

_DIALECT = sqlite.dialect()
_VALUES_PER_QUERY = 512
"""Values are asked for in groups padded to a power of two, so that few statements are ever prepared."""

Converter = Callable[[Any], Any]


class SQLiteTransaction:
    """An open transaction on the writer's or a reader's connection."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, connection: sa.Connection, raw: sqlite3.Connection) -> None:
        self._connection = connection
        self._raw = raw

    async def rows(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of a Core statement."""
        return [*self._connection.execute(statement, parameters).mappings()]

    async def execute(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a Core statement and return how many rows it touched."""
        return self._connection.execute(statement, parameters).rowcount

    async def fetch(
        self,
        table: sa.Table,
        by: str,
        values: Sequence[Any],
        *,
        lock: Lock | None = None,  # noqa: ARG002 - the one writer is the lock
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """Return the rows whose column `by` has one of `values`."""
        names = tuple(columns) if columns else tuple(table.c.keys())
        readers = tuple(_reader(table, name) for name in names)
        bind = _binder(table, by)
        wanted = [bind(value) for value in dict.fromkeys(values)]
        found: list[Row] = []
        for group in _groups(wanted):
            found.extend(
                {
                    name: read(value) if read is not None else value
                    for name, read, value in zip(names, readers, record, strict=True)
                }
                for record in self._raw.execute(_select(table, names, by, len(group)), group)
            )
        return found

    async def insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; a row that exists already is an error."""
        if rows:
            names = tuple(rows[0])
            self._raw.executemany(_insert(table, names), _bound(table, names, rows))

    async def insert_new(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Add the rows whose primary or unique key is new, and return for each whether it was."""
        if not rows:
            return []
        names = tuple(rows[0])
        statement = f"{_insert(table, names)} ON CONFLICT DO NOTHING"
        return [self._raw.execute(statement, record).rowcount == 1 for record in _bound(table, names, rows)]

    async def upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, add: Sequence[str] = ()) -> None:
        """Add rows, or replace (or, in `add`, sum) the given columns of those whose primary key exists."""
        if rows:
            names = tuple(rows[0])
            self._raw.executemany(_upsert(table, names, tuple(add)), _bound(table, names, rows))

    async def change(
        self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, was: Sequence[str] = ()
    ) -> list[bool]:
        """Set columns by primary key, comparing first those in `was`; return for each whether it was found."""
        if not rows:
            return []
        keys = tuple(column.name for column in table.primary_key)
        compared = tuple(f"was_{name}" for name in was)
        names = tuple(name for name in rows[0] if name not in keys and name not in compared)
        statement = _update(table, names, keys, tuple(was))
        order = (*names, *keys, *compared)
        binders = [_binder(table, name.removeprefix("was_") if name in compared else name) for name in order]
        return [
            self._raw.execute(statement, [bind(row[name]) for name, bind in zip(order, binders, strict=True)]).rowcount
            == 1
            for row in rows
        ]

    async def delete(self, table: sa.Table, by: str, values: Sequence[Any]) -> int:
        """Delete the rows whose column `by` has one of `values`."""
        bind = _binder(table, by)
        return sum(
            self._raw.execute(_delete(table, by, len(group)), group).rowcount
            for group in _groups([bind(value) for value in dict.fromkeys(values)])
        )


def _identity(value: Any) -> Any:
    return value


@lru_cache(maxsize=4096)
def _binder(table: sa.Table, name: str) -> Converter:
    """Return what turns a Python value of this column into SQLite's."""
    column_type = table.c[name].type
    return column_type.dialect_impl(_DIALECT).bind_processor(_DIALECT) or _identity


@lru_cache(maxsize=4096)
def _reader(table: sa.Table, name: str) -> Converter | None:
    """Return what turns SQLite's value of this column into Python's; None where it is one already."""
    column_type = table.c[name].type
    return column_type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)


def _bound(table: sa.Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return the rows as positional parameters."""
    binders = [(name, _binder(table, name)) for name in names]
    return [[bind(row[name]) for name, bind in binders] for row in rows]


def _groups(values: Sequence[Any]) -> list[list[Any]]:
    """Cut values into groups, each padded with its last value to a power of two."""
    groups = []
    for start in range(0, len(values), _VALUES_PER_QUERY):
        group = list(values[start : start + _VALUES_PER_QUERY])
        size = 1 << (len(group) - 1).bit_length()
        groups.append(list(chain(group, repeat(group[-1], size - len(group)))))
    return groups


@lru_cache(maxsize=1024)
def _select(table: sa.Table, names: tuple[str, ...], by: str, count: int) -> str:
    marks = ", ".join("?" * count)
    return f'SELECT {_quoted(names)} FROM "{table.name}" WHERE "{by}" IN ({marks})'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _delete(table: sa.Table, by: str, count: int) -> str:
    return f'DELETE FROM "{table.name}" WHERE "{by}" IN ({", ".join("?" * count)})'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _insert(table: sa.Table, names: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(names))
    return f'INSERT INTO "{table.name}" ({_quoted(names)}) VALUES ({marks})'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _upsert(table: sa.Table, names: tuple[str, ...], add: tuple[str, ...]) -> str:
    keys = tuple(column.name for column in table.primary_key)
    changes = ", ".join(
        f'"{name}" = "{table.name}"."{name}" + excluded."{name}"' if name in add else f'"{name}" = excluded."{name}"'
        for name in names
        if name not in keys
    )
    action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    return f"{_insert(table, names)} ON CONFLICT ({_quoted(keys)}) {action}"


@lru_cache(maxsize=1024)
def _update(table: sa.Table, names: tuple[str, ...], keys: tuple[str, ...], was: tuple[str, ...]) -> str:
    changes = ", ".join(f'"{name}" = ?' for name in names)
    conditions = " AND ".join(chain((f'"{key}" = ?' for key in keys), (f'"{name}" IS ?' for name in was)))
    return f'UPDATE "{table.name}" SET {changes} WHERE {conditions}'  # noqa: S608 - our own names


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
