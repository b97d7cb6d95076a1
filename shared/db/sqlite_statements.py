"""The bulk statements of a transaction on SQLite, over one synchronous connection (no thread hop per statement)."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from shared import ids
from shared.db.transaction import Lock, Row
from shared.db.types import Id, Instant, instant, microseconds

_DIALECT = sqlite.dialect()
_VALUES_PER_QUERY = 512
"""Values are asked for in groups padded to a power of two, so that few statements are ever prepared."""

_ROWS_PER_STATEMENT = 32
"""Rows written by one statement: each statement lets go of the interpreter's lock, and has to win it back."""

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
        since: tuple[str, Any] | None = None,
    ) -> list[Row]:
        """Return the rows whose column `by` has one of `values`, and a second one nothing, or no less than given."""
        names = tuple(columns) if columns else tuple(table.c.keys())
        bind = _binder(table, by) or _identity
        wanted = [bind(value) for value in dict.fromkeys(values)]
        second, begin = (since[0], [*_begin(table, *since)]) if since else (None, [])
        found: list[Row] = []
        for group in _groups(wanted):
            records = self._raw.execute(_select(table, names, by, len(group), second, bool(begin)), [*group, *begin])
            found += _read(table, names, records)
        return found

    async def fetch_keys(
        self, table: sa.Table, keys: Sequence[Mapping[str, Any]], *, among: str | None = None
    ) -> list[Row]:
        """Return the rows that hold these values; all name the same columns, the first ones of an index."""
        if not keys:
            return []
        names = tuple(keys[0])
        statement = _select_keys(table, names, among)
        found: list[Row] = []
        for record in dict.fromkeys(map(tuple, _bound(table, names, keys))):
            found += _read(table, tuple(table.c.keys()), self._raw.execute(statement, record))
        return found

    async def insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; a row that exists already is an error."""
        if rows:
            names = tuple(rows[0])
            for group in _together(_bound(table, names, rows)):
                self._raw.execute(_insert(table, names, len(group)), [*chain.from_iterable(group)])

    async def insert_new(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Add the rows whose primary or unique key is new, and return for each whether it was."""
        if not rows:
            return []
        names = tuple(rows[0])
        return self._added(table, names, _bound(table, names, rows))

    def _added(self, table: sa.Table, names: tuple[str, ...], records: Sequence[list[Any]]) -> list[bool]:
        """Add what is new in few statements; where some of a group are known, once more in smaller ones, to tell which.

        One savepoint serves all groups, and a record alone needs none.
        """
        if len(records) == 1:
            return [self._raw.execute(_insert_new(table, names, 1), records[0]).rowcount == 1]
        is_new: list[bool] = []
        self._raw.execute("SAVEPOINT together")
        for group in _together(records):
            count = self._raw.execute(_insert_new(table, names, len(group)), [*chain.from_iterable(group)]).rowcount
            if 0 < count < len(group):
                self._raw.execute("ROLLBACK TO together")
                parts = _together(records) if len(records) > _ROWS_PER_STATEMENT else ([each] for each in records)
                is_new = [*chain.from_iterable(self._added(table, names, part) for part in parts)]
                break
            is_new += [count > 0] * len(group)
        self._raw.execute("RELEASE together")
        return is_new

    async def upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, add: Sequence[str] = ()) -> None:
        """Add rows, or replace (or, in `add`, sum) the given columns of those whose primary key exists."""
        if rows:
            names = tuple(rows[0])
            for group in _together(_bound(table, names, rows)):
                self._raw.execute(_upsert(table, names, tuple(add), len(group)), [*chain.from_iterable(group)])

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
        columns = (*names, *keys, *was)
        records = _bound(table, columns, rows, keys=(*names, *keys, *compared))
        return [self._raw.execute(statement, record).rowcount == 1 for record in records]

    async def delete(self, table: sa.Table, by: str, values: Sequence[Any]) -> int:
        """Delete the rows whose column `by` has one of `values`."""
        bind = _binder(table, by) or _identity
        return sum(
            self._raw.execute(_delete(table, by, len(group)), group).rowcount
            for group in _groups([bind(value) for value in dict.fromkeys(values)])
        )

    async def delete_keys(self, table: sa.Table, keys: Sequence[Mapping[str, Any]]) -> int:
        """Delete the rows that hold these values; all name the same columns, the first ones of an index."""
        if not keys:
            return 0
        names = tuple(keys[0])
        binds = [_binder(table, name) or _identity for name in names]
        rows = [tuple(bind(key[name]) for bind, name in zip(binds, names, strict=True)) for key in keys]
        return self._raw.executemany(_delete_keys(table, names), rows).rowcount


def _identity(value: Any) -> Any:
    return value


def _begin(table: sa.Table, name: str, value: Any) -> Iterator[Any]:
    """Yield where a range begins, as SQLite knows it; nothing where the column is to be empty."""
    if value is not None:
        yield (_binder(table, name) or _identity)(value)


def _read(table: sa.Table, names: tuple[str, ...], records: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """Yield records as rows by column name, in Python's types."""
    readers = _readers(table, names)
    for record in records:
        row = dict(zip(names, record, strict=True))
        for name, read in readers:
            row[name] = read(row[name])
        yield row


@lru_cache(maxsize=4096)
def _binder(table: sa.Table, name: str) -> Converter | None:
    """Return what turns a Python value of this column into SQLite's; None where it is one already."""
    column = table.c[name]
    if isinstance(column.type, Id):
        return _optional_bytes if column.nullable else attrgetter("bytes")
    if isinstance(column.type, Instant):
        return _optional_microseconds if column.nullable else microseconds
    return column.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)


