"""Settings of ingest."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class IngestSettings(Settings):
    """Environment variables ``FOLLOWUP_INGEST_…``."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_INGEST_", extra="ignore", frozen=True)
    section: ClassVar[str] = "ingest"

    delivery_retention_days: int = Field(
        30, gt=0, description="Days a raw delivery is kept, and with it the key by which a repeat is recognized."
    )
    subject_retention_days: int = Field(
        1096, ge=30, description="Days after its last update for which an order, cart or customer leads to a person."
    )
    published_retention_days: int = Field(
        400, gt=0, description="Days from the time of an event within which a repeated report of it is recognized."
    )
    most_deliveries_per_commit: int = Field(256, gt=0, description="Most webhooks that share one unit of work.")
