"""Settings of metrics."""

from datetime import timedelta
from functools import cached_property
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings, Settings


class MetricsSettings(Settings):
    """Environment variables ``FOLLOWUP_METRICS_…``."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_METRICS_", extra="ignore", frozen=True)
    section: ClassVar[str] = "metrics"

    record_days: int = Field(
        1826,
        ge=397,
        description="How long facts, and the figures computed from them, are kept, in days; default five years.",
    )
    late_after_seconds: int = Field(
        3600, gt=0, description="A fact recorded this many seconds after it happened counts as late."
    )

    @cached_property
    def unconfirmed_after(self) -> timedelta:
        """How long a delivery receipt is waited for."""
        return CommonSettings().unconfirmed_after
