"""What a follow-up is doing now, and what it waits for: one decision, for every page, answer and command that shows it.

The asking service need not know everything: the scheduler knows no clearances, and the console no queues and turns.
What is unknown is left out of the answer, and never guessed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

UNANSWERED: Final = "unanswered"
"""The reason of a released text whose call got no answer that shows whether it went."""
EARLIER_TEXT: Final = "earlier_text"
"""The reason of a due text that lets an earlier one of its run go first."""
TEXTS_PAUSED: Final = "texts_paused"
"""The reason of a due text that a control keeps, and of a clearance that lapsed for one."""
BLACKOUT: Final = "blackout"
"""The reason of a due text on a day on which its shop sends none of its purpose, and of a clearance that lapsed so."""
_KEPT_THOUGH_DUE: Final = frozenset({EARLIER_TEXT, BLACKOUT, "unread_news", "source_lag"})
"""Reasons that hold a text although it is due; every other reason of a pending text ends with its due time."""
_PROMPT: Final = timedelta(seconds=60)
"""A cleared text is sent within seconds; after this long something delays it, which is shown."""


class Doing(StrEnum):
    """What happens with it."""

    PLANNED = "planned"
    """It is not due yet."""
    WAITING = "waiting"
    """It is due; `waits_for` says what it waits for."""
    UNDER_WAY = "under_way"
    """Released: with the gate or the sender, which of them is not known here."""
    AT_THE_GATE = "at_the_gate"
    SENDING = "sending"
    """Cleared, and on its way to the provider."""
    UNANSWERED = "unanswered"
    """The provider was called and did not answer whether it has the text: it is asked, and nothing is sent again."""
    SENT = "sent"
    """The provider has it; a receipt is awaited."""
    ENDED = "ended"


class WaitsFor(StrEnum):
    """What it waits for, if there is no reason code."""

    HOUR = "hour"
    TURN = "turn"
    """It is due: its number's pace, an earlier text of its run, or unread events about the person come first."""
    NUMBER_BUSY = "number_busy"
    """It waits in its sender number's queue."""
    GATE = "gate"
    GATE_OR_SENDER = "gate_or_sender"
    SENDER = "sender"
    """Cleared more than a minute ago and not called for: its number is held or slow, or the sender does not run."""
    ANSWER = "answer"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class ProgressFacts:
    """What the asking service knows of a follow-up."""

    state: str
    reason: str | None = None
    due_at: datetime | None = None
    since: datetime | None = None
    """Since when it has been as it is."""
    until: datetime | None = None
    """When it is looked at again, or the provider is asked."""
    detail: str | None = None
    """The answer of the provider or the network, as a constant word: http_503."""
    is_cleared: bool | None = None
    """Whether the gate has cleared this release; None: not known here."""
    in_line: bool = False
    """It waits in its sender number's queue."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What it is doing, and what it waits for."""

    doing: Doing
    waits_for: str | None = None
    """One of `WaitsFor`, or a reason code."""
    until: datetime | None = None
    detail: str | None = None


def progress_of(known: ProgressFacts, now: datetime) -> Progress:
    """Return what a follow-up is doing, for each state and each cause."""
    match known.state:
        case "pending":
            return _pending(known, now)
        case "released":
            return _released(known, now)
        case "dispatched":
            return Progress(Doing.SENT, WaitsFor.RECEIPT)
        case _:
            return Progress(Doing.ENDED)


def _pending(known: ProgressFacts, now: datetime) -> Progress:
    if known.in_line:
        return Progress(Doing.WAITING, WaitsFor.NUMBER_BUSY)
    if known.reason == TEXTS_PAUSED:
        return Progress(Doing.WAITING, TEXTS_PAUSED)
    if known.reason in _KEPT_THOUGH_DUE:
        return Progress(Doing.WAITING, known.reason, known.until or known.due_at, known.detail)
    if known.due_at is not None and known.due_at <= now:
        return Progress(Doing.WAITING, WaitsFor.TURN)
    if known.reason:
        return Progress(Doing.WAITING, known.reason, known.due_at)
    return Progress(Doing.PLANNED, WaitsFor.HOUR, known.due_at)


def _released(known: ProgressFacts, now: datetime) -> Progress:
    if known.reason == UNANSWERED:
        return Progress(Doing.UNANSWERED, WaitsFor.ANSWER, known.until, known.detail)
    if known.reason:
        return Progress(Doing.WAITING, known.reason, known.until, known.detail)
    if known.is_cleared is None:
        return Progress(Doing.UNDER_WAY, WaitsFor.GATE_OR_SENDER)
    if not known.is_cleared:
        return Progress(Doing.AT_THE_GATE, WaitsFor.GATE)
    is_kept = known.since is not None and now - known.since > _PROMPT
    return Progress(Doing.SENDING, WaitsFor.SENDER if is_kept else None)
