"""The nine statements of a transaction on PostgreSQL: bulk ones straight through asyncpg, the rest through Core.

SQLAlchemy's asyncpg adapter begins a transaction at its first statement, so that a COPY on the raw connection
before it would survive a rollback. Here the adapter never begins one (its engine is in autocommit): the creator
of this object has sent BEGIN on the raw connection already, and both kinds of statements are inside it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import postgres_sql as sql
from shared.db.storage import keys_of
from shared.db.transaction import Lock, Row

COPY_ROWS = 10
"""From here on COPY is quicker than INSERT with arrays (design section 6)."""


def json_text(value: Any) -> str:
    """Return JSON text."""
    return orjson.dumps(value).decode()


_DIALECT = postgresql.asyncpg.dialect(  # type: ignore[no-untyped-call] # SQLAlchemy leaves its dialects untyped
    json_serializer=json_text, json_deserializer=orjson.loads
)
Converter = Callable[[Any], Any]


class PostgresTransaction:
    """An open transaction on one connection.

    Args:
        connection: SQLAlchemy's connection, in autocommit.
        raw: asyncpg's connection under it, inside a transaction.
    """

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, connection: AsyncConnection, raw: Any) -> None:
        self._connection = connection
        self._raw = raw
        self.rows_written = 0
        """Inserted, changed or deleted so far."""

    async def rows(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of a Core statement."""
        return [*(await self._connection.execute(statement, parameters)).mappings()]

    async def execute(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a Core statement and return how many rows it touched."""
        touched = (await self._connection.execute(statement, parameters)).rowcount
        self.rows_written += max(touched, 0)
        return touched

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
        """Return the rows whose column `by` has one of `values`; locks are taken in the order of the primary key."""
        if not values:
            return []
        names = tuple(columns) if columns else tuple(table.c.keys())
        wanted = [_column(table, by, dict.fromkeys(values))]
        second, begin = since or (None, None)
        if second is not None and begin is not None:
            wanted += _column(table, second, [begin])
        statement = sql.select(table, names, by, lock, second, begin is not None)
        return _read(table, names, await self._raw.fetch(statement, *wanted))

    async def fetch_keys(
        self, table: sa.Table, keys: Sequence[Mapping[str, Any]], *, among: str | None = None
    ) -> list[Row]:
        """Return the rows that hold these values; all name the same columns, the first ones of an index."""
        if not keys:
            return []
        names = tuple(keys[0])
        keys = [dict(zip(names, key, strict=True)) for key in dict.fromkeys(tuple(key.values()) for key in keys)]
        records = await self._raw.fetch(sql.select_keys(table, names, among), *_columns(table, names, keys))
        return _read(table, tuple(table.c.keys()), records)

    async def insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; a row that exists already is an error."""
        if not rows:
            return
        names = tuple(rows[0])
        columns = _columns(table, names, rows)
        self.rows_written += len(rows)
        if len(rows) < COPY_ROWS:
            await self._raw.execute(sql.insert(table, names), *columns)
        else:
            await self._raw.copy_records_to_table(table.name, records=zip(*columns, strict=True), columns=names)

    async def insert_new(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Add the rows whose primary or unique key is new, and return for each whether it was."""
        if not rows:
            return []
        names = tuple(rows[0])
        identity = sql.identity_of(table, names)
        if not identity and not sql.has_unique_keys(table, names):
            await self.insert(table, rows)
            return [True] * len(rows)
        known_by = [tuple(row[name] for name in identity) for row in rows]
        if len(set(known_by)) < len(rows):  # equal rows in one call, or no key to identify them: one statement each
            return [bool(await self._insert_new(table, names, (), [row])) for row in rows]
        numbers = _in_key_order(table, rows)
        records = await self._insert_new(table, names, identity, [rows[number] for number in numbers])
        if len(records) == len(rows):
            return [True] * len(rows)
        readers = [_reader(table, name) for name in identity]
        added = {
            tuple(value if read is None else read(value) for read, value in zip(readers, record, strict=True))
            for record in records
        }
        return [key in added for key in known_by]

    async def _insert_new(
        self, table: sa.Table, names: tuple[str, ...], identity: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[Any]:
        """Add rows and return a record for each that was new."""
        records: Sequence[Any] = await self._raw.fetch(
            sql.insert_new(table, names, identity), *_columns(table, names, rows)
        )
        self.rows_written += len(records)
        return records

    async def upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, add: Sequence[str] = ()) -> None:
        """Add rows, or replace (or, in `add`, sum) the given columns of those whose primary key exists."""
        self.rows_written += len(rows)
        for turn in _turns(table, rows):
            names = tuple(rows[0])
            given = [rows[number] for number in turn]
            await self._raw.execute(sql.upsert(table, names, tuple(add)), *_columns(table, names, given))

    async def change(
        self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, was: Sequence[str] = ()
    ) -> list[bool]:
        """Set columns by primary key, comparing first those in `was`; return for each whether it was found."""
        done = [False] * len(rows)
        for turn in _turns(table, rows):
            keys = keys_of(table)
            compared = {f"was_{name}" for name in was}
            names = tuple(name for name in rows[0] if name not in keys and name not in compared)
            given = [rows[number] for number in turn]
            columns = _columns(table, (*names, *keys), given)
            columns += [_column(table, name, [row[f"was_{name}"] for row in given]) for name in was]
            for record in await self._raw.fetch(sql.update(table, names, tuple(was)), *columns):
                done[turn[record[0] - 1]] = True
        self.rows_written += sum(done)
        return done

    async def delete(self, table: sa.Table, by: str, values: Sequence[Any]) -> int:
        """Delete the rows whose column `by` has one of `values`."""
        if not values:
            return 0
        return await self._deleted(sql.delete(table, by), _column(table, by, dict.fromkeys(values)))

    async def delete_keys(self, table: sa.Table, keys: Sequence[Mapping[str, Any]]) -> int:
        """Delete the rows that hold these values; all name the same columns, the first ones of an index."""
        if not keys:
            return 0
        names = tuple(keys[0])
        return await self._deleted(sql.delete_keys(table, names), *_columns(table, names, keys))

    async def _deleted(self, statement: str, *columns: list[Any]) -> int:
        """Run a statement that deletes, and return how many rows it deleted."""
        status: str = await self._raw.execute(statement, *columns)
        deleted = int(status.rsplit(maxsplit=1)[-1])
        self.rows_written += deleted
        return deleted


def _read(table: sa.Table, names: tuple[str, ...], records: Sequence[Any]) -> list[Row]:
    """Return records as rows by column name, in Python's types."""
    readers = [(name, read) for name in names if (read := _reader(table, name)) is not None] if records else []
    found: list[dict[str, Any]] = [dict(zip(names, record, strict=True)) for record in records]
    for row in found:
        for name, read in readers:
            row[name] = read(row[name])
    return [*found]


def _in_key_order(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the rows' numbers in the order of their primary keys: two units then never wait for each other."""
    keys = keys_of(table)
    if not rows or any(key not in rows[0] for key in keys):
        return [*range(len(rows))]
    return sorted(range(len(rows)), key=lambda number: tuple(rows[number][key] for key in keys))


def _turns(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[list[int]]:
    """Split rows so that no statement holds one primary key twice, as if each row had its own; nearly always one."""
    keys = keys_of(table)
    turns: list[list[int]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for number in _in_key_order(table, rows):
        key = tuple(rows[number].get(name) for name in keys)
        turn = seen.get(key, 0)
        seen[key] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(number)
    yield from turns


@lru_cache(maxsize=4096)
def _binder(table: sa.Table, name: str) -> Converter | None:
    """Return what converts a Python value of this column to the driver's; None if it is one already."""
    return table.c[name].type.dialect_impl(_DIALECT).bind_processor(_DIALECT)


@lru_cache(maxsize=4096)
def _reader(table: sa.Table, name: str) -> Converter | None:
    """Return what converts the driver's value of this column to Python's; None if it is one already."""
    return table.c[name].type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)


def _column(table: sa.Table, name: str, values: Iterable[Any]) -> list[Any]:
    """Return one column's values as the driver takes them."""
    bind = _binder(table, name)
    return [*values] if bind is None else [*map(bind, values)]


def _columns(table: sa.Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return the rows as one list a column."""
    return [_column(table, name, [row[name] for row in rows]) for name in names]
