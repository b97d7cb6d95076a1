"""What `followup notifications` prints: a line for each notification and endpoint, with what is wrong."""

from typing import Any, Final

from services.cli.notifications import delivery_line, endpoint_line

DELIVERY: Final[dict[str, Any]] = {
    "id": "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f",
    "endpoint": "helpdesk",
    "type": "reply.received",
    "recipient_id": None,
    "state": "delivered",
    "attempts": 1,
    "created_at": "2026-11-30T21:30:00Z",
    "next_at": None,
    "ended_at": "2026-11-30T21:30:01Z",
    "problem": None,
    "detail": None,
}
ENDPOINT: Final[dict[str, Any]] = {
    "name": "helpdesk",
    "channel": "webhook",
    "events": ["reply.received", "text.unknown"],
    "waiting": 0,
    "failures": 0,
    "failing_since": None,
    "not_before": None,
    "last_delivered_at": "2026-11-30T21:30:01Z",
}


def test_a_notification_that_arrived_is_one_short_line() -> None:
    head = "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f  2026-11-30T21:30:00Z  reply.received to helpdesk"
    assert delivery_line(DELIVERY) == f"{head}  delivered"


def test_one_that_is_tried_again_says_when_and_what_was_wrong() -> None:
    wrong = {"problem": "http_503", "detail": "it did not take the webhook (503)", "ended_at": None}
    line = delivery_line({**DELIVERY, **wrong, "state": "pending", "attempts": 3, "next_at": "2026-11-30T22:00:00Z"})
    assert line.endswith("pending, 3 attempts, next 2026-11-30T22:00:00Z: it did not take the webhook (503) (http_503)")


def test_an_endpoint_says_whether_it_works_and_what_it_hears_of() -> None:
    assert endpoint_line(ENDPOINT) == (
        "helpdesk  webhook  works, last 2026-11-30T21:30:01Z; 0 waiting; told of reply.received, text.unknown"
    )
    failing = {**ENDPOINT, "failures": 7, "failing_since": "2026-11-30T21:00:00Z", "waiting": 12}
    line = endpoint_line({**failing, "last_delivered_at": None})
    assert "FAILING since 2026-11-30T21:00:00Z, 7 times in a row, nothing delivered yet; 12 waiting" in line
