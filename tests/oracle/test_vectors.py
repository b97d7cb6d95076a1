"""The vectors that lie next to the rules, put to the function behind `followup gate`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest
import yaml

from services.compliance.advice import advise
from tests.oracle.gate_oracle import instant
from tests.oracle.wall_clock import CALENDARS, ROWS

FILE: dict[str, Any] = yaml.safe_load(
    resources.files("services.compliance.data").joinpath("vectors.yaml").read_text(encoding="utf-8")
)
VECTORS: dict[str, dict[str, Any]] = FILE["rows"]
TICK = timedelta(microseconds=1)
DAY = timedelta(hours=24)
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


def gate(row: dict[str, Any], at: datetime, history: tuple[datetime, ...] = ()) -> tuple[str, str, datetime | None]:
    answer = advise(
        {
            "to": row["to"],
            "class": "marketing",
            "now": at.isoformat(),
            "known": {"timezone": row["zone"]},
            "consent": {"status": "pewc"},
            "history": [{"at": each.isoformat(), "class": "marketing"} for each in history],
        }
    )
    if "rows" in row:
        assert [rule["id"] for rule in answer["rules"]] == row["rows"]
    return answer["decision"], answer["reason"], instant(answer["until"] or answer["valid_until"])


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
