"""The bulk statements of a transaction on SQLite, over one synchronous connection (no thread hop per statement)."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, Literal, NamedTuple, cast

import sqlalchemy as sa

from shared.db.sqlite_values import bound, bound_values, read
from shared.db.storage import keys_of, on_conflict, quoted
from shared.db.transaction import Lock, Row

_VALUES_PER_QUERY = 512
"""Values are queried in groups padded to a power of two, so that few statements are ever prepared."""

_ROWS_PER_STATEMENT = 32
"""Rows written by one statement: each statement lets go of the interpreter's lock, and has to win it back."""
_FEWEST_CHANGED_TOGETHER = 8
"""Fewer rows are changed sooner one by one."""


class _Change(NamedTuple):
    """What a change of rows sets, by which keys, and what it compares first."""

    table: sa.Table
    names: tuple[str, ...]
    keys: tuple[str, ...]
    was: tuple[str, ...]


class SQLiteTransaction:
    """An open transaction on the writer's or a reader's connection."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, connection: sa.Connection, raw: sqlite3.Connection) -> None:
        self._connection = connection
        self._raw = raw

    async def rows(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of a Core statement."""
        return cast("list[Row]", self._connection.execute(statement, parameters).mappings().all())

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
        """Return the rows whose `by` is one of `values`, and whose second column is null or at least the one given."""
        names = tuple(columns) if columns else tuple(table.c.keys())
        second, least = since or (None, None)
        begin = [] if second is None or least is None else [*bound_values(table, second, (least,))]
        found: list[Row] = []
        for group in _groups([*bound_values(table, by, values)]):
            statement = _select(table, names, by, len(group), second, bool(begin))
            found += read(table, names, self._raw.execute(statement, [*group, *begin]))
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
        for record in dict.fromkeys(bound(table, names, keys)):
            found += read(table, tuple(table.c.keys()), self._raw.execute(statement, record))
        return found

    async def insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; a row that exists already is an error."""
        if rows:
            names = tuple(rows[0])
            for group in _together(bound(table, names, rows)):
                self._raw.execute(_insert(table, names, len(group)), [*chain.from_iterable(group)])

    async def insert_new(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Add the rows whose primary or unique key is new, and return for each whether it was."""
        if not rows:
            return []
        names = tuple(rows[0])
        return self._added(table, names, bound(table, names, rows))

    def _added(self, table: sa.Table, names: tuple[str, ...], records: Sequence[tuple[Any, ...]]) -> list[bool]:
        """Add new rows in few statements; if some of a group exist, repeat in smaller ones, to find which.

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
            for group in _together(bound(table, names, rows)):
                self._raw.execute(_upsert(table, names, tuple(add), len(group)), [*chain.from_iterable(group)])

    async def change(
        self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, was: Sequence[str] = ()
    ) -> list[bool]:
        """Set columns by primary key, comparing first those in `was`; return for each whether it was found."""
        if not rows:
            return []
        keys = keys_of(table)
        compared = tuple(f"was_{name}" for name in was)
        names = tuple(name for name in rows[0] if name not in keys and name not in compared)
        records = bound(table, (*names, *keys, *was), rows, keys=(*names, *keys, *compared))
        how = _Change(table, names, keys, tuple(was))
        known_by = slice(len(names), len(names) + len(keys))
        is_each_once = len({record[known_by] for record in records}) == len(records)
        groups = _together(records) if is_each_once else ([record] for record in records)
        return [*chain.from_iterable(self._changed(how, group) for group in groups)]

    def _changed(self, how: _Change, group: Sequence[tuple[Any, ...]]) -> list[bool]:
        """Change a group of different rows in one statement; where only some are found, once more one by one."""
        if len(group) < _FEWEST_CHANGED_TOGETHER:
            return [self._raw.execute(_update(how), record).rowcount == 1 for record in group]
        if how.was:  # what is compared a second time must be as it was
            self._raw.execute("SAVEPOINT change")
        count = self._raw.execute(_update_together(how, len(group)), [*chain.from_iterable(group)]).rowcount
        if 0 < count < len(group):
            if how.was:
                self._raw.execute("ROLLBACK TO change")
            is_found = [self._raw.execute(_update(how), record).rowcount == 1 for record in group]
        else:
            is_found = [count > 0] * len(group)
        if how.was:
            self._raw.execute("RELEASE change")
        return is_found

    async def delete(self, table: sa.Table, by: str, values: Sequence[Any]) -> int:
        """Delete the rows whose column `by` has one of `values`."""
        return sum(
            self._raw.execute(_delete(table, by, len(group)), group).rowcount
            for group in _groups([*bound_values(table, by, values)])
        )

    async def delete_keys(self, table: sa.Table, keys: Sequence[Mapping[str, Any]]) -> int:
        """Delete the rows that hold these values; all name the same columns, the first ones of an index."""
        if not keys:
            return 0
        names = tuple(keys[0])
        return self._raw.executemany(_delete_keys(table, names), bound(table, names, keys)).rowcount


def _groups(values: Sequence[Any]) -> list[list[Any]]:
    """Cut values into groups, each padded with its last value to a power of two."""
    groups = []
    for start in range(0, len(values), _VALUES_PER_QUERY):
        group = list(values[start : start + _VALUES_PER_QUERY])
        size = 1 << (len(group) - 1).bit_length()
        groups.append(list(chain(group, repeat(group[-1], size - len(group)))))
    return groups


def _together(records: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
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
    wanted = f'SELECT {quoted(names)} FROM "{table.name}" WHERE "{by}" IN ({marks})'  # noqa: S608 - our own names
    return wanted if second is None else f'{wanted} AND "{second}" {">= ?" if is_range else "IS NULL"}'


@lru_cache(maxsize=1024)
def _select_keys(table: sa.Table, names: tuple[str, ...], among: str | None) -> str:
    conditions = " AND ".join((*(f'"{name}" = ?' for name in names), *((among,) if among else ())))
    columns = quoted(tuple(table.c.keys()))
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
    return f'INSERT INTO "{table.name}" ({quoted(names)}) VALUES {marks}'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _insert_new(table: sa.Table, names: tuple[str, ...], rows: int) -> str:
    return f"{_insert(table, names, rows)} ON CONFLICT DO NOTHING"


@lru_cache(maxsize=1024)
def _upsert(table: sa.Table, names: tuple[str, ...], add: tuple[str, ...], rows: int) -> str:
    return f"{_insert(table, names, rows)} {on_conflict(table, names, add)}"


@lru_cache(maxsize=1024)
def _update(how: _Change) -> str:
    changes = ", ".join(f'"{name}" = ?' for name in how.names)
    conditions = " AND ".join(chain((f'"{key}" = ?' for key in how.keys), (f'"{name}" IS ?' for name in how.was)))
    return f'UPDATE "{how.table.name}" SET {changes} WHERE {conditions}'  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def _update_together(how: _Change, rows: int) -> str:
    table, names, keys, was = how
    values = [f'"new".column{number}' for number in range(1, len(names) + len(keys) + len(was) + 1)]
    changes = ", ".join(f'"{name}" = {value}' for name, value in zip(names, values, strict=False))
    same = [f'"{table.name}"."{key}" = {value}' for key, value in zip(keys, values[len(names) :], strict=False)]
    same += [f'"{table.name}"."{name}" IS {value}' for name, value in zip(was, values[-len(was) :], strict=False)]
    marks = ", ".join([f"({', '.join('?' * len(values))})"] * rows)
    return f'UPDATE "{table.name}" SET {changes} FROM (VALUES {marks}) AS "new" WHERE {" AND ".join(same)}'  # noqa: S608 - our own names
