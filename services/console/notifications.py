"""What the page of notifications shows: the shop's endpoints, and what each was told (pure)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel

from services.console.words import words

MOST_GIVEN_UP: Final = 1_000
"""How far connectors counts those that were given up."""
_KINDS: Final = {
    "reply.received": "a reply",
    "reply.needs_review": "a reply that may be an opt-out",
    "reply.reviewed": "a decision about a reply",
    "text.unknown": "a text nobody knows the fate of",
    "control.changed": "a pause, a stop or its end",
    "approval.asked": "a question for a second person",
    "shop.closed": "the shop left its platform",
    "files.not_in_force": "files with errors",
    "test": "a test",
}
_STATES: Final = {
    "pending": ("on its way", "wait"),
    "delivered": ("delivered", "good"),
    "dead": ("given up", "bad"),
    "discarded": ("discarded", ""),
    "erased": ("erased", ""),
}
TABS: Final[Mapping[str, str]] = {
    "all": "All",
    "dead": "Given up",
    "pending": "On their way",
    "delivered": "Delivered",
    "discarded": "Discarded",
}
"""The lists of the page, by what connectors calls them."""


def kind_words(kind: str) -> str:
    """Return what a notification says, as a person reads it."""
    return _KINDS.get(kind, words(kind.replace(".", " ")))


class ShownEndpoint(BaseModel):
    """An endpoint of merchant.yaml, as connectors answers it."""

    name: str
    channel: Literal["webhook", "mail"]
    events: list[str]
    waiting: int
    failures: int
    failing_since: datetime | None
    not_before: datetime | None
    last_delivered_at: datetime | None

    @property
    def state_words(self) -> tuple[str, str]:
        """How it does, with the tone."""
        if self.failures:
            return "failing", "bad"
        return ("works", "good") if self.last_delivered_at is not None else ("nothing delivered yet", "")

    @property
    def event_words(self) -> str:
        """What it is told."""
        return ", ".join(kind_words(kind) for kind in self.events)


class ShownDelivery(BaseModel):
    """One notification for one endpoint, as connectors answers it."""

    id: UUID
    endpoint: str
    type: str
    recipient_id: UUID | None
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime | None
    ended_at: datetime | None
    problem: str | None
    detail: str | None

    @property
    def kind_words(self) -> str:
        """What it says."""
        return kind_words(self.type)

    @property
    def state_words(self) -> tuple[str, str]:
        """What became of it, with the tone."""
        return _STATES.get(self.state, (words(self.state), ""))

    @property
    def is_open(self) -> bool:
        """Whether somebody can decide about it."""
        return self.state in {"pending", "dead"}
