"""What compliance answers about a person, as the console's pages read it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from services.console.answers import ToneName

_STATUS: Final = {
    "pewc": ("agreed in writing", "good"),
    "express": ("agreed", "good"),
    "implied": ("implied by a purchase or inquiry", "good"),
    "soft_opt_in": ("soft opt-in", "good"),
    "contract": ("only about an order", "plain"),
    "pending": ("asked to confirm, no answer yet", "wait"),
    "expired": ("expired", "wait"),
    "revoked": ("opted out", "bad"),
    "none": ("nothing on record", "plain"),
    "unknown": ("agreed, strength unknown", "wait"),
}
_ACTS: Final = {
    "granted": "agreed",
    "imported": "agreed, imported",
    "confirmed": "confirmed",
    "pending": "was asked to confirm",
    "revoked": "opted out",
    "restored": "opted in again",
    "expired": "expired",
}

_SCOPES: Final = {"marketing": "marketing", "informational": "about orders", "all": "all texts"}
_LEVELS: Final = {
    "pewc": "in writing",
    "express": "said so",
    "implied": "implied by a purchase or inquiry",
    "soft_opt_in": "soft opt-in",
    "contract": "as part of an order",
    "unknown": "strength unknown",
}


class ShownConsent(BaseModel):
    """What the person agreed to, for one kind of text."""

    status: str
    captured_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def in_words(self) -> str:
        """The status in a few words."""
        return _STATUS.get(self.status, (self.status.replace("_", " "), "plain"))[0]

    @property
    def tone(self) -> str:
        """Its tone."""
        return _STATUS.get(self.status, ("", "plain"))[1]


class ShownConsents(BaseModel):
    """For each kind of text."""

    marketing: ShownConsent
    informational: ShownConsent


class ShownEntry(BaseModel):
    """One entry of the ledger."""

    act: str
    scope: str
    level: str
    recorded_at: datetime
    captured_at: datetime | None
    method: str
    source: str
    is_by_the_person: bool
    has_disclosure: bool
    has_evidence: bool

    @property
    def in_words(self) -> str:
        """What happened."""
        return _ACTS.get(self.act, self.act.replace("_", " "))

    @property
    def about(self) -> str:
        """Which texts it is about, and how strong it is."""
        scope = _SCOPES.get(self.scope, self.scope)
        return scope if self.act == "revoked" else f"{scope}, {_LEVELS.get(self.level, self.level)}"


class ShownHappening(BaseModel):
    """Something that happened to a person."""

    at: datetime
    title: str
    summary: str
    tone: ToneName
    follow_up_id: UUID | None
    flow: str | None
    step: str | None


class ShownTimeline(BaseModel):
    """The answer of `GET /v1/timelines/{recipient_id}`, the newest first."""

    steps: list[ShownHappening] = []


class ShownPersonStanding(BaseModel):
    """The answer of `GET /v1/standings/{recipient_id}`."""

    consents: ShownConsents
    suppressed: str | None
    needs_review: bool
    preferences_url: str
    entries: list[ShownEntry]
