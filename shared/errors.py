"""Faults: what can go wrong outside our control, each with a stable code and whether trying again can help."""

from typing import ClassVar


class Fault(Exception):  # noqa: N818 - the glossary's word; "Error" would say nothing more
    """Something outside the code's control failed."""

    code: ClassVar[str] = "fault"
    """Stable, documented; the same word in logs, metrics, problem documents and runbooks."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without anybody changing anything."""

    def __init__(self, detail: str = "", **fields: object) -> None:
        super().__init__(detail or self.__doc__ or self.code)
        self.detail = detail or (self.__doc__ or self.code)
        self.fields = fields


class DatabaseUnavailable(Fault):
    """The database could not commit; nothing of this unit of work was stored."""

    code = "database_unavailable"
    retryable = True


class Fenced(Fault):
    """Another process moved this position; the work of this one was rolled back."""

    code = "fenced"
    retryable = True


class ConfigurationFault(Fault):
    """A setting or file is wrong; the message names the place and the mend."""

    code = "configuration"


class Undecodable(Fault):
    """An event cannot be read by this version; it is parked."""

    code = "undecodable"
