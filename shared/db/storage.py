"""How PostgreSQL keeps the tables that change all the time, and which of their columns never do.

SQLite has nothing of the kind of the settings below and ignores them.

A row that changes leaves its old version behind until a vacuum takes it away. By default that begins once a fifth of
a table is dead: for a queue that is never, for millions of follow-ups it is far too late. `fillfactor` leaves room on
each page, so that a new version stays beside the old one and no index has to learn where it went. Migrations read the
values here: a change of one comes with a migration that alters the tables that are there.
"""

from collections.abc import Mapping
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


def replaced(table: sa.Table, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of these columns an upsert sets in a row that exists: neither its key nor what lasts."""
    return tuple(name for name in names if not _is_kept(table.c[name]))


def _is_kept(column: sa.Column[Any]) -> bool:
    return column.primary_key or "lasting" in column.info
