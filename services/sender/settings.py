"""The sender's settings: `FOLLOWUP_SENDER_<FIELD>`."""

from functools import cached_property
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.instants import Written
from shared.settings import Settings


class SenderSettings(Settings):
    """How fast the sender works, and how long it asks providers about calls."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_SENDER_", extra="ignore", frozen=True)
    section: ClassVar[str] = "sender"

    calls_at_once: int = Field(512, gt=0, le=2000, description="Most provider calls under way in this process.")
    group_texts: int = Field(256, gt=0, le=500, description="Most intents of one number in one commit.")
    pass_seconds: float = Field(0.05, gt=0, le=5, description="Pause between two passes while texts wait.")
    idle_seconds: float = Field(0.25, gt=0, le=5, description="Pause between two looks at an empty queue.")
    reconcile_seconds: float = Field(5.0, gt=0, le=600, description="Pause between two looks for unanswered calls.")
    horizon_hours: float = Field(
        24.0, gt=0, le=720, description="How long an unanswered call is looked up at the provider."
    )
    restored_at: Written | None = Field(
        None,
        description="Set after restoring a backup: the instant it was taken. Texts that were due before this process "
        "started are looked up at the provider before they may be sent.",
    )
    allowlist: str = Field(
        "", description="Numbers (E.164, separated by commas) that providers marked allowlist_only may send to."
    )
    record_days: int = Field(
        1826, ge=365, description="How long records of texts, replies and purchases are kept, in days; five years."
    )
    simulator_url: str = Field("", description="Address of the simulated provider; empty: this process itself.")

    @cached_property
    def allowed_numbers(self) -> frozenset[str]:
        """The allow-list as a set."""
        return frozenset(number.strip() for number in self.allowlist.split(",") if number.strip())
