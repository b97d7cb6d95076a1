"""What a provider's error code means, and how the sender reacts; each adapter has a table of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.events.consent import SuppressionCause
from shared.events.dispatch import ErrorClass


class Reaction(StrEnum):
    """How the sender reacts to a code (compliance section 13)."""

    FAIL = "fail"
    """The follow-up fails."""
    SLOW_DOWN = "slow_down"
    """Never processed: back to the queue, the number pauses."""
    HALT = "halt"
    """Our account or number is at fault: the number stops, the follow-up waits, an alarm is raised."""
    CAPPED = "capped"
    """The number's daily cap is reached: it goes on slowly, and the follow-up waits for the next day."""
    ASK_AGAIN = "ask_again"
    """The text was never sent: the gate is asked again after `after`."""
    ASK_AGAIN_TRANSACTIONAL = "ask_again_transactional"
    """It may have arrived: the gate is asked again only for texts that the person is waiting for."""


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """One line of a code table."""

    error_class: ErrorClass
    reaction: Reaction = Reaction.FAIL
    suppress: SuppressionCause | None = None
    """This merchant must not send to the person's number any more."""
    after: timedelta = timedelta()
    most_attempts: int = 3
    """The gate is not asked again once the follow-up has had this many attempts."""
    alarm: bool = False
    """An operator should look: our gate, our registration or our content is wrong."""


UNLISTED = CodeMeaning(ErrorClass.UNKNOWN, alarm=True)
"""Providers split codes over time (Twilio changelog, 2024-07-10): an unlisted code is permanent and raises an alarm."""

CodeTable = Mapping[str, CodeMeaning]
