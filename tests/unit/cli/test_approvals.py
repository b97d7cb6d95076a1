"""What `followup approvals` says of a question in one line."""

from typing import Any

import pytest

from services.cli.approvals import line

QUESTION: dict[str, Any] = {
    "subject": {"controls": [], "flow": "win-back", "step": None, "number": None, "provider": None},
    "state": "open",
    "texts": 800,
    "texts_now": 812,
    "asked_by": "user:anna",
    "asked_at": "A",
    "reason": "the \x1b[2Jcode works",
    "expires_at": "E",
    "answered_by": None,
    "answered_at": None,
}
START = "acme: let 812 texts go (flow win-back); asked A by user:anna (the  [2Jcode works)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, f"{START}; open until E"),
        (
            {"state": "yes", "texts_now": None, "answered_by": "user:ben", "answered_at": "B"},
            f"{START.replace('812', '800')}; user:ben said yes B",
        ),
        ({"state": "expired", "texts_now": None}, f"{START.replace('812', '800')}; expired"),
        (
            {"subject": dict.fromkeys(("flow", "step", "number", "provider"))},
            f"{START.replace('flow win-back', 'all')}; open until E",
        ),
    ],
)
def test_a_line_says_what_would_go_who_asked_why_and_where_it_stands(changes: dict[str, Any], said: str) -> None:
    assert line("acme", {**QUESTION, **changes}) == said
