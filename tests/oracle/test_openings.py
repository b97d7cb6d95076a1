"""Every row, zone set and purpose: the engine's openings are the instants the oracle reads off the clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest

from shared.events.follow_up import Purpose
from shared.rule_files.loader import load_rules
from shared.rule_files.time_zones import zone
from shared.rules import holiday_calendars
from shared.rules.quiet_hours import SendingWindow
from shared.rules.table import Rule, RuleTable
from tests.oracle import gate_oracle, wall_clock
from tests.oracle.gate_oracle import AREA_CODES
from tests.oracle.wall_clock import HOURS, PLACES, QUARTER, ROWS, Window

WEEK = timedelta(days=7)
# Sunday to Sunday, with a day's margin for the clocks ahead of UTC: changes of the clocks in both hemispheres, the
# days around New Year with its observed days, Easter, and weeks with national holidays.
WEEKS = ("2026-12-23", "2026-12-30", "2027-03-11", "2027-03-25", "2027-07-01", "2027-10-30", "2027-11-04")
YEAR = datetime(2026, 12, 1, tzinfo=UTC)
Interval = tuple[datetime, datetime]


def zone_sets(country: str) -> list[tuple[str, ...]]:
    """Return every set of zones that a number or an address of a country can lead to."""
    regions = (country, *PLACES["states"])
    of_codes = [zones for region, zones in AREA_CODES.values() if region[:2] == country]
    of_states = [gate_oracle.state_zones(region) for region in regions if region.startswith(f"{country}-")]
    of_post = [tuple(zones) for zones in PLACES["postal_zones"].values()] if country == "US" else []
    listed = [tuple(zones) for zones in HOURS["country_zones"].get(country, {}).values()]
    return list(dict.fromkeys((*of_codes, *of_states, *of_post, *listed)))


EVERY_SET = tuple(
    dict.fromkeys(
        (
            *(zones for country in HOURS["country_zones"] for zones in zone_sets(country)),
            *(zones for _region, zones in AREA_CODES.values()),
        )
    )
)
COURTESY = "courtesy"
SUBJECTS = (*ROWS, COURTESY)


def sets_for(subject: str) -> list[tuple[str, ...]]:
    return list(EVERY_SET) if subject in {"ZZ", COURTESY} else zone_sets(str(ROWS[subject]["country"]))


def rule_of(subject: str) -> Rule:
    table = load_rules()
    assert isinstance(table, RuleTable)
    window = table.purposes[Purpose.INFORMATIONAL].window
    assert window is not None
    return window if subject == COURTESY else table.jurisdictions[subject]


def by_engine(window: SendingWindow, start: datetime, end: datetime) -> Iterator[Interval]:
    at: datetime | None = window.next_opening(start, end)
    while at is not None and at < end:
        closing = window.closing(at)
        assert closing is not None
        yield at, min(closing, end)
        at = window.next_opening(closing, end)


def by_oracle(window: Window, start: datetime, end: datetime) -> Iterator[Interval]:
    moments = [start + number * QUARTER for number in range((end - start) // QUARTER)]
    for is_open, group in groupby(moments, window.is_open):
        if is_open:
            run = list(group)
            yield run[0], run[-1] + QUARTER


def parted(subject: str, start: datetime, end: datetime) -> list[str]:
    return [
        f"{subject} in {zones} from {start}"
        for zones in sets_for(subject)
        if list(by_engine(SendingWindow((rule_of(subject),), tuple(map(zone, zones))), start, end))
        != list(by_oracle(Window((subject,), zones), start, end))
    ]


@pytest.mark.parametrize("week", WEEKS)
def test_openings_agree_for_every_row_and_zone_set_in_the_weeks_that_are_hard(week: str) -> None:
    start = datetime.fromisoformat(week).replace(tzinfo=UTC)
    assert [where for subject in SUBJECTS for where in parted(subject, start, start + WEEK)] == []


@pytest.mark.torture
@pytest.mark.parametrize("subject", SUBJECTS)
def test_openings_agree_for_a_whole_year(subject: str) -> None:
    weeks = (YEAR + number * WEEK for number in range(53))
    assert [where for start in weeks for where in parted(subject, start, start + WEEK)] == []


def test_every_row_has_a_zone_set_to_be_compared_in() -> None:
    assert all(sets_for(subject) for subject in SUBJECTS)
    assert len(EVERY_SET) > 80


@pytest.mark.parametrize("purpose", [Purpose.TRANSACTIONAL, Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION])
def test_purposes_without_hours_are_open_at_any_hour(purpose: Purpose) -> None:
    table = load_rules()
    assert isinstance(table, RuleTable)
    defaults = table.purposes[purpose]
    assert defaults.window is None
    assert not defaults.by_jurisdiction
    assert HOURS["class_defaults"][purpose.value]["quiet_hours"] == "none"
    assert Window((), ()).is_open(YEAR)
    assert SendingWindow((), ()).is_open(YEAR)


def test_easter_agrees_from_the_reform_of_the_calendar_on() -> None:
    years = range(1583, 4100)
    assert [year for year in years if holiday_calendars.easter(year) != wall_clock.easter(year)] == []
