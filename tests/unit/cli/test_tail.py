"""`followup tail` tells each thing once, in the order in which it happened."""

from typing import Any

from services.cli import tail


def row(number: int, at: str = "2026-12-01T12:00:00Z", **other: Any) -> dict[str, Any]:
    return {
        "event_id": f"{number:04}",
        "occurred_at": at,
        "recipient_id": "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f",
        "service": "sender",
        "flow": "win-back",
        "step": "offer",
        "summary": "It was delivered.",
        **other,
    }


def test_a_thing_is_told_once_and_late_news_in_its_place() -> None:
    followed = tail.Followed()
    assert followed.fresh([row(2)]) == [row(2)]
    late = row(1, "2026-12-01T11:59:00Z")
    assert followed.fresh([row(2), row(3), late]) == [late, row(3)]
    assert followed.fresh([row(2), row(3), late]) == []


def test_what_is_remembered_is_bounded() -> None:
    followed = tail.Followed()
    for first in range(0, 60_000, 500):
        followed.fresh(row(number) for number in range(first, first + 500))
    assert len(followed._seen) == 20_000


def test_a_line_says_when_to_whom_where_and_what() -> None:
    assert tail.line(row(1)).endswith("  3d4e5f  win-back › offer: It was delivered.")
    assert ": A purchase was made" in tail.line(row(1, flow=None, step=None, summary="A purchase was made"))
    assert "+1" not in tail.line(row(1))
