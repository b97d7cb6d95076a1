"""Both sides of every edge of every row, computed from the file by plain arithmetic of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from shared.rule_files import time_zones
from shared.rule_files.loader import load_rules
from shared.rules.quiet_hours import SendingWindow
from shared.rules.table import RuleTable

# A week of June 2026 without any holiday of any calendar, so that only hours speak; 2026-06-21 is a Sunday.
SUNDAY = datetime(2026, 6, 21)  # noqa: DTZ001 - a wall clock, put into a zone below
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ZONES = {"US": "America/New_York", "CA": "America/Toronto", "ZZ": "Asia/Tokyo", "AU": "Australia/Adelaide"}
FILE: dict[str, Any] = yaml.safe_load(
    resources.files("shared.rule_files.data").joinpath("quiet-hours.yaml").read_text(encoding="utf-8")
)
TICK = timedelta(microseconds=1)


def zone_of(row: dict[str, Any]) -> str:
    if row["country"] in ZONES:
        return ZONES[row["country"]]
    return str(FILE["country_zones"][row["country"]]["all"][0])


def edges() -> Iterator[tuple[str, str, datetime, bool]]:
    """Yield (row, zone, instant, open) on and next to each edge, and the middle of each day that is closed."""
    for row in FILE["jurisdictions"]:
        hours = row["classes"]["marketing"]["hours"]
        for offset, day in enumerate(DAYS):
            spans = [] if hours == "blocked" else hours[day]
            midnight = SUNDAY + timedelta(days=offset)
            if not spans:
                yield row["id"], zone_of(row), local(midnight + timedelta(hours=13), row), False
            for start, end in spans:
                opening, closing = local(at(midnight, start), row), local(at(midnight, end), row)
                yield row["id"], zone_of(row), opening - TICK, False
                yield row["id"], zone_of(row), opening, True
                yield row["id"], zone_of(row), closing - TICK, True
                yield row["id"], zone_of(row), closing, False


def at(midnight: datetime, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return midnight + timedelta(hours=int(hours), minutes=int(minutes))


def local(wall: datetime, row: dict[str, Any]) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone_of(row))).astimezone(UTC)


@pytest.mark.parametrize("row", [row["id"] for row in FILE["jurisdictions"]])
def test_a_row_is_open_from_its_first_microsecond_to_its_last(row: str) -> None:
    table = load_rules()
    assert isinstance(table, RuleTable)
    vectors = [(zone, instant, expected) for name, zone, instant, expected in edges() if name == row]
    assert len(vectors) >= 7
    for zone, instant, expected in vectors:
        window = SendingWindow((table.jurisdictions[row],), (time_zones.zone(zone),))
        assert window.is_open(instant) is expected, f"{row} in {zone} at {instant}"


def test_the_vectors_cover_every_row_of_the_file() -> None:
    assert {name for name, *_ in edges()} == {row["id"] for row in FILE["jurisdictions"]}
