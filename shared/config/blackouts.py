"""`blackouts` of merchant.yaml: days on which a shop sends no texts of some purposes, and until when such a text waits.

Days are whole local days of the merchant's time zone, the first and the last included. Everything is computed from
instants, so that a day of 23 or 25 hours is one day.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from shared.config.model import FileModel, Word
from shared.events.follow_up import Purpose
from shared.instants import Day

MOST_BLACKOUTS: Final = 100
"""Of one merchant: each due text is compared with all of them."""
_MOST_DAYS: Final = 366
_MIDNIGHT: Final = time()


class Blackout(FileModel):
    """Days on which texts of some purposes wait; texts to a person who wrote never do."""

    first: Annotated[Day, Field(alias="from")]
    last: Annotated[Day, Field(alias="to")]
    """Included."""
    purposes: Annotated[
        tuple[Literal[Purpose.MARKETING, Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL], ...], Field(min_length=1)
    ] = (Purpose.MARKETING,)
    why: Word | None = None
    """Shown with the texts that wait."""

    @model_validator(mode="after")
    def _is_a_span(self) -> "Blackout":
        if self.last < self.first:
            raise ValueError(f"'to' ({self.last}) is before 'from' ({self.first}): write the first day, then the last")
        if (self.last - self.first).days >= _MOST_DAYS:
            raise ValueError(f"it lasts longer than {_MOST_DAYS} days; pause the texts instead: followup pause")
        return self


def blackout_at(blackouts: Iterable[Blackout], zone: ZoneInfo, purpose: Purpose, at: datetime) -> Blackout | None:
    """Return the blackout that a text of this purpose is under at an instant; None if it may go."""
    day = at.astimezone(zone).date()
    return next((each for each in blackouts if purpose in each.purposes and each.first <= day <= each.last), None)


def blackout_end(blackouts: Sequence[Blackout], zone: ZoneInfo, purpose: Purpose, at: datetime) -> datetime | None:
    """Return the first instant (UTC) after `at` at which a text of this purpose is under no blackout.

    None where it is under none at `at`. Blackouts that overlap or follow each other count as one.
    """
    end: datetime | None = None
    while (under := blackout_at(blackouts, zone, purpose, end or at)) is not None:
        end = _day_after(under.last, zone, end or at)
    return end


def open_since(
    blackouts: Iterable[Blackout], zone: ZoneInfo, purpose: Purpose, due_at: datetime, now: datetime
) -> datetime:
    """Return since when a text that was due could have gone: its due time, or the end of the last blackout since."""
    ends = [_day_after(each.last, zone, due_at) for each in blackouts if purpose in each.purposes]
    return max((end for end in ends if due_at < end <= now), default=due_at)


def _day_after(day: date, zone: ZoneInfo, at: datetime) -> datetime:
    """Return when the day after this one begins, or, where clocks show midnight twice and one has passed, the second.

    A midnight that clocks skip is the instant at which they do.
    """
    first, second = (
        datetime.combine(day + timedelta(days=1), _MIDNIGHT.replace(fold=fold), tzinfo=zone).astimezone(UTC)
        for fold in (0, 1)
    )
    return first if first > at else max(first, second)
