"""Converts values between SQLite's and Python's types; null is the same in both."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from shared import ids
from shared.db.transaction import Row
from shared.db.types import Id, Instant, Json
from shared.unix_time import instant, microseconds

_DIALECT = sqlite.dialect()

Converter = Callable[[Any], Any]


def read(table: sa.Table, names: tuple[str, ...], records: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """Yield records as rows by column name, in Python's types."""
    readers = _readers(table, names)
    for record in records:
        row = dict(zip(names, record, strict=True))
        for name, convert in readers:
            if (value := row[name]) is not None:
                row[name] = convert(value)
        yield row


def bound(
    table: sa.Table, names: tuple[str, ...], rows: Iterable[Mapping[str, Any]], *, keys: tuple[str, ...] = ()
) -> list[tuple[Any, ...]]:
    """Return the rows as positional parameters; `keys` are the rows' own names of the columns, where they differ."""
    binders = _binders(table, names)
    records = []
    for taken in map(_getter(keys or names), rows):
        record = [*taken]
        for place, convert in binders:
            if (value := record[place]) is not None:
                record[place] = convert(value)
        records.append(tuple(record))
    return records


def bound_values(table: sa.Table, name: str, values: Iterable[Any]) -> Iterable[Any]:
    """Return values of one column as SQLite keeps them, each once."""
    convert = _binder(table, name)
    return dict.fromkeys(values if convert is None else map(convert, values))


@lru_cache(maxsize=1024)
def _getter(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return what takes these values out of a row."""
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)


@lru_cache(maxsize=1024)
def _binders(table: sa.Table, names: tuple[str, ...]) -> list[tuple[int, Converter]]:
    """Return what turns Python's values into SQLite's, for those of these columns that need it."""
    return [(place, convert) for place, name in enumerate(names) if (convert := _binder(table, name)) is not None]


@lru_cache(maxsize=1024)
def _readers(table: sa.Table, names: tuple[str, ...]) -> list[tuple[str, Converter]]:
    """Return what turns SQLite's values into Python's, for those of these columns that need it."""
    return [(name, convert) for name in names if (convert := _reader(table, name)) is not None]


@lru_cache(maxsize=4096)
def _binder(table: sa.Table, name: str) -> Converter | None:
    match table.c[name].type:
        case Id():
            return attrgetter("bytes")
        case Instant():
            return microseconds
        case Json():
            return lambda value: orjson.dumps(value).decode()
        case other:
            return other.dialect_impl(_DIALECT).bind_processor(_DIALECT)


def _reader(table: sa.Table, name: str) -> Converter | None:
    match table.c[name].type:
        case Id():
            return ids.of_bytes
        case Instant():
            return instant
        case Json():
            return orjson.loads
        case sa.LargeBinary():  # bytes already: SQLAlchemy would make them once more
            return None
        case other:
            return other.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
