"""Quotas as files say them: what one merchant, or one of its keys, may bring in; what is left out is the process's."""

from typing import Annotated

from pydantic import Field

from shared.config.model import FileModel, Whole


class KeyQuotas(FileModel):
    """What one key may bring in; never more than its merchant."""

    events_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Events, consents, rows of an import and requested follow-ups, counted one by one."""
    bytes_per_second: Annotated[Whole, Field(gt=0, le=10_000_000_000)] | None = None
    """Of their requests' bodies."""


class MerchantQuotas(KeyQuotas):
    """What one merchant may bring in, and what of it may stand at once."""

    pending_follow_ups: Annotated[Whole, Field(ge=0)] | None = None
    """Follow-ups that are planned or released and have not ended."""
    parked_events: Annotated[Whole, Field(ge=0)] | None = None
    """Events put aside in one service because they, or earlier ones of the same person, could not be handled."""
