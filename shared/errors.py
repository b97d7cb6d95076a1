"""Faults: what can go wrong outside our control, each with a stable code and whether trying again can help."""

import traceback
from typing import ClassVar, Final

_OURS: Final = ("services.", "shared.")


class Fault(Exception):
    """Something outside the code's control failed."""

    code: ClassVar[str] = "fault"
    """Stable, documented; the same word in logs, metrics, problem documents and runbooks."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later with nothing changed."""

    def __init__(self, detail: str = "", **fields: object) -> None:
        super().__init__(detail or self.__doc__ or self.code)
        self.detail = detail or (self.__doc__ or self.code)
        self.fields = fields


class DatabaseUnavailable(Fault):
    """The database could not commit; nothing of this unit of work was stored."""

    code = "database_unavailable"
    retryable = True


class CommitUnknown(DatabaseUnavailable):
    """The connection broke during the commit: all of this unit is stored or none; a repeat must be safe either way."""

    code = "commit_unknown"


class Overtaken(Fault):
    """Another unit did the same at the same moment; this one was rolled back, and is run again to read its result."""

    code = "overtaken"
    retryable = True


class Fenced(Fault):
    """Another process moved this position; the work of this one was rolled back."""

    code = "fenced"
    retryable = True


class ConfigurationFault(Fault):
    """A setting or file is wrong; the message names the place and how to fix it."""

    code = "configuration"


class Undecodable(Fault):
    """An event cannot be read by this version; it is parked."""

    code = "undecodable"


class Unsealable(Fault):
    """A sealed value cannot be opened: its key is missing, or it was changed or moved from where it belongs."""

    code = "unsealable"


class Interrupted(Fault):
    """The work was cancelled before it was stored; try again."""

    code = "interrupted"
    retryable = True


class ConditionFault(Fault):
    """An expression is not one, or is of the wrong type."""

    code: ClassVar[str] = "condition_invalid"

    def __init__(self, detail: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(detail, line=line, column=column)
        self.line = line
        self.column = column


def describe(problem: BaseException) -> str:
    """Return what went wrong, safe to store: a fault by its detail, anything else by type and place in our code.

    The message of an unknown exception is left out: a driver's quotes the row it was given, which may name a person.
    """
    if isinstance(problem, Fault):
        return f"{type(problem).__name__}: {problem.detail}"
    ours = [
        f"{frame.f_globals['__name__']}:{line}"
        for frame, line in traceback.walk_tb(problem.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith(_OURS)
    ]
    return f"{type(problem).__name__} at {ours[-1] if ours else 'an unknown place'}"
