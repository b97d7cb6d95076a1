"""What PostgreSQL's errors mean: retryable faults, settings to fix, or bugs that crash."""

from typing import Any

import sqlalchemy.exc

from shared.db.postgres_driver import INTERFACE_ERROR, INTERNAL_ERROR
from shared.errors import ConfigurationFault, DatabaseUnavailable, Overtaken

_PASSING_CLASSES = ("08", "53", "57", "58")
"""Connection lost; disk, memory or connections exhausted; shutdown, crash or statement timeout; I/O error."""
_PASSING = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock, met twice
        "55P03",  # lock timeout
        "25006",  # read only: a standby, or a reader that tried to write
        "25P03",  # idle-in-transaction timeout
        "0A000",  # a prepared statement's plan is older than a migration, met twice
    }
)
_AT_ONCE = frozenset({"40001", "40P01", "0A000"})
_SETTINGS_CLASSES = ("28", "3D", "3F")
"""Wrong user or password, no such database, no such schema."""


class TransactionLost(DatabaseUnavailable):
    """A statement of the unit failed and the unit went on; PostgreSQL stored nothing of it."""


def sqlstate_of(problem: BaseException) -> str:
    """Return PostgreSQL's five-letter code of an error, or an empty text."""
    return next((str(each.sqlstate) for each in _causes(problem) if getattr(each, "sqlstate", None)), "")


def helps_at_once(problem: BaseException) -> bool:
    """Return whether running the unit again now is likely to succeed: another unit was quicker, or won a deadlock."""
    if isinstance(problem, Overtaken):
        return True
    return sqlstate_of(problem) in _AT_ONCE and (
        sqlstate_of(problem) != "0A000" or "cached statement plan" in str(problem)
    )


def translated(problem: Exception, *, lost: bool) -> Exception:
    """Return the fault for what the driver raised; anything else is returned unchanged.

    Args:
        problem: what was raised.
        lost: whether the connection is lost, so that any error of the driver is about that.
    """
    state = sqlstate_of(problem)
    passing = (
        state.startswith(_PASSING_CLASSES)
        or (state in _PASSING and (state != "0A000" or helps_at_once(problem)))
        or isinstance(problem, TimeoutError | sqlalchemy.exc.TimeoutError)
        or any(isinstance(each, INTERNAL_ERROR) for each in _causes(problem))
        or (lost and isinstance(problem, (OSError, INTERFACE_ERROR, sqlalchemy.exc.SQLAlchemyError)))
    )
    return DatabaseUnavailable(f"the database cannot be used now: {_first_line(problem)}") if passing else problem


def unreachable(problem: Exception) -> Exception:
    """Return the fault for a failed connection."""
    if sqlstate_of(problem).startswith(_SETTINGS_CLASSES):
        return ConfigurationFault(
            f"PostgreSQL refuses the connection: {_first_line(problem)}; check the URL and the role"
        )
    return translated(problem, lost=True)


def _causes(problem: BaseException) -> list[Any]:
    """Return what was raised, and what SQLAlchemy wrapped: it forgets the code of a stale statement."""
    said = problem.orig if isinstance(problem, sqlalchemy.exc.DBAPIError) else problem
    return [said, said.__cause__] if said is not None else []


def _first_line(problem: Exception) -> str:
    """Return the first line of the message: the rest may hold values."""
    cause = problem.orig if isinstance(problem, sqlalchemy.exc.DBAPIError) else problem
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"
