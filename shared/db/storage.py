"""How the tables that change all the time are kept, and which of their columns never change.

SQLite has nothing of the kind of PostgreSQL's settings below and ignores them.

A row that changes leaves its old version behind until a vacuum takes it away. By default that begins once a fifth of
a table is dead: for a queue that is never, for millions of follow-ups it is far too late. `fillfactor` leaves room on
each page, so that a new version stays beside the old one and no index has to learn where it went. Migrations read the
values here: a change of one comes with a migration that alters the tables that are there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

LASTING: Final[dict[Any, Any]] = {"lasting": True}
"""The `info` of a column that a row keeps as it was first written: an upsert leaves it alone in a row that exists, and
SQLite no index over it to be written again."""

CHANGING: Final[Mapping[str, float]] = {
    "fillfactor": 80,
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_analyze_scale_factor": 0.02,
}
"""Rows that change a few times after they were added."""

QUEUE: Final[Mapping[str, float]] = {
    "fillfactor": 70,
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 2_000,
    "autovacuum_analyze_scale_factor": 0,
    "autovacuum_analyze_threshold": 2_000,
    "autovacuum_vacuum_cost_delay": 0,
}
"""For short-lived rows, or few that change with every unit: vacuum by a number of dead rows, not by a share."""


def keys_of(table: sa.Table) -> tuple[str, ...]:
    """Return the names of the primary key's columns."""
    return tuple(column.name for column in table.primary_key)


def quoted(names: Iterable[str]) -> str:
    """Return names as a list of columns, as both databases write it."""
    return ", ".join(f'"{name}"' for name in names)


def on_conflict(table: sa.Table, names: tuple[str, ...], add: tuple[str, ...]) -> str:
    """Return how an upsert of these columns ends, in both databases: where a row exists, columns in `add` are summed.

    Its key and what lasts stay as they are, all others are replaced.
    """
    changes = ", ".join(
        f'"{name}" = "{table.name}"."{name}" + excluded."{name}"' if name in add else f'"{name}" = excluded."{name}"'
        for name in names
        if not table.c[name].primary_key and "lasting" not in table.c[name].info
    )
    return f"ON CONFLICT ({quoted(keys_of(table))}) {f'DO UPDATE SET {changes}' if changes else 'DO NOTHING'}"
