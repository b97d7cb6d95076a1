"""The text of PostgreSQL's bulk statements: one per table, columns and options, whatever the number of rows."""

from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shared.db.storage import keys_of, on_conflict, quoted
from shared.db.transaction import Lock

_DIALECT = postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves its dialects untyped
_LOCKS = {"update": "FOR UPDATE", "share": "FOR SHARE"}


@lru_cache(maxsize=1024)
def identity_of(table: sa.Table, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return columns among `names` that identify a row: the primary key, else a unique key; else none."""
    return next((each for each in _unique_keys(table) if set(each) <= set(names)), ())


@lru_cache(maxsize=1024)
def has_unique_keys(table: sa.Table, names: tuple[str, ...]) -> bool:
    """Return whether rows with these columns can be known already: generated keys never are."""
    return any(not set(each).isdisjoint(names) for each in _unique_keys(table))


def _unique_keys(table: sa.Table) -> list[tuple[str, ...]]:
    """Return every unique key, the primary one first."""
    keys = [keys_of(table)]
    keys += [tuple(each.columns.keys()) for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    keys += [tuple(each.columns.keys()) for each in table.indexes if each.unique]
    return [key for key in keys if key]


@lru_cache(maxsize=1024)
def select(
    table: sa.Table,
    names: tuple[str, ...],
    by: str,
    lock: Lock | None,
    second: str | None = None,
    is_range: bool = False,  # noqa: FBT001, FBT002 - part of a cache's key
) -> str:
    """Rows whose `by` is one of $1, and `second` empty, or no less than $2; locked in the order of the primary key."""
    wanted = f"SELECT {quoted(names)} FROM {_name(table)} WHERE {_column(by)} = ANY($1::{_type(table, by)}[])"  # noqa: S608 - our own names
    if second is not None:
        wanted += f" AND {_column(second)} {'>= $2' if is_range else 'IS NULL'}"
    return wanted if lock is None else f"{wanted} ORDER BY {quoted(keys_of(table) or (by,))} {_LOCKS[lock]}"


@lru_cache(maxsize=1024)
def select_keys(table: sa.Table, names: tuple[str, ...], among: str | None = None) -> str:
    """Rows identified by several columns, and by the condition of a partial index."""
    columns = ", ".join(f"{_name(table)}.{_column(each.name)}" for each in table.columns)
    conditions = " AND ".join(f"{_name(table)}.{_column(name)} = _given.{_column(name)}" for name in names)
    if among is not None:
        conditions += f" AND {among}"
    return f"SELECT {columns} FROM {_name(table)} JOIN {_given(table, names)} ON {conditions}"  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def delete(table: sa.Table, by: str) -> str:
    """Delete the rows whose `by` is one of $1."""
    return f"DELETE FROM {_name(table)} WHERE {_column(by)} = ANY($1::{_type(table, by)}[])"  # noqa: S608 - our own names


@lru_cache(maxsize=1024)
def insert(table: sa.Table, names: tuple[str, ...]) -> str:
    """Add rows in the order given, so that generated keys rise in it."""
    return (
        f"INSERT INTO {_name(table)} ({quoted(names)}) SELECT {quoted(names)} "  # noqa: S608 - our own names
        f"FROM {_given(table, names)} ORDER BY _row"
    )


@lru_cache(maxsize=1024)
def insert_new(table: sa.Table, names: tuple[str, ...], identity: tuple[str, ...]) -> str:
    """Add the rows whose keys are new, and return what identifies them."""
    return f"{insert(table, names)} ON CONFLICT DO NOTHING RETURNING {quoted(identity) or '1'}"


@lru_cache(maxsize=1024)
def upsert(table: sa.Table, names: tuple[str, ...], add: tuple[str, ...]) -> str:
    """Add rows, or replace or sum columns of those that exist."""
    return f"{insert(table, names)} {on_conflict(table, names, add)}"


@lru_cache(maxsize=1024)
def update(table: sa.Table, names: tuple[str, ...], was: tuple[str, ...]) -> str:
    """Set `names` of the rows named by primary key where `was` still holds; return the numbers of those found."""
    keys = keys_of(table)
    changes = ", ".join(f"{_column(name)} = _given.{_column(name)}" for name in names)
    conditions = [f"{_name(table)}.{_column(key)} = _given.{_column(key)}" for key in keys]
    conditions += [
        f"{_name(table)}.{_column(name)} IS NOT DISTINCT FROM _given.{_column(f'was_{name}')}" for name in was
    ]
    given = _given(table, (*names, *keys), was)
    return (
        f"UPDATE {_name(table)} SET {changes} FROM {given} "  # noqa: S608 - our own names
        f"WHERE {' AND '.join(conditions)} RETURNING _given._row"
    )


@lru_cache(maxsize=1024)
def delete_keys(table: sa.Table, names: tuple[str, ...]) -> str:
    """Delete the rows named by several columns."""
    conditions = " AND ".join(f"{_name(table)}.{_column(name)} = _given.{_column(name)}" for name in names)
    return f"DELETE FROM {_name(table)} USING {_given(table, names)} WHERE {conditions}"  # noqa: S608 - our own names


def _given(table: sa.Table, names: tuple[str, ...], was: tuple[str, ...] = ()) -> str:
    """Return the parameters, an array a column, as numbered rows."""
    types = [_type(table, name) for name in (*names, *was)]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, start=1))
    columns = quoted((*names, *(f"was_{name}" for name in was)))
    return f"unnest({arrays}) WITH ORDINALITY AS _given({columns}, _row)"


def _column(name: str) -> str:
    return f'"{name}"'


def _name(table: sa.Table) -> str:
    """Return the table's name; its schema is the connection's `search_path`."""
    return f'"{table.name}"'


@lru_cache(maxsize=4096)
def _type(table: sa.Table, name: str) -> str:
    """Return PostgreSQL's name of a column's type."""
    return table.c[name].type.compile(dialect=_DIALECT)