@lru_cache(maxsize=4096)
def _readers(table: sa.Table, names: tuple[str, ...]) -> list[tuple[str, Converter]]:
    """Return what turns SQLite's values into Python's, for those of these columns that need it."""
    found: list[tuple[str, Converter]] = []
    for name in names:
        column = table.c[name]
        if isinstance(column.type, Id):
            found.append((name, _optional_uuid if column.nullable else ids.of_bytes))
        elif isinstance(column.type, Instant):
            found.append((name, _optional_instant if column.nullable else instant))
        elif (read := column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)) is not None:
            found.append((name, read))
    return found


def _optional_bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


def _optional_microseconds(value: datetime | None) -> int | None:
    return None if value is None else microseconds(value)


def _optional_uuid(value: bytes | None) -> UUID | None:
    return None if value is None else ids.of_bytes(value)


def _optional_instant(value: int | None) -> datetime | None:
    return None if value is None else instant(value)


def _bound(
    table: sa.Table, names: tuple[str, ...], rows: Sequence[Mapping[str, Any]], *, keys: tuple[str, ...] = ()
) -> list[list[Any]]:
    """Return the rows as positional parameters; `keys` are the rows' own names of the columns, where they differ."""
    binders = [(place, bind) for place, name in enumerate(names) if (bind := _binder(table, name)) is not None]
    wanted = keys or names
    records = []
    for row in rows:
        record = [row[key] for key in wanted]
        for place, bind in binders:
            record[place] = bind(record[place])
        records.append(record)
    return records


def _groups(values: Sequence[Any]) -> list[list[Any]]:
    """Cut values into groups, each padded with its last value to a power of two."""
    groups = []
    for start in range(0, len(values), _VALUES_PER_QUERY):
        group = list(values[start : start + _VALUES_PER_QUERY])
        size = 1 << (len(group) - 1).bit_length()
        groups.append(list(chain(group, repeat(group[-1], size - len(group)))))
    return groups


def _together(records: Sequence[list[Any]]) -> Iterator[Sequence[list[Any]]]:
    """Cut records into groups of 32, 16, 8, … to be written by one statement each: few are ever prepared."""
    start, size = 0, _ROWS_PER_STATEMENT
    while start < len(records):
        while size > len(records) - start:
            size //= 2
        yield records[start : start + size]
        start += size


@lru_cache(maxsize=1024)
def _select(table: sa.Table, names: tuple[str, ...], by: str, count: int, second: str | None, is_range: bool) -> str:  # noqa: FBT001 - part of a cache's key
    marks = ", ".join("?" * count)
    wanted = f'SELECT {_quoted(names)} FROM "{table.name}" WHERE "{by}" IN ({marks})'  # noqa: S608 - our own names
    return wanted if second is None else f'{wanted} AND "{second}" {">= ?" if is_range else "IS NULL"}'


@lru_cache(maxsize=1024)
def _select_keys(table: sa.Table, names: tuple[str, ...], among: str | None) -> str:
    conditions = " AND ".join((*(f'"{name}" = ?' for name in names), *((among,) if among else ())))
    columns = _quoted(tuple(table.c.keys()))
    return f'SELECT {columns} FROM "{table.name}" WHERE {conditions}'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _delete_keys(table: sa.Table, names: tuple[str, ...]) -> str:
    conditions = " AND ".join(f'"{name}" = ?' for name in names)
    return f'DELETE FROM "{table.name}" WHERE {conditions}'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _delete(table: sa.Table, by: str, count: int) -> str:
    return f'DELETE FROM "{table.name}" WHERE "{by}" IN ({", ".join("?" * count)})'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _insert(table: sa.Table, names: tuple[str, ...], rows: int) -> str:
    marks = ", ".join([f"({', '.join('?' * len(names))})"] * rows)
    return f'INSERT INTO "{table.name}" ({_quoted(names)}) VALUES {marks}'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _insert_new(table: sa.Table, names: tuple[str, ...], rows: int) -> str:
    return f"{_insert(table, names, rows)} ON CONFLICT DO NOTHING"


@lru_cache(maxsize=1024)
def _upsert(table: sa.Table, names: tuple[str, ...], add: tuple[str, ...], rows: int) -> str:
    keys = tuple(column.name for column in table.primary_key)
    changes = ", ".join(
        f'"{name}" = "{table.name}"."{name}" + excluded."{name}"' if name in add else f'"{name}" = excluded."{name}"'
        for name in names
        if name not in keys
    )
    action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    return f"{_insert(table, names, rows)} ON CONFLICT ({_quoted(keys)}) {action}"


@lru_cache(maxsize=1024)
def _update(table: sa.Table, names: tuple[str, ...], keys: tuple[str, ...], was: tuple[str, ...]) -> str:
    changes = ", ".join(f'"{name}" = ?' for name in names)
    conditions = " AND ".join(chain((f'"{key}" = ?' for key in keys), (f'"{name}" IS ?' for name in was)))
    return f'UPDATE "{table.name}" SET {changes} WHERE {conditions}'  # noqa: S608 - our own names


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
