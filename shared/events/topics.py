"""The five topics; each is keyed by recipient id and has the same number of partitions (design section 4)."""

from enum import StrEnum


class Topic(StrEnum):
    """Where an event type lives; a type lives in exactly one topic."""

    TRIGGERS = "triggers.v1"
    CONSENTS = "consents.v1"
    FOLLOW_UPS = "follow-ups.v1"
    DISPATCHES = "dispatches.v1"
    ENGAGEMENT = "engagement.v1"


RETENTION_DAYS = 7
"""How long a topic keeps an event; sealed data of an erased person is deleted after this."""
