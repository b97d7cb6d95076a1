"""What a form names, and how lists of parked events become one."""

from typing import Any

from services.console.parked import chosen_ids, rows_of


def event(number: int, second: int, *, is_behind: bool = False) -> dict[str, Any]:
    return {
        "id": number,
        "type": "trigger.received",
        "recipient_id": "7b0d3c1e-5f2a-8c4d-9e6f-0a1b2c3d4e5f",
        "reason": "planted",
        "is_behind": is_behind,
        "parked_at": f"2026-11-30T19:13:{second:02}Z",
        "attempts": 0,
    }


def test_what_names_no_event_is_left_out() -> None:
    names = [
        "sender:7",
        "sender:7",
        "sender:3",
        "metrics:1",
        "console:1",
        "sender:-1",
        "sender:0",
        "sender:x",
        "sender",
    ]
    assert chosen_ids([*names, "sender:²", "sender:" + "9" * 19]) == {"sender": [3, 7], "metrics": [1]}


def test_lists_become_one_by_time_and_those_behind_are_counted_at_their_own_service() -> None:
    rows = rows_of(
        {
            "scheduler": {"parked": [event(1, 5), event(2, 9, is_behind=True)], "next_cursor": 2},
            "sender": {"parked": [event(1, 3)], "next_cursor": None},
        }
    )
    assert [(row.name, row.behind) for row in rows] == [("sender:1", ""), ("scheduler:1", "1+"), ("scheduler:2", "")]
