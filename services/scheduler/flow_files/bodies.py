"""What is asked and answered about flow files."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.scheduler.api_models import Input
from services.scheduler.flow_views.bodies import TextPreviewAnswer

MOST_CHARACTERS = 48_000
"""Of a file that is changed over HTTP; a longer one is edited where it lies."""


class FlowDraft(Input):
    """A flow as somebody writes it: YAML, as in a file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "flow: thanks\non: purchase\nsteps: [{text: hi, purpose: transactional, body: Thanks}]\n"}
            ]
        },
    )

    text: Annotated[str, Field(max_length=MOST_CHARACTERS)]


class FlowProblemAnswer(BaseModel):
    """One mistake, and what to write instead."""

    line: int
    severity: Literal["error", "warning"]
    message: str
    fix: str


class DraftTextAnswer(BaseModel):
    """A text of a flow that is being written."""

    text: str
    purpose: str
    previews: list[TextPreviewAnswer]


class FlowCheckAnswer(BaseModel):
    """What is wrong with it, and what its texts would say."""

    is_valid: bool
    """It has no error, and would come into force."""
    version: str | None
    """None: it cannot be read."""
    problems: list[FlowProblemAnswer]
    texts: list[DraftTextAnswer]


class FlowFileAnswer(BaseModel):
    """The file of a flow."""

    flow: str
    text: str
    sha256: str
    """What `If-Match` names to change it."""
    is_writable: bool
    """False: change it where the files come from."""


class FlowSavedAnswer(BaseModel):
    """A file was saved; it comes into force within two seconds."""

    flow: str
    sha256: str
    version: str
    problems: list[FlowProblemAnswer]
    """Warnings."""


class FlowDeletedAnswer(BaseModel):
    """A file was deleted; planned texts of the flow are paused a minute later, until somebody decides about them."""

    flow: str
