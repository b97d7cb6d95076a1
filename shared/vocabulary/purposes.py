"""What a purpose decides in more than one service: whether it is an answer, and how urgent it is."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from shared.events.follow_up import Purpose

ANSWER_PURPOSES: Final = frozenset({Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION})
"""Answers to a person who has just written: allowed at any hour, and left out of figures about engagement."""


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
        Purpose.INFORMATIONAL: Priority.INFORMATIONAL,
        Purpose.MARKETING: Priority.MARKETING,
    }
)
