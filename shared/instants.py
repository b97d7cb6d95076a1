"""Instants from outside: near enough to our time that every sum with them stays inside the calendar."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
BOUNDS = "must lie between the years 2000 and 2100"


def is_near(at: datetime) -> bool:
    """Return whether an aware instant lies within the bounds."""
    return EARLIEST <= at < LATEST


def _in_utc(at: datetime) -> datetime:
    if not is_near(at):
        raise PydanticCustomError("instant_range", BOUNDS)
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant with an offset, brought to UTC."""
Day = Annotated[date, Field(ge=EARLIEST.date(), lt=LATEST.date())]
"""A day of somebody's calendar."""
