"""The vectors that lie next to the rules, put to the function behind `followup gate`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest
import yaml

from services.compliance.gate.advice import advise
from tests.oracle.gate_oracle import instant
from tests.oracle.wall_clock import CALENDARS, DAYS, HOURS, ROWS, clock

FILE: dict[str, Any] = yaml.safe_load(
    resources.files("shared.rule_files.data").joinpath("vectors.yaml").read_text(encoding="utf-8")
)
VECTORS: dict[str, dict[str, Any]] = FILE["rows"]
MOMENTS: dict[str, list[dict[str, Any]]] = FILE["moments"]
TICK = timedelta(microseconds=1)
DAY = timedelta(hours=24)
SUNDAY = "2026-06-21"
"""The first day of the week of the vectors."""
Vector = tuple[datetime, str, str, datetime | None]
"""When it is asked, the decision, its reason, and the instant it names: `until` or the end of the window."""


def edges(row: dict[str, Any]) -> Iterator[Vector]:
    opens, closes = [instant(at) for at in row["opens"]], [instant(at) for at in row["closes"]]
    for at in opens:
        yield at - TICK, "defer", "quiet_hours", at
        yield at, "send", "ok", None
    for at, following in zip(closes, opens[1:], strict=True):
        yield at - TICK, "send", "ok", at
        yield at, "defer", "quiet_hours", following


def ask(to: str, known: dict[str, str], at: datetime, history: tuple[datetime, ...] = ()) -> dict[str, Any]:
    return advise(
        {
            "to": to,
            "class": "marketing",
            "now": at.isoformat(),
            "known": known,
            "consent": {"status": "pewc"},
            "history": [{"at": each.isoformat(), "class": "marketing"} for each in history],
        }
    )


def reported(answer: dict[str, Any]) -> tuple[str, str, datetime | None]:
    return answer["decision"], answer["reason"], instant(answer["until"] or answer["valid_until"])


def gate(row: dict[str, Any], at: datetime, history: tuple[datetime, ...] = ()) -> tuple[str, str, datetime | None]:
    answer = ask(row["to"], {"timezone": row["zone"]}, at, history)
    if "rows" in row:
        assert [rule["id"] for rule in answer["rules"]] == row["rows"]
    return reported(answer)


@pytest.mark.parametrize("name", [name for name, row in VECTORS.items() if "opens" in row])
def test_each_side_of_each_boundary_of_a_week(name: str) -> None:
    vectors = list(edges(VECTORS[name]))
    for at, decision, reason, names in vectors:
        found = gate(VECTORS[name], at)
        assert found[:2] == (decision, reason), f"{name} at {at}"
        assert names is None or found[2] == names, f"{name} at {at}"
    assert len(vectors) >= 20


@pytest.mark.parametrize("name", [name for name, row in VECTORS.items() if "holidays" in row])
def test_a_holiday_waits_for_the_next_day_that_is_open(name: str) -> None:
    for noon, (reason, until) in VECTORS[name]["holidays"].items():
        assert gate(VECTORS[name], instant(noon)) == ("defer", reason, instant(until)), f"{name} on {noon}"


@pytest.mark.parametrize("name", [name for name, row in VECTORS.items() if "opens" in row])
def test_a_text_counts_towards_the_cap_for_exactly_a_day(name: str) -> None:
    row = VECTORS[name]
    most = row.get("most_in_24_hours", FILE["most_in_24_hours"])
    noon = instant(row["opens"][2]) + timedelta(hours=1)
    # All of them within the same hour a day before: full until the oldest of the newest `most` has its day behind it.
    full = tuple(noon - DAY + TICK * number for number in range(1, most + 1))
    assert gate(row, noon, full) == ("defer", "frequency_cap", noon + TICK)
    assert gate(row, noon + TICK, full)[0] == "send"
    assert gate(row, noon, full[1:])[0] == "send"


@pytest.mark.parametrize("name", [name for name, row in VECTORS.items() if row.get("prohibited")])
def test_a_prohibited_destination_is_blocked_at_every_hour(name: str) -> None:
    for hour in range(24):
        at = datetime(2026, 6, 24, hour, tzinfo=UTC)
        assert gate(VECTORS[name], at) == ("block", "destination_prohibited", None)


def test_no_row_and_no_calendar_is_without_vectors() -> None:
    marketing = {name: row["classes"]["marketing"] for name, row in ROWS.items()}
    assert VECTORS.keys() == ROWS.keys()
    with_holidays = {name: row for name, row in marketing.items() if row["holidays"] != "none"}
    assert {name for name, row in VECTORS.items() if "holidays" in row} == with_holidays.keys()
    assert {row["holidays"] for row in with_holidays.values()} == CALENDARS.keys()
    assert {name for name, row in VECTORS.items() if row.get("prohibited")} == {
        name for name, row in marketing.items() if row["hours"] == "blocked"
    }
    assert FILE["as_of"] == "2026-11-21"


def binding_minutes(row: dict[str, Any], day: str) -> set[int]:
    """Return the minutes of a weekday at which every row that binds is open, straight from the table."""
    spans = [ROWS[name]["classes"]["marketing"]["hours"][day] for name in row["rows"]]
    return set.intersection(*({at for a, b in each for at in range(minute(a), minute(b))} for each in spans))


def minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


@pytest.mark.parametrize("name", [name for name, row in VECTORS.items() if "opens" in row])
def test_no_edge_of_a_row_is_without_a_vector_on_both_its_sides(name: str) -> None:
    row, zone = VECTORS[name], clock(VECTORS[name]["zone"])
    wanted: dict[str, set[tuple[int, int]]] = {"opens": set(), "closes": set()}
    for number, day in enumerate(("sun", *DAYS[:6])):
        minutes = binding_minutes(row, day)
        wanted["opens"] |= {(number, at) for at in minutes if at - 1 not in minutes}
        wanted["closes"] |= {(number, at + 1) for at in minutes if at + 1 not in minutes}
    first = datetime.fromisoformat(SUNDAY).date()
    for kind, edges_ in wanted.items():
        walls = [instant(at).astimezone(zone) for at in row[kind]]
        found = {((wall.date() - first).days, wall.hour * 60 + wall.minute) for wall in walls}
        assert edges_ - found == set(), f"{name} {kind}"
        assert all(day >= len(DAYS) for day, _at in found - edges_), f"{name} {kind}"


@pytest.mark.parametrize("theme", MOMENTS)
def test_each_side_of_each_boundary_of_the_moments_that_are_hard(theme: str) -> None:
    for moment in MOMENTS[theme]:
        closes, opens = instant(moment["closes"]), instant(moment["opens"])

        def at(when: datetime, moment: dict[str, Any] = moment) -> tuple[str, str, datetime | None]:
            return reported(ask(moment["to"], moment["known"], when))

        assert at(closes - TICK) == ("send", "ok", closes), moment["about"]
        assert at(closes) == ("defer", moment["reason"], opens), moment["about"]
        assert (at(opens - TICK)[0], at(opens - TICK)[2]) == ("defer", opens), moment["about"]
        assert at(opens)[0] == "send", moment["about"]


def test_the_moments_that_are_hard_are_all_there() -> None:
    assert MOMENTS.keys() == {
        "dst", "arizona", "split_states", "leap_day", "new_year", "saturday_to_monday", "holiday_beside_sunday",
    }  # fmt: skip
    states = {f"US-{moment['known']['state']}" for moment in MOMENTS["split_states"] if moment["known"]}
    assert states | {"US-AZ"} == HOURS["subdivision_zones"].keys()
    codes = {moment["to"][2:5] for moment in (*MOMENTS["split_states"], *MOMENTS["arizona"])}
    assert {HOURS["npa_zones"][code]["region"] for code in codes & HOURS["npa_zones"].keys()} == states - {
        "US-TX"  # no area code of Texas lies in both its zones
    } | {"US-AZ"}
    closing = {theme: {(instant(m["closes"]), instant(m["opens"])) for m in MOMENTS[theme]} for theme in MOMENTS}
    changes = ("2027-03-14", "2027-11-07", "2027-03-28", "2027-10-31", "2027-04-04", "2027-10-03")
    for day in changes:
        noon = datetime.fromisoformat(day).replace(hour=3, tzinfo=UTC)
        assert any(closed < noon + DAY and opened > noon - DAY for closed, opened in closing["dst"]), day
    closed_sundays = {name for name, row in ROWS.items() if row["enforce"] and is_closed_on_sunday(row)}
    rows = {rule["id"] for m in MOMENTS["saturday_to_monday"] for rule in answer_to(m)["rules"]}
    assert closed_sundays <= rows
    with_both = {name for name in closed_sundays if ROWS[name]["classes"]["marketing"]["holidays"] != "none"}
    assert with_both <= {rule["id"] for m in MOMENTS["holiday_beside_sunday"] for rule in answer_to(m)["rules"]}


def is_closed_on_sunday(row: dict[str, Any]) -> bool:
    hours = row["classes"]["marketing"]["hours"]
    return bool(hours != "blocked" and hours["sun"] == [])


def answer_to(moment: dict[str, Any]) -> dict[str, Any]:
    return ask(moment["to"], moment["known"], instant(moment["closes"]))
