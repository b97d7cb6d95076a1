"""What a provider's code means to us, and what we do about it; each adapter has a table of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.events.consent import SuppressionCause
from shared.events.dispatch import ErrorClass


class Reaction(StrEnum):
    """What a code makes us do (compliance section 13)."""

    FAIL = "fail"
    """This text ends here."""
    SLOW_DOWN = "slow_down"
    """Never processed: back to the queue, the number pauses."""
    HALT = "halt"
    """Our account or number is at fault: the number stops, the text waits, somebody is paged."""
    CAPPED = "capped"
    """The number's allowance of the day is used up: it goes on slowly, and the text waits for the next day."""
    ASK_AGAIN = "ask_again"
    """The text never left: the gate is asked again after `after`."""
    ASK_AGAIN_TRANSACTIONAL = "ask_again_transactional"
    """No proof that it never arrived: asked again only for texts the person is waiting for."""


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """One line of a code table."""

    error_class: ErrorClass
    reaction: Reaction = Reaction.FAIL
    suppress: SuppressionCause | None = None
    """The number must not be written to any more, by this merchant."""
    after: timedelta = timedelta()
    most_attempts: int = 3
    """Asking again ends when the follow-up had so many attempts."""
    alarm: bool = False
    """Somebody should look: our gate, our registration or our content is wrong."""


UNLISTED = CodeMeaning(ErrorClass.UNKNOWN, alarm=True)
"""Codes are split over time (Twilio changelog, 2024-07-10): what is not listed is permanent and looked at."""

CodeTable = Mapping[str, CodeMeaning]


def meaning_of(code: str | None, table: CodeTable) -> CodeMeaning:
    """Return what a code means; an unlisted one is permanent, without suppression."""
    return table.get(code or "", UNLISTED)
