"""What `POST /v1/follow-ups` takes, and what the scheduler answers (formats page)."""

from collections.abc import Callable, Sequence
from datetime import datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared import normalize
from shared.config.flow import CancelRule, Template
from shared.config.model import Country, Duration, Flag, Locale, Slug
from shared.controls import ControlAction
from shared.events.follow_up import Purpose
from shared.fact_limits import bounded_facts
from shared.http.progress import ProgressAnswer
from shared.instants import Day, Instant
from shared.vocabulary.follow_up_states import FollowUpState

_SUBJECT_CHARACTERS = 200
_CODE_CHARACTERS = 12
_LONGEST_SPELLING_CHARACTERS = 64


def _clock(value: object) -> object:
    """Refuse a number, which would be read as seconds since midnight."""
    if not isinstance(value, str) or ":" not in value:
        raise ValueError("write a time such as 09:30")
    return value


def _minutes_precision(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a local time has no offset: it is read on the recipient's clock")
    return value


def one_line(value: str) -> str:
    """Return a reason without spaces around it."""
    stripped = value.strip()
    if not stripped or not stripped.isprintable():
        raise ValueError("say in one line why")
    return stripped


class Input(BaseModel):
    """A part of a request; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DueLocal(Input):
    """A moment on the recipient's clock."""

    date: Day
    time: Annotated[time, BeforeValidator(_clock), AfterValidator(_minutes_precision)]


def _read_as(spelling: Callable[[str], str]) -> BeforeValidator:
    """Return a validator that accepts the usual spellings; longer values and other types are refused later."""
    return BeforeValidator(
        lambda value: (
            spelling(value) if isinstance(value, str) and len(value) <= _LONGEST_SPELLING_CHARACTERS else value
        )
    )


class RecipientInput(Input):
    """What the caller knows about the recipient."""

    first_name: Annotated[str | None, AfterValidator(normalize.name)] = Field(None, max_length=1000)
    last_name: Annotated[str | None, AfterValidator(normalize.name)] = Field(None, max_length=1000)
    time_zone: str | None = Field(None, max_length=64, description="IANA name, such as America/Chicago.")
    state: Annotated[str, Field(max_length=64), AfterValidator(normalize.state)] | None = None
    country: Annotated[Country, _read_as(normalize.country)] | None = None
    postal_code: str | None = Field(None, max_length=_CODE_CHARACTERS)
    locale: Annotated[Locale, _read_as(normalize.locale)] | None = None


class FollowUpRequest(Input):
    """One text, or one run of a flow, for one recipient."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": "+12125550123",
                    "purpose": "transactional",
                    "text": "Your table is ready, {{ recipient.first_name }}.",
                    "due_in": "2h",
                    "recipient": {"first_name": "Ana", "state": "NY", "country": "US"},
                    "subject": "booking-77",
                }
            ]
        }
    )

    to: str | None = Field(None, min_length=1, max_length=40)
    recipient_id: UUID | None = Field(
        None, description="In place of `to`, of an answer: whom the inbox names. Nothing else is to be said of them."
    )
    text: Template | None = None
    purpose: Literal[Purpose.MARKETING, Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL, Purpose.CONVERSATION] | None = (
        Field(None, description="`conversation`: your own answer to what the person wrote in the last 24 hours.")
    )
    flow: Slug | None = None
    trigger: Annotated[dict[str, Any], AfterValidator(bounded_facts)] | None = Field(
        None, description="With `flow`: what happened, as its texts read it."
    )
    due_at: Instant | None = None
    due_in: Duration | None = None
    due_local: DueLocal | None = None
    expires_at: Instant | None = None
    if_past: Literal["send", "skip"] | None = Field(None, description="What to do when the due time has passed.")
    recipient: RecipientInput = RecipientInput()
    facts: Annotated[dict[str, Any], AfterValidator(bounded_facts)] = Field(default_factory=dict, max_length=100)
    subject: str | None = Field(None, min_length=1, max_length=_SUBJECT_CHARACTERS)
    cancel_on: tuple[CancelRule, ...] = Field((), max_length=20)
    dry_run: Flag = False
    test: Flag = Field(
        default=False,
        description="Only to a phone listed under `test_recipients`: goes now, says [Test], and no figure counts it.",
    )
    step: Slug | None = Field(None, description="With `test` and `flow`: which of its texts; by default the first.")

    @model_validator(mode="after")
    def _says_to_whom(self) -> "FollowUpRequest":
        if (self.to is None) == (self.recipient_id is None):
            raise ValueError("name either to (a number) or recipient_id")
        if self.recipient_id is not None:
            if self.purpose is not Purpose.CONVERSATION:
                raise ValueError("only an answer (purpose: conversation) is addressed by recipient_id; name to")
            if self.recipient != RecipientInput():
                raise ValueError("leave out recipient: what is known of who wrote is kept")
        return self

    @model_validator(mode="after")
    def _says_what_and_when(self) -> "FollowUpRequest":
        if (self.text is None) == (self.flow is None):
            raise ValueError("name either text (with purpose) or flow (with trigger)")
        dues = [self.due_at, self.due_in, self.due_local]
        if self.test:
            self._check_test(dues)
        elif self.step is not None:
            raise ValueError("step belongs to a test of a flow: add test")
        elif self.text is not None:
            if self.purpose is None:
                raise ValueError("text needs a purpose: marketing, informational, transactional or conversation")
            if sum(due is not None for due in dues) > 1:
                raise ValueError("name one of due_at, due_in and due_local; none means now")
            if self.trigger is not None:
                raise ValueError("trigger belongs to flow; give a text its facts under facts")
            if self.purpose is Purpose.CONVERSATION and any(due is not None for due in dues):
                raise ValueError("an answer (conversation) goes now: leave out due_at, due_in and due_local")
        elif self.purpose or self.expires_at or self.cancel_on or any(due is not None for due in dues):
            raise ValueError("a flow says purpose, times and cancel rules itself")
        return self

    def _check_test(self, dues: Sequence[object]) -> None:
        if any(due is not None for due in dues) or self.expires_at or self.cancel_on:
            raise ValueError("a test goes now: leave out due times, expires_at and cancel_on")
        if self.text is not None and (self.step is not None or self.trigger is not None):
            raise ValueError("step and trigger belong to flow; give a text its facts under facts")


class PartsAnswer(BaseModel):
    """The size of a text."""

    encoding: str
    parts: int
    units: int


class TextAnswer(BaseModel):
    """One text that would be sent."""

    step: str
    purpose: str
    due_at: datetime
    due_local: str
    expires_at: datetime | None
    sender_number: str
    locale: str
    text: str
    """As it will be sent, with brand and STOP line; short links have a code of zeros."""
    parts: PartsAnswer
    gate: dict[str, Any]
    """The gate's evaluation as of the due time: advice, not a verdict."""
    gate_note: str


class PlannedAnswer(BaseModel):
    """What was planned."""

    follow_up_id: UUID
    state: str
    due_at: datetime
    due_local: str
    enrollment_id: UUID
    follow_ups: list[UUID]
    """Every text of the run, the first one included."""


class DryRunAnswer(BaseModel):
    """What would be planned; nothing was stored."""

    dry_run: Literal[True] = True
    state: Literal["pending"] = "pending"
    due_at: datetime
    due_local: str
    texts: list[TextAnswer]


class ChangeAnswer(BaseModel):
    """One state that a follow-up was in."""

    at: datetime
    state: str
    happening: str
    reason: str | None
    release: int


class WaitsForAnswer(BaseModel):
    """What a due follow-up waits for."""

    kind: Literal["control", "earlier_text", "number"]
    id: str | None
    """The control's id, or the sender number."""
    since: datetime


class FollowUpAnswer(BaseModel):
    """The state of a follow-up."""

    follow_up_id: UUID
    enrollment_id: UUID
    flow: str
    flow_version: str
    step: str
    purpose: str
    state: str
    reason: str | None
    progress: ProgressAnswer
    waits_for: WaitsForAnswer | None
    """Of a due follow-up that is kept by a control, an earlier text of its run or its busy number."""
    release: int
    is_too_late: bool
    due_at: datetime
    due_local: str
    first_due_at: datetime
    expires_at: datetime | None
    time_zone: str
    sender_number: str
    subject: str | None
    locale: str
    created_at: datetime
    updated_at: datetime
    correlation_id: str


class FollowUpStory(FollowUpAnswer):
    """The state of a follow-up, with its history."""

    changes: list[ChangeAnswer]


class FollowUpPage(BaseModel):
    """Follow-ups, the newest first."""

    follow_ups: list[FollowUpAnswer]
    next_cursor: str | None


class SearchRequest(Input):
    """The recipient whose follow-ups to find; in a body, so that the number is in no URL and no log."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "+12125550123", "state": "pending"}]})

    to: str = Field(min_length=1, max_length=40)
    state: FollowUpState | None = None


class FlowControlAnswer(BaseModel):
    """What every text of a flow or of a step is under; more about it in `GET /v1/controls`."""

    control_id: UUID
    action: ControlAction
    made_at: datetime
    until: datetime | None
    covers: Literal["everything", "merchant", "flow", "step"]
    """Whose texts it is about."""


class FlowAnswer(BaseModel):
    """One flow in force."""

    flow: str
    version: str
    description: str
    on: str
    steps: list[str]
    planned_texts: int
    """Planned in any version of it, and not ended."""
    control: FlowControlAnswer | None
    """What every text of it is under."""


class RemovedFlowAnswer(BaseModel):
    """A flow that no file has any more, while texts of it are planned."""

    flow: str
    planned_texts: int
    control: FlowControlAnswer | None
    """None: its texts go on, because somebody let them, or it has been missing for less than a minute."""


class FlowList(BaseModel):
    """The merchant's flows."""

    flows: list[FlowAnswer]
    removed: list[RemovedFlowAnswer]
    """`resume` finishes their texts, `stop` cancels them; a flow that comes back goes on by itself."""


class RunAnswer(BaseModel):
    """One recipient's run through a flow."""

    enrollment_id: UUID
    flow: str
    flow_version: str
    ordinal: int
    subject: str | None
    entered_at: datetime
    state: Literal["active", "ended"]
    follow_ups: list[FollowUpAnswer]


class RunPage(BaseModel):
    """Runs, the newest first."""

    enrollments: list[RunAnswer]
    next_cursor: str | None
