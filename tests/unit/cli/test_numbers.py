"""What `followup numbers` prints of a number."""

from typing import Any

import pytest

from services.cli.numbers import line

NUMBER: dict[str, Any] = {
    "number": "+12025550100",
    "provider": "main",
    "state": "closed",
    "reason": None,
    "tries_again_at": None,
    "queued": 3,
    "parts_per_second": 1.0,
    "registration": "registered",
    "errors_24h": {},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "sends, 3 waiting\n  1 parts a second, registered; errors of 24 h: none"),
        ({"errors_24h": {"filtered": 2, "unanswered": 1}}, "errors of 24 h: 2 filtered, 1 unanswered"),
        ({"state": "halted", "reason": "30034", "tries_again_at": "T"}, "halted (30034, tries again at T), 3 waiting"),
        ({"state": "open"}, "open (no reason is kept), 3 waiting"),
    ],
)
def test_a_number_is_how_it_is_and_what_goes_wrong(changes: dict[str, Any], said: str) -> None:
    shown = line("acme", {**NUMBER, **changes})
    assert shown.startswith("acme  +12025550100  main  ")
    assert said in shown
