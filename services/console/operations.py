"""What the pages of operations show: sources, deliveries in quarantine, texts without an answer, limits (pure)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel

_ERRORS: Final = {
    "signature": "signature refused: no secret in merchant.yaml fits",
    "over_quota": "more than its quota, refused",
    "invalid": "events that were refused as invalid",
    "not_json": "not JSON",
    "unknown_topic": "a topic that this version does not read",
    "misshapen": "a form that this version does not know",
    "topic_mismatch": "its topic does not fit its body",
}
_ANSWERS: Final = {
    "not_listed": "it lists no such text",
    "no_answer": "it did not answer",
    "inconclusive": "its answer does not decide: too early, or several texts fit",
}
_TROUBLE: Final = ("quarantined", "refused", "over_quota")


class ShownSourceError(BaseModel):
    """What last went wrong with a source."""

    at: datetime
    what: str


class ShownSource(BaseModel):
    """A source, as ingest answers it."""

    source: str
    is_configured: bool
    last_delivery_at: datetime | None
    silent_since: datetime | None
    last_24h: dict[str, int]
    last_error: ShownSourceError | None
    quarantined: int

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "your own systems (API)" if self.source == "api" else self.source

    @property
    def taken(self) -> int:
        """Genuine deliveries of the last 24 hours that were read."""
        return sum(self.last_24h.values()) - self.trouble

    @property
    def trouble(self) -> int:
        """Deliveries of the last 24 hours that were refused or could not be read."""
        return sum(self.last_24h.get(outcome, 0) for outcome in _TROUBLE)

    @property
    def state(self) -> tuple[str, str]:
        """Its state in a word, with the tone."""
        if not self.is_configured:
            return "no longer in merchant.yaml", ""
        if self.silent_since is not None:
            return "silent", "wait"
        if self.last_delivery_at is None:
            return "nothing yet", ""
        return ("with errors", "bad") if self.trouble or self.quarantined else ("working", "good")

    @property
    def error_words(self) -> str:
        """What last went wrong, in words."""
        return _ERRORS.get(self.last_error.what, self.last_error.what.replace("_", " ")) if self.last_error else ""


class ShownQuarantined(BaseModel):
    """A delivery in quarantine."""

    delivery_id: UUID
    source: str
    topic: str
    reason: str
    detail: str
    received_at: datetime

    @property
    def words(self) -> str:
        """Why it could not be read."""
        return _ERRORS.get(self.reason, self.reason.replace("_", " "))


class ShownUnknown(BaseModel):
    """A text of which nobody knows whether it was sent."""

    follow_up_id: UUID
    attempt_id: UUID
    recipient_id: UUID
    to: str | None
    flow: str
    step: str
    provider: str
    sender_number: str
    called_at: datetime
    seen: str | None
    is_given_up: bool
    asked_at: datetime | None
    answer: str | None
    asked_again_at: datetime | None
    may_be_sent_again: bool

    @property
    def answer_words(self) -> str:
        """What the provider said when it was asked."""
        return _ANSWERS.get(self.answer or "", (self.answer or "").replace("_", " "))

    @property
    def seen_words(self) -> str:
        """What was seen instead of an answer to the call."""
        seen = self.seen or ""
        return f"HTTP {seen.removeprefix('http_')}" if seen.startswith("http_") else seen.replace("_", " ")


class _Neighbours(BaseModel):
    held_since: datetime | None


class _NewPeople(BaseModel):
    this_hour: int
    per_hour: int


class _Spend(BaseModel):
    currency: str
    today: Decimal
    per_day: Decimal
    hard_per_day: Decimal
    until: datetime


class ShownLimits(BaseModel):
    """The limits on texts to new people and on the day's spending."""

    neighbouring_numbers: _Neighbours
    new_people: _NewPeople
    spend: _Spend

    @property
    def meters(self) -> list["Meter"]:
        """Each limit, and how much of it is used."""
        people, spend = self.new_people, self.spend
        first = f"{people.this_hour:,} of {people.per_hour:,}"
        money = f"{spend.today:,.2f} of {spend.per_day:,.2f} {spend.currency}"
        return [
            Meter("New people this hour", first, people.this_hour, people.per_hour),
            Meter("Spent today", money, spend.today, spend.per_day),
        ]


@dataclass(frozen=True, slots=True)
class Meter:
    """A limit and its use."""

    title: str
    words: str
    used: int | Decimal
    limit: int | Decimal

    @property
    def percent(self) -> int:
        """How much is used, at most 100."""
        return min(100, int(self.used * 100 / self.limit)) if self.limit else 0

    @property
    def tone(self) -> Literal["bad", "wait", "good"]:
        """How near the limit is."""
        return "bad" if self.percent >= 100 else "wait" if self.percent >= 80 else "good"  # noqa: PLR2004 - percent
