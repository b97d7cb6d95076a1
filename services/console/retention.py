"""Retention of the console: sessions go once they have ended, imports a day later, invitations a week later.

Entries of the audit log go with their age, as in every service.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.console.tables import (
    audit_tables,
    failed_sign_ins,
    import_refusals,
    imports,
    invitations,
    sessions,
    system_tables,
    users,
)
from shared.db.audit_store import audit_bounds_of, audit_sweeps
from shared.db.sweep import Sweep, swept
from shared.db.system_tables import bounds_of
from shared.db.table_bounds import TableBound, few_rows, swept_after
from shared.db.unit_of_work import UnitOfWorkRunner

_HOUR_SECONDS: Final = 3600.0
_INVITATIONS_KEPT: Final = timedelta(days=7)
"""After their end: so long a link says that it has expired, or was used."""

BOUNDS: Final[Sequence[TableBound]] = (
    few_rows(users.name, "a user; a merchant has at most 200"),
    few_rows("console_second_factors", "a user with an authenticator"),
    few_rows("console_recovery_codes", "a code of a user, at most 10 each"),
    few_rows("console_sign_in_rules", "a merchant"),
    swept_after(sessions, "a sign-in, or a code for one", "until it ends"),
    swept_after(failed_sign_ins, "a user and day with wrong passwords", "until a day after"),
    swept_after(invitations, "an invitation; a merchant has at most 100", "until a week after it ended"),
    swept_after(imports, "a merchant's newest import", "until a day after it began"),
    swept_after(import_refusals, "a refused row of an import, at most 10,000", "until a day after it began"),
    *audit_bounds_of(audit_tables),
    *bounds_of(system_tables),
)
"""Every table of the console, and what bounds it."""


def sweeps(now: datetime) -> list[Sweep]:
    """Return what is deleted now."""
    ended = (sessions, failed_sign_ins, imports, import_refusals)
    of_links = Sweep(invitations.c.ends_at, now - _INVITATIONS_KEPT)
    return [*(Sweep(each.c.ends_at, now) for each in ended), of_links, *audit_sweeps(audit_tables, now)]


async def prune(units: UnitOfWorkRunner) -> float:
    """Delete what has ended, and return the seconds until the next run."""
    await swept(units, sweeps(units.clock.now()))
    return _HOUR_SECONDS
