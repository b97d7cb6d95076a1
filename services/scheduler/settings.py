"""The scheduler's settings: ``FOLLOWUP_SCHEDULER_<FIELD>``."""

from datetime import timedelta
from functools import cached_property
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import CommonSettings, Settings


class SchedulerSettings(Settings):
    """How the scheduler releases and paces follow-ups, and how long it keeps them."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_SCHEDULER_", extra="ignore", frozen=True)
    section: ClassVar[str] = "scheduler"

    batch_size: int = Field(
        500, gt=0, le=5000, description="Most timers claimed, and follow-ups released, in one step."
    )
    sweep_size: int = Field(
        5000,
        gt=0,
        le=50_000,
        description="Most further timers moved into queues in one step, when more than a batch is due.",
    )
    spread_seconds: float = Field(
        15.0, ge=0, le=7200, description="Window over which marketing that was deferred to an opening hour is spread."
    )
    unread_trigger_seconds: float = Field(
        1.0, ge=0, le=4, description="How old the knowledge of unread events may be when a follow-up is released."
    )
    record_days: int = Field(1826, ge=397, description="Days for which runs and ended follow-ups are kept; five years.")
    look_back_days: int = Field(
        30, gt=0, description="Days for which triggers are kept, to find repeats and cancellations that came first."
    )

    @cached_property
    def unconfirmed_after(self) -> timedelta:
        """How long a delivery receipt is waited for."""
        return CommonSettings().unconfirmed_after
