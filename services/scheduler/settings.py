"""The scheduler's settings: ``FOLLOWUP_SCHEDULER_<FIELD>``."""

from datetime import timedelta
from functools import cached_property
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings, Settings


class SchedulerSettings(Settings):
    """How the scheduler fires, paces and gives up."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_SCHEDULER_", extra="ignore", frozen=True)
    section: ClassVar[str] = "scheduler"

    batch_size: int = Field(500, gt=0, le=5000, description="Most timers taken, and texts released, in one unit.")
    sweep_size: int = Field(
        5000, gt=0, le=50_000, description="Most further timers put in line in one unit, where a batch is not enough."
    )
    spread_seconds: float = Field(
        15.0, ge=0, le=7200, description="Window over which marketing deferred to an opening hour is spread."
    )
    unread_trigger_seconds: float = Field(
        1.0, ge=0, le=4, description="How old what is known of unread events may be where a text is released."
    )
    record_days: int = Field(1826, ge=397, description="How long runs and ended texts are kept, in days; five years.")
    look_back_days: int = Field(30, gt=0, description="How long triggers are kept to find repeats and early cancels.")

    @cached_property
    def unconfirmed_after(self) -> timedelta:
        """How long a delivery receipt is waited for."""
        return CommonSettings().unconfirmed_after
