"""Instants from outside: near enough to the present that every sum with them stays inside the calendar."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import PydanticCustomError

from shared.events.consent import ConsentAct

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
BOUNDS = "must lie between the years 2000 and 2100"
_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:?\d\d")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d\Z")


def is_near(at: datetime) -> bool:
    """Return whether an aware instant lies within the bounds."""
    return EARLIEST <= at < LATEST


def as_written(value: object) -> object:
    """Refuse what only looks like an instant: pydantic reads numbers, ``2026`` and ``20260105`` as seconds of 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _WRITTEN.match(value)):
        return value
    raise PydanticCustomError("instant_form", "write an RFC 3339 instant with an offset, such as 2026-12-01T12:59:00Z")


def _day_as_written(value: object) -> object:
    if type(value) is date or (isinstance(value, str) and _DAY.match(value)):
        return value
    raise PydanticCustomError("day_form", "write a day such as 2026-12-01")


def _in_utc(at: datetime) -> datetime:
    if not is_near(at):
        raise PydanticCustomError("instant_range", BOUNDS)
    return at.astimezone(UTC)


Written = Annotated[AwareDatetime, BeforeValidator(as_written)]
"""An instant with an offset, of any year: only text is one, or what a file's own grammar calls one."""
Instant = Annotated[Written, AfterValidator(_in_utc)]
"""An instant with an offset and near the present, converted to UTC."""
Day = Annotated[date, Field(ge=EARLIEST.date(), lt=LATEST.date()), BeforeValidator(_day_as_written)]
"""A calendar day."""


def undated_where_withdrawn(
    value: object, read: ValidatorFunctionWrapHandler, about: ValidationInfo
) -> datetime | None:
    """Return the instant; None where a withdrawal's cannot be read. The act has to be a field above this one.

    An undated withdrawal counts from when it came in, so it takes older permissions whatever its date was meant to be.
    """
    try:
        found: datetime | None = read(value)
    except ValidationError:
        if about.data.get("event") is ConsentAct.REVOKED:
            return None
        raise
    return found
