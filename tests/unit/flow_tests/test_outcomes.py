"""A case says what is other than expected, and nothing else."""

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.flow_tests.outcomes import CaseResult, TextOutcome, differences
from services.flow_tests.reports import FileResult, junit, lines, summary
from shared.config.flow_cases import ExpectedText, FlowCase

ZONE = ZoneInfo("America/New_York")
NOON = datetime(2026, 12, 1, 12, tzinfo=ZONE)
THANKED = TextOutcome("thanks", "delivered", None, NOON, NOON + timedelta(seconds=3), "Acme: Thanks Ana!")
REFUSED = TextOutcome("review", "blocked", "opted_out", NOON + timedelta(days=3), None, None)


def case(*expected: dict[str, Any]) -> FlowCase:
    return FlowCase.model_validate(
        {
            "case": "one",
            "starts": "2026-12-01 11:00",
            "happens": ({"event": {"kind": "purchase"}},),
            "expect": tuple(ExpectedText.model_validate(each) for each in expected),
        }
    )


@pytest.mark.parametrize(
    "expected",
    [
        {"text": "thanks"},
        {"text": "thanks", "at": "1h", "says": ("Ana", "Acme")},
        {"text": "thanks", "at": "2026-12-01 12:00"},
    ],
)
def test_what_is_as_expected_is_no_difference(expected: dict[str, Any]) -> None:
    assert differences(case(expected), [THANKED], ZONE) == []


def test_what_a_case_does_not_give_is_not_compared() -> None:
    assert differences(case({"text": "thanks"}, {"text": "review", "state": "blocked"}), [REFUSED, THANKED], ZONE) == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"text": "thanks", "state": "blocked"}, "thanks was expected to be blocked, and was delivered"),
        ({"text": "thanks", "at": "2h"}, "thanks was expected at 2026-12-01 13:00, and went at 2026-12-01 12:00"),
        ({"text": "thanks", "says": "Bob"}, "thanks does not say “Bob”: it reads “Acme: Thanks Ana!”"),
    ],
)
def test_what_is_other_than_expected_is_said(expected: dict[str, Any], said: str) -> None:
    assert differences(case(expected), [THANKED], ZONE) == [said]


def test_another_reason_is_a_difference() -> None:
    expected = {"text": "review", "state": "blocked", "reason": "no_consent"}
    assert differences(case(expected), [REFUSED], ZONE) == [
        "review was expected to be blocked (no_consent), and was blocked (opted_out)"
    ]


def test_a_text_too_many_and_one_too_few_are_differences() -> None:
    assert differences(case({"text": "review", "state": "blocked"}), [THANKED, REFUSED], ZONE) == [
        "thanks delivered, at 2026-12-01 12:00: the case does not expect it"
    ]
    assert differences(case({"text": "thanks"}, {"text": "thanks"}), [THANKED], ZONE) == [
        "thanks was expected to be delivered, and was never planned"
    ]


def test_texts_of_one_name_are_compared_in_the_order_in_which_they_were_due() -> None:
    later = TextOutcome("thanks", "expired", "past_due", NOON + timedelta(days=1), None, None)
    assert differences(case({"text": "thanks"}, {"text": "thanks", "state": "expired"}), [later, THANKED], ZONE) == []


def test_results_are_told_to_people_and_to_ci() -> None:
    passed = CaseResult("one", (), ("thanks delivered",), 0.5)
    failed = CaseResult("two <&>", ("thanks was never planned",), (), 0.5)
    results = [FileResult("tests/x.yaml", "x", (passed, failed))]
    assert summary(results) == "1 passed, 1 failed"
    assert "What happened:" not in "\n".join(lines(passed))
    assert "nothing was planned" in "\n".join(lines(failed))
    suite = ET.fromstring(junit(results)).find("testsuite")  # noqa: S314 - our own words
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [each.get("name") for each in suite.findall("testcase")] == ["one", "two <&>"]
