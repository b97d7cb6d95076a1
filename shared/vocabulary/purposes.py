"""What a purpose decides in more than one service: whether it is an answer, and how urgent it is."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from shared.events.follow_up import Purpose

ANSWER_PURPOSES: Final = frozenset({Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION})
"""Answers to HELP and STOP, one for each: allowed at any hour, under no control, and with room on every number."""

REPLYING_PURPOSES: Final = ANSWER_PURPOSES | {Purpose.CONVERSATION}
"""Texts to a person who wrote first. They are left out of figures about engagement: they would take the credit from
the text that the person replied to, and count a talk between two people as what a flow has earned."""

NEWS_BOUND_PURPOSES: Final = frozenset({Purpose.MARKETING, Purpose.CONVERSATION})
"""Texts that wait while an event about their person is unread, or a reply of theirs waits for a decision: it may be an
opt-out, and after one they must not go."""


class Priority(IntEnum):
    """Which follow-up goes first on a number; a lower value goes earlier."""

    ANSWER = 0
    TRANSACTIONAL = 1
    INFORMATIONAL = 2
    MARKETING = 3


PRIORITIES: Final[Mapping[Purpose, Priority]] = MappingProxyType(
    {
        Purpose.HELP: Priority.ANSWER,
        Purpose.OPT_OUT_CONFIRMATION: Priority.ANSWER,
        Purpose.TRANSACTIONAL: Priority.TRANSACTIONAL,
        Purpose.CONVERSATION: Priority.TRANSACTIONAL,  # somebody waits for it, as for a code
        Purpose.INFORMATIONAL: Priority.INFORMATIONAL,
        Purpose.MARKETING: Priority.MARKETING,
    }
)
