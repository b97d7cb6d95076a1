"""What the routes of consents answer."""

from uuid import UUID

from pydantic import BaseModel

from shared.events.consent import ScopeSnapshot


class ScopesAnswer(BaseModel):
    """What is in force for each scope."""

    marketing: ScopeSnapshot
    informational: ScopeSnapshot


class LedgerAnswer(BaseModel):
    """A claim that is in the ledger, and what the ledger holds of its person now."""

    consent_id: UUID
    recipient_id: UUID
    recorded: bool
    """False: it was there already, or counts for nothing."""
    consents: ScopesAnswer
    suppressed: str | None
    needs_review: bool
    epoch: int


class RefusedRowAnswer(BaseModel):
    """A row that is not in the ledger, and how to mend it."""

    row: int
    reason: str
    detail: str


class ImportAnswer(BaseModel):
    """What became of the rows of an import."""

    recorded: int
    repeated: int
    refused: list[RefusedRowAnswer]
