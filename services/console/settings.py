"""Settings of the console."""

from pathlib import Path
from typing import ClassVar

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class ConsoleSettings(Settings):
    """Environment variables ``FOLLOWUP_CONSOLE_…``."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_CONSOLE_", extra="ignore", frozen=True)
    section: ClassVar[str] = "console"

    session_hours: int = Field(
        12,
        gt=0,
        le=24 * 30,
        validation_alias=AliasChoices("FOLLOWUP_CONSOLE_SESSION_HOURS", "FOLLOWUP_METRICS_SESSION_HOURS"),
        description="How long a console sign-in lasts, in hours.",
    )
    signing_key_file: Path | None = Field(
        None, description="Ed25519 key (PKCS 8) that signs the console's calls to other services (distributed)."
    )
    ingest_url: str = Field("http://ingest:8080", description="Where the console reaches ingest.")
    scheduler_url: str = Field("http://scheduler:8080", description="Where the console reaches the scheduler.")
    compliance_url: str = Field("http://compliance:8080", description="Where the console reaches compliance.")
    sender_url: str = Field("http://sender:8080", description="Where the console reaches the sender.")
    metrics_url: str = Field("http://metrics:8080", description="Where the console reaches metrics.")
    connectors_url: str = Field("http://connectors:8080", description="Where the console reaches connectors.")

    def url_of(self, service: str) -> str:
        """Return where a service is reached."""
        urls = {
            "ingest": self.ingest_url,
            "scheduler": self.scheduler_url,
            "compliance": self.compliance_url,
            "sender": self.sender_url,
            "metrics": self.metrics_url,
            "connectors": self.connectors_url,
        }
        return urls[service]
