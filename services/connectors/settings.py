"""Settings of connectors."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class ConnectorsSettings(Settings):
    """Environment variables ``FOLLOWUP_CONNECTORS_…``."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_CONNECTORS_", extra="ignore", frozen=True)
    section: ClassVar[str] = "connectors"

    delivery_retention_days: int = Field(
        30, ge=2, description="Days a notification is listed; a dead one can be sent again so long."
    )
