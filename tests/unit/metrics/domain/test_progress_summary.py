"""The current state of a follow-up in one correct sentence."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from services.metrics.domain.progress_summary import label, progress_at, summarize
from services.metrics.domain.projection import project
from services.metrics.domain.reasons import is_known
from shared.events.envelope import Event
from shared.progress import WaitsFor
from shared.testing.clock import START
from shared.testing.make_metrics import TextFacts

NEW_YORK = ZoneInfo("America/New_York")
TEXT = TextFacts()
LATER = START + timedelta(hours=9)
HOUR = TEXT.at + timedelta(hours=1)
TABLE: list[tuple[str, Sequence[Event], timedelta, str, str]] = [
    ("planned", [TEXT.planned()], timedelta(), "pending", "It is planned for "),
    ("due", [TEXT.planned()], timedelta(hours=2), "waiting", "It is due and queued: "),
    ("at the gate", [TEXT.planned(), TEXT.due()], timedelta(hours=1), "at the gate", "The gate has not answered yet."),
    ("put off", [TEXT.due(), TEXT.deferred(LATER)], timedelta(hours=1), "waiting", "It waits until "),
    ("cleared", [TEXT.due(), TEXT.cleared()], timedelta(hours=1), "sending", "It was cleared and is being sent"),
    ("held", [TEXT.due(), TEXT.cleared()], timedelta(hours=3), "sending", "It was cleared at "),
    (
        "unanswered",
        [TEXT.cleared(), TEXT.waiting()],
        timedelta(hours=1),
        "unanswered",
        "The provider did not confirm",
    ),
    (
        "made again",
        [TEXT.cleared(), TEXT.waiting(reason="throttled", detail="20429")],
        timedelta(hours=1),
        "waiting",
        "It waits until ",
    ),
    (
        "refused by us",
        [TEXT.cleared(), TEXT.refused_here()],
        timedelta(hours=1),
        "failed",
        "It was not sent because this person",
    ),
    (
        "blocked",
        [TEXT.due(), TEXT.blocked()],
        timedelta(hours=1),
        "blocked",
        "It was not sent because there is no record",
    ),
    ("sent", [TEXT.cleared(), TEXT.accepted()], timedelta(hours=1), "dispatched", "The provider accepted it, and the"),
    ("delivered", [TEXT.accepted(), TEXT.delivered()], timedelta(hours=2), "delivered", "It was delivered."),
    ("unknown", [TEXT.cleared(), TEXT.unknown()], timedelta(hours=3), "unknown", "The provider did not confirm"),
]


@pytest.mark.parametrize(("facts", "after", "word", "start"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_state_and_cause_has_its_sentence(
    facts: Sequence[Event], after: timedelta, word: str, start: str
) -> None:
    standing = project(facts)
    assert standing is not None
    now = TEXT.at + after
    progress = progress_at(standing, standing.state, now)
    assert label(standing.state, progress) == word
    said = summarize(standing, standing.state, progress, NEW_YORK)
    assert said.startswith(start)
    assert said.endswith(".")
    assert ".." not in said


@pytest.mark.parametrize("word", WaitsFor)
def test_every_word_for_what_is_waited_for_has_a_meaning(word: WaitsFor) -> None:
    assert is_known(word)
