"""The dimensions by which figures can be grouped, and their window: whole UTC hours, like the rollups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.metrics.domain.rollups import RollupKey, hour_of

HOUR: Final = timedelta(hours=1)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Dimension(StrEnum):
    """The values of `GET /v1/kpis?by=`."""

    FLOW = "flow"
    DAY = "day"
    HOUR = "hour"
    WEEKDAY = "weekday"
    SEGMENT = "segment"
    NUMBER = "number"
    PROVIDER = "provider"
    VERSION = "version"


_COLUMNS: Final[Mapping[Dimension, str]] = {
    Dimension.FLOW: "flow",
    Dimension.DAY: "hour",
    Dimension.HOUR: "hour",
    Dimension.WEEKDAY: "hour",
    Dimension.SEGMENT: "segment",
    Dimension.NUMBER: "sender_number",
    Dimension.PROVIDER: "provider",
    Dimension.VERSION: "flow_version",
}


@dataclass(frozen=True, slots=True)
class Window:
    """The whole hours from `since` to `until`, which is exclusive."""

    since: datetime
    until: datetime

    @classmethod
    def around(cls, since: datetime, until: datetime) -> "Window":
        """Return the smallest window of whole hours that contains both ends."""
        last = hour_of(until)
        return cls(hour_of(since), last if last == until else last + HOUR)


def column_of(by: Dimension) -> str:
    """Return the rollup column of a dimension."""
    return _COLUMNS[by]


def group_of(by: Dimension, value: Any, clock: ZoneInfo) -> str:
    """Return the group of a column's value; days, hours and weekdays are in the merchant's time zone."""
    match by:
        case Dimension.DAY:
            return f"{value.astimezone(clock):%Y-%m-%d}"
        case Dimension.HOUR:
            return f"{value.astimezone(clock):%H}"
        case Dimension.WEEKDAY:
            return _WEEKDAYS[value.astimezone(clock).weekday()]
        case _:
            return str(value)


def grouped(
    rows: Iterable[Mapping[str, Any]], by: Dimension | None, clock: ZoneInfo
) -> dict[str, dict[tuple[str, str], int]]:
    """Return sums by group; without a dimension, under the empty string.

    Args:
        rows: with `measure`, `detail`, `value` and the column of `by`.
        by: the dimension; None for one group of all.
        clock: the merchant's time zone.
    """
    found: dict[str, dict[tuple[str, str], int]] = {} if by else {"": {}}
    for row in rows:
        name = group_of(by, row[column_of(by)], clock) if by else ""
        sums = found.setdefault(name, {})
        key = row["measure"], row["detail"]
        sums[key] = sums.get(key, 0) + int(row["value"])
    return dict(sorted(found.items()))


def is_in_groups(cell: RollupKey, wanted: Mapping[Dimension, str], clock: ZoneInfo) -> bool:
    """Return whether a sum belongs to every requested group."""
    return all(group_of(by, getattr(cell, column_of(by)), clock) == value for by, value in wanted.items())
