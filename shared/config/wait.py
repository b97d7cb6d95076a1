"""Waits: how long, and until which hour of which weekday on the recipient's own clock."""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag, WithJsonSchema, model_validator

from shared.config.model import TAG, Duration, FileModel, Whole

_CLOCK_TEXT = "%H:%M"
_DAYS_LOOKED_AT = 9
"""A week holds every weekday; one day more for an hour that has passed today, one for a calendar without it."""


class Weekday(StrEnum):
    """A day of the week, in the order of `datetime.weekday`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEKDAYS = tuple(Weekday)


def _clock_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.strptime(value, _CLOCK_TEXT).time()  # noqa: DTZ007 - a wall-clock time has no zone
    except ValueError:
        raise ValueError('a time of day is hours and minutes in quotes, such as "10:00"') from None


ClockTime = Annotated[
    time,
    Field(strict=True),
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime(_CLOCK_TEXT), return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "examples": ["10:00"]}),
]
"""A wall-clock time without seconds."""


class LocalWait(FileModel):
    """A wait read on the recipient's clock."""

    days: Annotated[Whole, Field(ge=0, le=1830)] = 0
    hours: Annotated[Whole, Field(ge=0, le=50_000)] = 0
    minutes: Annotated[Whole, Field(ge=0, le=3_000_000)] = 0
    then_at: ClockTime | None = None
    """After that, the next time the recipient's clock shows this."""
    on: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    """Only on these days of the recipient's calendar."""

    @model_validator(mode="after")
    def _says_something(self) -> "LocalWait":
        if not (self.days or self.hours or self.minutes or self.then_at is not None or self.on):
            raise ValueError("a wait needs days, hours, minutes, then_at or on")
        return self


Wait: TypeAlias = Annotated[
    Annotated[Duration, Tag(TAG + "duration")] | Annotated[LocalWait, Tag(TAG + "local")],
    Discriminator(lambda value: TAG + ("local" if isinstance(value, dict | LocalWait) else "duration")),
]


def due_after(wait: timedelta | LocalWait, at: datetime, zone: ZoneInfo) -> datetime:
    """Return when a wait that begins at `at` is over in a zone: an aware UTC datetime, never before `at`.

    A plain duration is elapsed time. A `LocalWait` first adds its days on the calendar (the same time of day,
    whatever the clocks did in between) and its hours and minutes as elapsed time; then it moves on to the first
    moment that shows `then_at` on one of the days `on`. A time that the clocks skip is reached an hour of clock
    later, a time that they show twice counts the first time.
    """
    if isinstance(wait, timedelta):
        return at.astimezone(UTC) + wait
    earliest = _calendar_days_later(at, wait.days, zone) + timedelta(hours=wait.hours, minutes=wait.minutes)
    if wait.then_at is None and wait.on is None:
        return earliest
    start = earliest.astimezone(zone)
    allowed = set(wait.on or _WEEKDAYS)
    clock_time = wait.then_at or start.time()
    for ahead in range(_DAYS_LOOKED_AT):
        day = start.date() + timedelta(days=ahead)
        if _WEEKDAYS[day.weekday()] not in allowed:
            continue
        if ahead == 0 and wait.then_at is None:
            return earliest
        candidate = datetime.combine(day, clock_time, tzinfo=zone).astimezone(UTC)
        if candidate >= earliest:
            return candidate
    raise AssertionError("every weekday occurs within eight days")


def _calendar_days_later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the instant that shows the same time of day `days` dates later, never before `at`."""
    if not days:
        return at.astimezone(UTC)
    local = at.astimezone(zone)
    moved = (local.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=zone, fold=local.fold)
    return max(moved.astimezone(UTC), at.astimezone(UTC))
