"""What the list of messages is narrowed down to: read from an address, and written as a question to metrics (pure)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

_LONGEST: Final = 200
STATES: Final = (
    ("pending", "planned"),
    ("released", "being checked or sent"),
    ("dispatched", "with the provider"),
    ("delivered", "delivered"),
    ("unconfirmed", "sent, no receipt"),
    ("failed", "failed"),
    ("unknown", "no answer from the provider"),
    ("blocked", "refused by the gate"),
    ("cancelled", "cancelled"),
    ("expired", "too late to send"),
)
"""Each state as the list offers it."""
REASONS: Final = (
    ("opted_out", "the person opted out"),
    ("no_consent", "no consent on record"),
    ("consent_insufficient", "consent not sufficient there"),
    ("consent_expired", "consent expired"),
    ("quiet_hours", "outside permitted hours"),
    ("frequency_cap", "had as many texts as allowed"),
    ("destination_not_allowed", "a country you do not send to"),
    ("needs_review", "a reply waits for a decision"),
    ("texts_paused", "paused"),
    ("texts_stopped", "stopped"),
    ("blackout", "a day without texts"),
    ("purchase", "they bought"),
    ("refund", "refunded"),
    ("by_hand", "cancelled by somebody of yours"),
    ("api", "cancelled by your own system"),
    ("opt_out", "opted out before it was sent"),
    ("expire_after", "expired"),
    ("render_failed", "a value was missing in the text"),
    ("filtered", "filtered by the carrier"),
    ("unreachable", "phone not reached"),
    ("invalid", "number does not exist"),
)
"""The reasons that people look for, in a few words."""
_WORDS: Final = ("state", "reason", "flow", "number", "provider")


@dataclass(frozen=True, slots=True)
class MessageListFilter:
    """What was chosen, as it was typed."""

    state: str = ""
    reason: str = ""
    flow: str = ""
    number: str = ""
    provider: str = ""
    since: str = ""
    """The first day, of the shop's calendar."""
    until: str = ""
    """The last day, which is included."""
    person: str = ""
    order: str = ""

    @classmethod
    def of(cls, **typed: str) -> Self:
        """Return what was typed, cut to what anything real is as long as."""
        return cls(**{name: value.strip()[:_LONGEST] for name, value in typed.items()})

    @property
    def is_empty(self) -> bool:
        """Whether everything is shown."""
        return self == MessageListFilter()

    @property
    def address(self) -> str:
        """The query of the list's own address; empty where everything is shown."""
        names = {"since": "from", "until": "to"}
        chosen = {names.get(name, name): getattr(self, name) for name in self.__slots__ if getattr(self, name)}
        return urlencode(chosen)

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by field."""
        found = {
            field: "Write a day: 2026-12-01."
            for field, value in (("from", self.since), ("to", self.until))
            if value and _day(value) is None
        }
        first, last = _day(self.since), _day(self.until)
        if first and last and last < first:
            found["to"] = "The last day is before the first."
        if self.person:
            try:
                UUID(self.person)
            except ValueError:
                found["person"] = "This is no recipient id."
        return found

    def query(self, zone: ZoneInfo, *, limit: int, cursor: str = "") -> list[tuple[str, str]]:
        """Return the question to `GET /v1/messages`; an order is asked of the scheduler first."""
        asked = [(name, getattr(self, name)) for name in _WORDS if getattr(self, name)]
        first, last = _day(self.since), _day(self.until)
        if first is not None:
            asked.append(("from", _midnight(first, zone)))
        if last is not None:
            asked.append(("to", _midnight(last + timedelta(days=1), zone)))
        if self.person:
            asked.append(("recipient", self.person))
        return [*asked, ("limit", str(limit)), *([("cursor", cursor)] if cursor else [])]


def _day(text: str) -> date | None:
    """Return a day between the years 2000 and 2100; None for anything else."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 < found.year < 2100 else None  # noqa: PLR2004 - what the services take


def _midnight(day: date, zone: ZoneInfo) -> str:
    """Return the beginning of a day on the shop's clock."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).isoformat()
