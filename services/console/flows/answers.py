"""What services answer about flows, as the pages read it; fields that no page shows are left out."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class FlowControl(BaseModel):
    """What texts of a flow or a step are under."""

    control_id: UUID
    action: Literal["pause", "stop"]
    made_at: datetime
    until: datetime | None
    covers: Literal["everything", "merchant", "flow", "step"]


class ListedFlow(BaseModel):
    """A flow in force, or one that no file has any more."""

    flow: str
    version: str = ""
    description: str = ""
    on: str = ""
    planned_texts: int
    control: FlowControl | None


class FlowLists(BaseModel):
    """`GET /v1/flows`."""

    flows: list[ListedFlow]
    removed: list[ListedFlow]


class TextParts(BaseModel):
    """What a text weighs."""

    encoding: Literal["gsm7", "ucs2"]
    parts: int
    units: int


class TextPreview(BaseModel):
    """A text in one language."""

    locale: str
    text: str | None
    parts: TextParts | None
    problem: str | None


class FlowWait(BaseModel):
    """A step that waits."""

    kind: Literal["wait"]
    seconds: int | None
    days: int
    hours: int
    minutes: int
    then_at: str | None
    on: list[str] | None


class FlowText(BaseModel):
    """A step that sends."""

    kind: Literal["text"]
    text: str
    purpose: str
    expire_after_seconds: int | None
    if_past: str
    previews: list[TextPreview]
    control: FlowControl | None


class FlowEnter(BaseModel):
    """How often a person may run through."""

    rule: Literal["once", "once_per", "every"]
    once_per: str | None
    every_seconds: int | None


class FlowCancelRule(BaseModel):
    """What ends the rest of a run."""

    on: str
    when: str | None


class ShownFlow(BaseModel):
    """`GET /v1/flows/{flow}`."""

    flow: str
    version: str
    is_in_force: bool
    description: str
    on: str
    when: str | None
    enter: FlowEnter
    cancel_on: list[FlowCancelRule]
    click_days: int
    delivered_hours: int
    steps: list[Annotated[FlowWait | FlowText, Field(discriminator="kind")]]
    planned_texts: int
    control: FlowControl | None


class ListedVersion(BaseModel):
    """A version of a flow."""

    version: str
    first_started_at: datetime | None
    is_in_force: bool
    content: str


class ListedVersions(BaseModel):
    """`GET /v1/flows/{flow}/versions`."""

    versions: list[ListedVersion]
    has_more: bool


class Amount(BaseModel):
    """Money, in minor units."""

    currency: str
    minor: float


class EndedTexts(BaseModel):
    """Texts that ended without arriving."""

    state: str
    words: str
    texts: int


class StepFigures(BaseModel):
    """What the texts of a step did."""

    step: str = ""
    planned: int = 0
    waiting: int = 0
    sent: int = 0
    delivered: int = 0
    reached: int = 0
    clicked: int = 0
    converted: int = 0
    opted_out: int = 0
    unknown: int = 0
    parts: int = 0
    unpriced: int = 0
    ended: list[EndedTexts] = []
    revenue: list[Amount] = []
    text_revenue: list[Amount] = []
    cost: list[Amount] = []


class FlowFigures(StepFigures):
    """What a flow did."""

    flow: str
    entered: int = 0
    active: int = 0
    steps: list[StepFigures] = []

    def of(self, step: str) -> StepFigures:
        """Return the figures of a step."""
        return next((each for each in self.steps if each.step == step), StepFigures(step=step))


class FlowFigurePage(BaseModel):
    """`GET /v1/flow-figures`."""

    flows: list[FlowFigures]

    def of(self, flow: str) -> FlowFigures:
        """Return the figures of a flow."""
        return next((each for each in self.flows if each.flow == flow), FlowFigures(flow=flow))


class RunText(BaseModel):
    """A text of a run."""

    follow_up_id: UUID
    step: str
    state: str
    due_at: datetime


class OpenRun(BaseModel):
    """Somebody's way through a flow."""

    enrollment_id: UUID
    subject: str | None
    entered_at: datetime
    follow_ups: list[RunText]

    @property
    def next_text(self) -> RunText | None:
        """The text that comes next."""
        return next((each for each in self.follow_ups if each.state in {"pending", "released"}), None)


class OpenRuns(BaseModel):
    """`GET /v1/enrollments`."""

    enrollments: list[OpenRun]
    next_cursor: str | None
