"""What metrics answers, as the console's pages read it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Number = int | float
ToneName = Literal["plain", "good", "wait", "bad", "glad"]
"""What a class of the style sheet is named after, so nothing else is accepted."""


class ShownWindow(BaseModel):
    """Whole hours; `until` is exclusive."""

    model_config = ConfigDict(validate_by_alias=True)

    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")


class ShownFigure(BaseModel):
    """One figure with its parts, and the addresses of their rows."""

    name: str
    title: str
    value: Number | None
    numerator: Number
    denominator: Number | None
    unit: Literal["ratio", "percent", "seconds", "minor", "count"]
    formula: str
    window: ShownWindow
    rows: str | None
    denominator_rows: str | None
    currency: str | None
    reason: str | None
    group: str | None
    note: str | None

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """Of which figure it is: the same of another period has the same."""
        return self.name, self.currency, self.reason


class ShownPeriodFigure(ShownFigure):
    """A figure of the first page."""

    before: Number | None
    by_bar: list[int]


class ShownBar(BaseModel):
    """One hour or day of the chart."""

    begins_at: datetime
    delivered: int
    troubled: int
    blocked: int
    before: int

    @property
    def total(self) -> int:
        """All follow-ups that ended."""
        return self.delivered + self.troubled + self.blocked


class ShownState(BaseModel):
    """How many follow-ups are in a state."""

    state: Literal[
        "pending",
        "released",
        "dispatched",
        "delivered",
        "unconfirmed",
        "failed",
        "unknown",
        "blocked",
        "cancelled",
        "expired",
    ]
    count: int
    words: str


class ShownReason(BaseModel):
    """How often something waited or was not sent for one reason."""

    measure: Literal["deferred", "blocked", "failed"]
    words: str
    rule: str | None
    count: int
    rows: str


class ShownLine(BaseModel):
    """One line of the live list."""

    event_id: UUID
    at: datetime
    title: str
    summary: str
    tone: ToneName
    recipient_id: UUID
    follow_up_id: UUID | None
    flow: str | None
    step: str | None


class ShownFollowUp(BaseModel):
    """A follow-up that somebody should look at."""

    follow_up_id: UUID
    recipient_id: UUID
    label: str
    tone: ToneName
    words: str
    changed_at: datetime
    waits_until: datetime | None
    flow: str | None
    step: str | None


class ShownOverview(BaseModel):
    """The answer of `GET /v1/overview`."""

    span: Literal["24h", "7d", "30d"]
    window: ShownWindow
    states: list[ShownState]
    figures: list[ShownPeriodFigure]
    bars: list[ShownBar]
    reasons: list[ShownReason]
    feed: list[ShownLine]
    waiting: list[ShownFollowUp]
    needs_attention: list[ShownFollowUp]


class ShownRow(BaseModel):
    """A fact behind a number."""

    event_id: UUID
    type: str
    follow_up_id: UUID | None
    recipient_id: UUID
    flow: str | None
    step: str | None
    occurred_at: datetime
    summary: str
    counts: str | None


class ShownCount(BaseModel):
    """What rows add up to."""

    number: str
    words: str
    detail: str


class ShownRows(BaseModel):
    """The answer of `GET /v1/facts`."""

    window: ShownWindow
    counted: ShownCount | None
    rows: list[ShownRow]
    next: str | None
    searched_to: datetime | None


class ShownStep(BaseModel):
    """A step of a story."""

    at: datetime
    type: str
    service: str
    title: str
    summary: str
    tone: ToneName
    verdict: Literal["clear", "defer", "block"] | None
    reason: str | None
    rule: str | None
    event_id: UUID


class ShownPreviewSize(BaseModel):
    """How many parts a text is sent in."""

    encoding: str
    parts: int


class ShownPreview(BaseModel):
    """The answer of `GET /v1/follow-ups/{id}/preview`."""

    as_of: datetime
    due_at: datetime
    text: str
    parts: ShownPreviewSize


class ShownStory(BaseModel):
    """The answer of `GET /v1/journeys/{id}`."""

    follow_up_id: UUID
    recipient_id: UUID
    state: str
    label: str
    tone: ToneName
    explanation: str
    flow: str | None
    flow_version: str | None
    step: str | None
    purpose: str | None
    segment: str | None
    provider: str | None
    sender_number: str | None
    planned_at: datetime | None
    due_at: datetime | None
    events: list[ShownStep]
