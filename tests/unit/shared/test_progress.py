"""What a follow-up is doing and waits for, by every state and every cause."""

from datetime import timedelta
from itertools import product

import pytest

from shared.progress import BLACKOUT, EARLIER_TEXT, UNANSWERED, Doing, Progress, ProgressFacts, WaitsFor, progress_of
from shared.testing.clock import START
from shared.vocabulary.follow_up_states import FollowUpState

NOW = START
AHEAD, BEHIND = NOW + timedelta(hours=9), NOW - timedelta(seconds=5)
SOON = NOW + timedelta(seconds=5)
TABLE: list[tuple[str, ProgressFacts, Progress]] = [
    ("planned", ProgressFacts("pending", due_at=AHEAD), Progress(Doing.PLANNED, "hour", AHEAD)),
    ("put off", ProgressFacts("pending", "quiet_hours", AHEAD), Progress(Doing.WAITING, "quiet_hours", AHEAD)),
    ("tried again", ProgressFacts("pending", "throttled", AHEAD), Progress(Doing.WAITING, "throttled", AHEAD)),
    ("due", ProgressFacts("pending", due_at=BEHIND), Progress(Doing.WAITING, "turn")),
    ("due after it was put off", ProgressFacts("pending", "quiet_hours", BEHIND), Progress(Doing.WAITING, "turn")),
    ("in line", ProgressFacts("pending", due_at=BEHIND, in_line=True), Progress(Doing.WAITING, "number_busy")),
    (
        "in line after news",
        ProgressFacts("pending", "unread_news", BEHIND, in_line=True),
        Progress(Doing.WAITING, "number_busy"),
    ),
    *(
        (why, ProgressFacts("pending", why, BEHIND, until=SOON), Progress(Doing.WAITING, why, SOON))
        for why in ("unread_news", "source_lag", EARLIER_TEXT)
    ),
    (
        "in a blackout",
        ProgressFacts("pending", BLACKOUT, BEHIND, until=AHEAD, detail="holidays"),
        Progress(Doing.WAITING, BLACKOUT, AHEAD, "holidays"),
    ),
    ("held by the gate", ProgressFacts("pending", "source_lag", AHEAD), Progress(Doing.WAITING, "source_lag", AHEAD)),
    ("released, and no more is known", ProgressFacts("released"), Progress(Doing.UNDER_WAY, "gate_or_sender")),
    ("at the gate", ProgressFacts("released", is_cleared=False), Progress(Doing.AT_THE_GATE, "gate")),
    ("sending", ProgressFacts("released", is_cleared=True, since=NOW), Progress(Doing.SENDING)),
    (
        "cleared long ago",
        ProgressFacts("released", is_cleared=True, since=NOW - timedelta(minutes=2)),
        Progress(Doing.SENDING, "sender"),
    ),
    (
        "unanswered",
        ProgressFacts("released", UNANSWERED, until=SOON, detail="http_503", is_cleared=True),
        Progress(Doing.UNANSWERED, "answer", SOON, "http_503"),
    ),
    (
        "refused for the number's sake",
        ProgressFacts("released", "sender_unregistered", until=SOON, detail="30034"),
        Progress(Doing.WAITING, "sender_unregistered", SOON, "30034"),
    ),
    (
        "its number halted",
        ProgressFacts("released", "sender_halted", until=SOON),
        Progress(Doing.WAITING, "sender_halted", SOON),
    ),
    ("with the provider", ProgressFacts("dispatched"), Progress(Doing.SENT, "receipt")),
    *(
        (state, ProgressFacts(state, "some_reason"), Progress(Doing.ENDED))
        for state in FollowUpState
        if state not in ("pending", "released", "dispatched")
    ),
]


@pytest.mark.parametrize(("known", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_state_and_cause_has_its_word(known: ProgressFacts, expected: Progress) -> None:
    assert progress_of(known, NOW) == expected


def test_whatever_is_known_something_that_has_not_ended_says_what_it_waits_for_or_does() -> None:
    for state, reason, due_at, is_cleared, in_line in product(
        FollowUpState,
        (None, "quiet_hours", UNANSWERED, EARLIER_TEXT),
        (None, AHEAD, BEHIND),
        (None, True, False),
        (True, False),
    ):
        known = ProgressFacts(state, reason, due_at, NOW, SOON, "http_503", is_cleared, in_line)
        progress = progress_of(known, NOW)
        has_ended = state not in {FollowUpState.PENDING, FollowUpState.RELEASED, FollowUpState.DISPATCHED}
        assert (progress.doing is Doing.ENDED) is has_ended
        assert has_ended or progress.waits_for or progress.doing is Doing.SENDING
        assert progress.doing is not Doing.UNANSWERED or progress.waits_for == WaitsFor.ANSWER
