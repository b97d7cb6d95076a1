"""The answers of the API: figures, rows and stories."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.metrics.domain.grouping import Dimension
from services.metrics.domain.journey_steps import Tone
from services.metrics.domain.kpis import Unit
from shared.http.progress import ProgressAnswer
from shared.vocabulary.follow_up_states import FollowUpState

Number = int | float


class WindowAnswer(BaseModel):
    """Whole UTC hours; `to` is exclusive."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")


class KPIAnswer(BaseModel):
    """One figure, its numerator and denominator, and the URLs of the rows behind them."""

    name: str
    title: str
    value: Number | None = Field(description="Null if the denominator is zero.")
    numerator: Number
    denominator: Number | None
    unit: Unit
    formula: str
    window: WindowAnswer
    rows: str | None = Field(
        description="The rows whose `value` adds up to the numerator (retention figures: the orders examined)."
    )
    denominator_rows: str | None
    currency: str | None = None
    reason: str | None = None
    by: Dimension | None = None
    group: str | None = None
    note: str | None = None


class KPIsAnswer(BaseModel):
    """The answer of `GET /v1/kpis`."""

    kpis: list[KPIAnswer]


class FactAnswer(BaseModel):
    """One fact, without personal data."""

    event_id: UUID
    type: str
    service: str
    follow_up_id: UUID | None
    recipient_id: UUID = Field(description="A keyed hash, from which the number cannot be derived.")
    flow: str | None
    step: str | None
    occurred_at: datetime
    recorded_at: datetime
    summary: str
    value: int | None = Field(description="What it adds to the requested measure.")
    counts: str | None = Field(description="The same as a person reads it: 62.00 USD.")
    fact: dict[str, Any] = Field(description="The event as published, without its encrypted fields.")


class CountedAnswer(BaseModel):
    """The number that the rows of all pages add up to, as a person reads it."""

    number: str
    words: str = Field(description="What it counts.")
    detail: str = Field(description="The requested part in words; empty without one.")


class FactsAnswer(BaseModel):
    """The answer of `GET /v1/facts`."""

    window: WindowAnswer
    counted: CountedAnswer | None = Field(description="Null without a measure.")
    rows: list[FactAnswer]
    next: str | None = Field(
        description="The cursor of the next page, also of a page on which rows are rare; null on the last page."
    )
    searched_to: datetime | None = Field(description="Up to when this page looked; null on the last page.")


class StepAnswer(BaseModel):
    """One step of a story."""

    at: datetime
    type: str
    service: str
    title: str
    summary: str
    tone: Tone
    verdict: str | None
    reason: str | None
    rule: str | None
    is_about_person: bool
    event_id: UUID
    correlation_id: str


class JourneyAnswer(BaseModel):
    """The answer of `GET /v1/journeys/{follow_up_id}`."""

    follow_up_id: UUID
    state: FollowUpState
    reason: str | None
    label: str = Field(description="Its state, or while it is under way what is happening with it.")
    tone: Tone
    progress: ProgressAnswer
    explanation: str = Field(description="Its current state, in one sentence.")
    recipient_id: UUID
    flow: str | None
    flow_version: str | None
    step: str | None
    purpose: str | None
    segment: str | None
    provider: str | None
    sender_number: str | None = Field(description="The shop's number that it is sent from.")
    planned_at: datetime | None
    due_at: datetime | None
    events: list[StepAnswer]


class MessageAnswer(BaseModel):
    """One follow-up in the list of messages, without personal data."""

    follow_up_id: UUID
    recipient_id: UUID = Field(description="A keyed hash, from which the number cannot be derived.")
    flow: str | None
    step: str | None
    purpose: str | None
    segment: str | None
    state: FollowUpState
    reason: str | None
    progress: ProgressAnswer
    label: str = Field(description="Its state, or while it is under way what is happening with it.")
    tone: Tone
    explanation: str = Field(description="Its current state, in one sentence.")
    provider: str | None
    sender_number: str | None
    planned_at: datetime | None
    due_at: datetime | None
    accepted_at: datetime | None = Field(description="When a provider first accepted it.")
    changed_at: datetime
    is_clicked: bool
    is_replied: bool
    is_opted_out: bool
    is_converted: bool


class MessagesAnswer(BaseModel):
    """The answer of `GET /v1/messages`."""

    messages: list[MessageAnswer]
    next_cursor: UUID | None = Field(description="The cursor of the next page; null on the last page.")
    searched_back_to: datetime | None = Field(
        description="Set where the page ended before it was full, since enough was looked at: go on with the cursor."
    )
