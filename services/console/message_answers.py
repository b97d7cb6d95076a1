"""What services answer about messages, as the console's pages read it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from services.console.answers import ToneName


class ShownMessage(BaseModel):
    """One row of `GET /v1/messages`."""

    follow_up_id: UUID
    recipient_id: UUID
    flow: str | None
    step: str | None
    purpose: str | None
    segment: str | None
    state: str
    reason: str | None
    label: str
    tone: ToneName
    explanation: str
    provider: str | None
    sender_number: str | None
    planned_at: datetime | None
    due_at: datetime | None
    accepted_at: datetime | None
    changed_at: datetime
    is_clicked: bool
    is_replied: bool
    is_opted_out: bool
    is_converted: bool

    @property
    def may_be_cancelled(self) -> bool:
        """Whether it has not been handed to the provider, and not ended."""
        return self.state in {"pending", "released"}


class ShownMessages(BaseModel):
    """The answer of `GET /v1/messages`."""

    messages: list[ShownMessage]
    next_cursor: UUID | None
    searched_back_to: datetime | None


class ShownCancellation(BaseModel):
    """The answer of `POST /v1/follow-ups/cancel`."""

    cancelled: int
    under_way: int
    already_ended: int
    not_found: int
    left: bool

    @property
    def count(self) -> int:
        """How many are cancelled."""
        return self.cancelled + self.under_way


class ShownAttempt(BaseModel):
    """One call of a provider."""

    n: int
    provider: str
    state: str
    status: str | None
    provider_message_id: str | None
    parts: int
    error_class: str | None
    code: str | None
    reason: str | None
    intent_at: datetime
    accepted_at: datetime | None
    ask_at: datetime | None
    text: str | None


class ShownDispatch(BaseModel):
    """The answer of `GET /v1/dispatches/{id}`."""

    state: str
    retry_at: datetime | None
    attempts: list[ShownAttempt]


class ShownRule(BaseModel):
    """A rule that the gate checked."""

    id: str
    cite: str
    hours: str
    open: bool
    skipped: str | None


class ShownZone(BaseModel):
    """A time zone that the gate checked."""

    zone: str
    local_time: datetime
    open: bool
    why: str


class ShownVerdict(BaseModel):
    """One verdict of `GET /v1/decisions/{id}`."""

    release: int
    decided_at: datetime
    decision: Literal["send", "defer", "block"]
    reason: str
    until: datetime | None
    explanation: str
    zones: list[ShownZone]
    rules: list[ShownRule]


VERDICTS = TypeAdapter(list[ShownVerdict])
