"""What `followup messages` and `followup cancel` print."""

from typing import Any

import pytest

from services.cli.messages import cancel_line, line, preview_lines

MESSAGE: dict[str, Any] = {
    "follow_up_id": "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f",
    "planned_at": None,
    "changed_at": "2026-12-01T12:00:00Z",
    "label": "blocked",
    "flow": "win-back",
    "step": "offer",
    "explanation": "It was not sent because this person has opted out.",
}


def test_a_text_stands_on_one_line_with_why() -> None:
    assert line(MESSAGE).startswith("2026-12-01T12:00:00Z  0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f  blocked ")
    assert line(MESSAGE).endswith("win-back/offer  It was not sent because this person has opted out.")
    assert "?/?" in line({**MESSAGE, "flow": None, "step": None})


@pytest.mark.parametrize(
    ("counts", "verb", "said"),
    [
        ((2, 0, 0, 0, False), "were", "2 planned texts were cancelled."),
        ((200, 0, 0, 0, True), "would be", "at least 200 planned texts would be cancelled."),
        (
            (1, 1, 1, 1, False),
            "were",
            (
                "1 planned texts were cancelled, and 1 that may be on their way all the same; 1 had ended before; "
                "1 are not known here."
            ),
        ),
    ],
)
def test_how_many_are_cancelled_is_said_in_a_sentence(
    counts: tuple[int, int, int, int, bool], verb: str, said: str
) -> None:
    names = ("cancelled", "under_way", "already_ended", "not_found", "left")
    assert cancel_line(dict(zip(names, counts, strict=True)), verb) == said


def test_a_preview_says_that_it_is_one_and_when_it_is_due() -> None:
    size = {"encoding": "GSM-7", "parts": 1, "units": 2}
    assert preview_lines({"text": "Hi", "parts": size, "due_local": "2026-12-01T10:00:00-06:00"}) == [
        "Hi",
        "(1 part, GSM-7)",
        "A preview as of now, not sent; due 2026-12-01T10:00:00-06:00.",
    ]
