"""Settings of compliance."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class ComplianceSettings(Settings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_COMPLIANCE_", extra="ignore", frozen=True)
    section: ClassVar[str] = "compliance"

    history_days: int = Field(366, ge=31, description="How long a text counts towards caps and first contact, in days.")
