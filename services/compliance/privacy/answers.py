"""What the routes of requests by right answer; `responses` makes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class RightsRequestAnswer(BaseModel):
    """A request by right, as lists show it."""

    id: UUID
    recipient_id: UUID | None = Field(description="Null: a platform asked about somebody who is not known here.")
    source: str
    requested_at: datetime


class RightsRequestTaken(RightsRequestAnswer):
    """A request that was taken: every service answers it, most within a minute."""

    state: Literal["under_way"]


class RightsRequestProgress(RightsRequestAnswer):
    """How far a request is."""

    state: Literal["under_way", "late", "complete"]
    completed_at: datetime | None
    missing: list[str] = Field(description="Services that have not answered yet.")


class ServiceErasureAnswer(BaseModel):
    """What one service deleted."""

    service: str
    erased_at: datetime
    rows: dict[str, int] = Field(description="How many rows, by table.")


class CertificateAnswer(RightsRequestProgress):
    """The certificate of an erasure."""

    services: list[ServiceErasureAnswer]
    kept: list[str]
    ledger_verifies: bool


class CopyAnswer(RightsRequestProgress):
    """Everything that is held about a person: rows, by table, by service."""

    services: dict[str, Any]


class ErasuresAnswer(BaseModel):
    """The newest erasures, newest first."""

    erasures: list[RightsRequestAnswer]


class ExportsAnswer(BaseModel):
    """The newest exports, newest first."""

    exports: list[RightsRequestAnswer]
