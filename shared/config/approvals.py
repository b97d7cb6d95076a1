"""`approvals:` in merchant.yaml: what takes a second person's yes."""

from typing import Annotated

from pydantic import Field

from shared.config.model import FileModel, Whole


class Approvals(FileModel):
    """What takes a second person's yes; by default nothing does."""

    release_above: Annotated[Whole, Field(ge=1, le=10_000_000)] | None = None
    """Letting more paused texts go than this within an hour takes the yes of another user of the console."""
