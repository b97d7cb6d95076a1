"""What the page of parked events shows and what its form names (pure)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from services.console.words import sentence
from shared.vocabulary.service_names import EVENT_SERVICES

NAMES: Final = {"scheduler": "the scheduler", "sender": "the sender"}
"""Of services that take an article."""
MOST_COUNTED: Final = 1_000
"""A service counts no further (the `count` of `GET /v1/parked/{service}`)."""
_LARGEST_DIGITS: Final = 18


class ShownParked(BaseModel):
    """A parked event, as its service answers it."""

    id: int
    type: str
    recipient_id: UUID
    reason: str
    is_behind: bool
    parked_at: datetime
    attempts: int

    @property
    def reason_words(self) -> str:
        """Why it is parked."""
        return "Waits behind an earlier event of this person." if self.is_behind else sentence(self.reason)


_EVENTS: Final = TypeAdapter(list[ShownParked])


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A line of the table."""

    service: str
    event: ShownParked
    behind: str
    """How many events of the same list wait behind it, with a + where the list goes on; empty for none."""

    @property
    def name(self) -> str:
        """How a form names it: scheduler:12."""
        return f"{self.service}:{self.event.id}"


def rows_of(answers: Mapping[str, Mapping[str, Any]]) -> list[ParkedRow]:
    """Return the lists of several services as one, the oldest first, which is the order they are handled in.

    Args:
        answers: of `GET /v1/parked/{service}`, by service.
    """
    found = []
    for service, answer in answers.items():
        events = _EVENTS.validate_python(answer["parked"])
        more = "+" if answer["next_cursor"] is not None else ""
        waiting = Counter(each.recipient_id for each in events if each.is_behind)
        for each in events:
            count = 0 if each.is_behind else waiting[each.recipient_id]
            found.append(ParkedRow(service, each, f"{count:,}{more}" if count else ""))
    return sorted(found, key=lambda row: (row.event.parked_at, row.service, row.event.id))


def chosen_ids(names: Iterable[str]) -> dict[str, list[int]]:
    """Return what a form names by service, once each; what is no name of an event is left out."""
    found: dict[str, set[int]] = {}
    for name in names:
        service, _, number = name.partition(":")
        is_number = number.isascii() and number.isdecimal() and len(number) <= _LARGEST_DIGITS
        if service in EVENT_SERVICES and is_number and int(number):
            found.setdefault(service, set()).add(int(number))
    return {service: sorted(ids) for service, ids in found.items()}


def outcomes(events: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many events of a redrive were handled, and how many stay."""
    done = sum(each["outcome"] in {"processed", "gone"} for each in events)
    return done, len(events) - done
