"""Settings of connectors."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class ConnectorsSettings(Settings):
    """Environment variables ``FOLLOWUP_CONNECTORS_…``."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_CONNECTORS_", extra="ignore", frozen=True)
    section: ClassVar[str] = "connectors"

    mails_per_hour: int = Field(
        30, ge=1, description="Mails a merchant gets in an hour at most; what happens beyond waits for one digest."
    )
    mail_dir: Path | None = Field(
        None,
        description="Folder for mails (.eml files) where no FOLLOWUP_SMTP_HOST is set; embedded: mail in the data "
        "folder.",
    )
    delivery_retention_days: int = Field(
        30, ge=2, description="Days a notification is listed; a dead one can be sent again so long."
    )
