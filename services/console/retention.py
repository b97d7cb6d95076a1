"""Retention of the console: sessions and codes go once they have ended."""

from collections.abc import Sequence
from typing import Final

from services.console.tables import sessions, system_tables, users
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, swept_after
from shared.db.unit_of_work import UnitOfWorkRunner

_HOUR_SECONDS: Final = 3600.0

BOUNDS: Final[Sequence[TableBound]] = (
    few_rows(users.name, "a user; a merchant has at most 200"),
    swept_after(sessions, "a sign-in, or a code for one", "until it ends"),
    *bounds_of(system_tables),
)
"""Every table of the console, and what bounds it."""


async def prune(units: UnitOfWorkRunner) -> float:
    """Delete what has ended, and return the seconds until the next run."""
    await swept(units, [Sweep(sessions.c.ends_at, units.clock.now())])
    return _HOUR_SECONDS
