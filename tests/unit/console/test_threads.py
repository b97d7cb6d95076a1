"""A thread looks again by itself for half a minute: each look at somebody's texts is on record."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.console.inbox.threads import AskedAnswer

DUE = datetime(2026, 11, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "seconds", "is_followed"),
    [("pending", 0, True), ("released", 30, True), ("released", 31, False), ("pending", -3600, False)],
)
def test_a_page_follows_an_answer_only_about_when_it_is_due(state: str, seconds: int, is_followed: bool) -> None:  # noqa: FBT001 - a case
    asked = AskedAnswer(follow_up_id=UUID(int=1), state=state, reason=None, purpose="conversation", due_at=DUE)
    assert asked.is_followed(DUE + timedelta(seconds=seconds)) is is_followed


def test_an_answer_that_has_ended_is_not_followed() -> None:
    asked = AskedAnswer(
        follow_up_id=UUID(int=1), state="blocked", reason="opted_out", purpose="conversation", due_at=DUE
    )
    assert not asked.is_followed(DUE)
