"""What the generated types have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """What is sent: a name that the API does not know is refused here; what was not set is not sent."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Answer(BaseModel):
    """What was answered: fields that a newer service adds are ignored."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)
