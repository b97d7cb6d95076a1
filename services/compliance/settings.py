"""Settings of compliance."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class ComplianceSettings(Settings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_COMPLIANCE_", extra="ignore", frozen=True)
    section: ClassVar[str] = "compliance"

    do_not_call_file: Path | None = Field(
        None,
        description="Do-not-call list: a number a line; marketing there needs written consent. Renew every 31 days.",
    )
    reassigned_file: Path | None = Field(None, description="Reassigned numbers: number,YYYY-MM-DD a line.")
    line_types_file: Path | None = Field(
        None, description="Kinds of lines: number,mobile|landline|voip|toll_free|premium a line."
    )
    export_days: int = Field(30, ge=1, description="How long a person's copy is kept for fetching, in days.")
    request_days: int = Field(1826, ge=365, description="How long the proof of a privacy request is kept, in days.")
    decision_days: int = Field(1826, ge=365, description="How long verdicts are kept, in days; five years.")
    preference_link_days: int = Field(30, ge=1, description="How long a signed link opens a preference page, in days.")
    signing_key_file: Path | None = Field(
        None, description="Ed25519 key (PEM) that signs the ledger's days; default: ledger-key.pem beside the keyring."
    )
    history_days: int = Field(366, ge=31, description="How long a text counts towards caps and first contact, in days.")
