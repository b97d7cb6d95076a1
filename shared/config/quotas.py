"""Quotas in files: what one merchant, or one of its keys, may send in; those left out are the process's."""

from typing import Annotated

from pydantic import Field

from shared.config.model import FileModel, Whole


class KeyQuotas(FileModel):
    """What one key may send in; never more than its merchant."""

    events_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Events, consents, rows of an import and requested follow-ups, counted one by one."""
    bytes_per_second: Annotated[Whole, Field(gt=0, le=10_000_000_000)] | None = None
    """Of their requests' bodies."""


class MerchantQuotas(KeyQuotas):
    """What one merchant may send in, and how much of it may be pending or parked at once."""

    pending_follow_ups: Annotated[Whole, Field(ge=0)] | None = None
    """Follow-ups that are planned or released and have not ended."""
    parked_events: Annotated[Whole, Field(ge=0)] | None = None
    """Events parked in one service because they, or earlier ones of the same person, could not be handled."""
