"""What the scheduler answers about one flow."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.scheduler.api_models import FlowControlAnswer, PartsAnswer


class TextPreviewAnswer(BaseModel):
    """A text in one language, as it would be sent to an invented person."""

    locale: str
    text: str | None
    """With brand and STOP line; short links have a code of zeros. None: it cannot be made, and `problem` says why."""
    parts: PartsAnswer | None
    problem: str | None


class WaitAnswer(BaseModel):
    """A wait: elapsed seconds, or days, hours, time and weekdays on the person's own clock."""

    kind: Literal["wait"] = "wait"
    seconds: int | None = None
    days: int = 0
    hours: int = 0
    minutes: int = 0
    then_at: str | None = None
    on: list[str] | None = None


class TextStepAnswer(BaseModel):
    """A text of a flow."""

    kind: Literal["text"] = "text"
    text: str
    """The step's name."""
    purpose: str
    expire_after_seconds: int | None
    if_past: str
    previews: list[TextPreviewAnswer]
    """One for each language; of a flow with very many texts only the first ones have any."""
    control: FlowControlAnswer | None
    """What this step alone is under."""


class EnterAnswer(BaseModel):
    """How often one person may run through."""

    rule: Literal["once", "once_per", "every"]
    once_per: str | None = None
    """CEL: one run for each of its values."""
    every_seconds: int | None = None


class CancelRuleAnswer(BaseModel):
    """An event that ends the rest of a run."""

    on: str
    when: str | None
    """CEL; None: always."""


class FlowStory(BaseModel):
    """One flow: as its file says, or, of one that was removed, as the version that began last."""

    flow: str
    version: str
    is_in_force: bool
    """False: it is in no file any more."""
    description: str
    on: str
    when: str | None
    enter: EnterAnswer
    cancel_on: list[CancelRuleAnswer]
    facts: dict[str, str]
    click_days: int
    delivered_hours: int
    steps: list[Annotated[WaitAnswer | TextStepAnswer, Field(discriminator="kind")]]
    planned_texts: int
    control: FlowControlAnswer | None
    """What every text of it is under."""


class FlowVersionAnswer(BaseModel):
    """One version of a flow; comments and layout of the file make none."""

    version: str
    first_started_at: datetime | None
    """When a run first began with it; None: none has."""
    is_in_force: bool
    content: str
    """YAML of what it says."""


class FlowVersionList(BaseModel):
    """The versions of a flow, the newest first."""

    flow: str
    versions: list[FlowVersionAnswer]
    has_more: bool
    """There are older ones, which are not listed."""
