"""What `followup controls` says of a control in one line."""

from typing import Any

import pytest

from services.cli.controls import line

CONTROL: dict[str, Any] = {
    "action": "pause",
    "scope": {"everything": False, "merchant": "acme", "flow": "win-back", "step": None},
    "reason": "wrong code",
    "made_at": "2026-12-01T17:00:00Z",
    "made_by": "operator",
    "until": None,
    "in_force_at": "2026-12-01T17:00:01Z",
    "lifted_at": None,
    "lifted_by": None,
    "waiting": 0,
    "cancelled": 0,
    "in_progress": False,
}
START = "paused: merchant acme, flow win-back, since 2026-12-01T17:00:00Z by operator (wrong code)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, START),
        ({"waiting": 12}, f"{START}; 12 waiting"),
        ({"in_force_at": None}, f"{START}; NOT YET obeyed by the sender"),
        ({"until": "2026-12-26T08:00:00Z"}, f"{START}; until 2026-12-26T08:00:00Z"),
        ({"lifted_at": "L", "lifted_by": "until", "until": "L"}, f"{START}; lifted L by until"),
        (
            {"action": "stop", "cancelled": 7, "in_progress": True},
            f"{START.replace('paused', 'stopped')}; 7 cancelled (in progress)",
        ),
        (
            {"scope": {"everything": True, "merchant": None}, "reason": None},
            "paused: everything, since 2026-12-01T17:00:00Z by operator",
        ),
    ],
)
def test_a_line_says_what_is_paused_since_when_by_whom_and_why(changes: dict[str, Any], said: str) -> None:
    assert line({**CONTROL, **changes}) == said
