"""A run that is about to begin, with the flow version it keeps and the follow-ups it plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from services.scheduler.runs.plan import PlannedText
from shared import ids
from shared.config.directory import Merchant
from shared.ids import EnrollmentId, EventId, FollowUpId, RecipientId
from shared.templates import ZONE

_FIRST_VISIT = 1
"""A step is visited once, as long as flows have no loops."""


@dataclass(frozen=True, slots=True)
class Version:
    """The flow version that a run begins with and keeps."""

    flow: str
    version: str
    content: str

    @classmethod
    def of_content(cls, flow: str, content: str) -> "Version":
        """Return the version of a built-in flow."""
        return cls(flow, sha256(content.encode()).hexdigest(), content)


@dataclass(frozen=True, slots=True)
class NewRun:
    """One recipient's run through a flow, about to begin."""

    merchant: Merchant
    recipient_id: RecipientId
    version: Version
    entry_key: str
    ordinal: int
    began_at: datetime
    """When its trigger happened; part of its identity."""
    texts: Sequence[PlannedText]
    zone: ZoneInfo
    sender_number: str
    contact: bytes
    facts: Mapping[str, Any]
    """The names its templates may read, and the zone their dates are written in."""
    correlation_id: str
    trigger_id: EventId | None = None
    subject: str | None = None
    consent_reports: tuple[EventId, ...] = ()
    inbound_at: datetime | None = None
    is_built_in: bool = False
    """Its entry is not stored, since no rule reads it (follow-ups of the API, answers)."""
    asked_by: str | None = None
    """The id of the API key that asked for it."""

    @property
    def enrollment_id(self) -> EnrollmentId:
        """The id of this run, derived from what makes it unique."""
        parts = (self.merchant.id, self.version.flow, self.recipient_id, self.entry_key, self.ordinal)
        return EnrollmentId(ids.derived("enrollment", *parts, at=self.began_at))


def follow_up_id(enrollment: EnrollmentId, step: str, began_at: datetime) -> FollowUpId:
    """Return the id of a run's follow-up at a step, derived from what makes it unique."""
    return FollowUpId(ids.derived("follow-up", enrollment, step, _FIRST_VISIT, at=began_at))


def names_of(
    merchant: Merchant,
    trigger: Mapping[str, Any],
    recipient: Mapping[str, Any],
    history: Mapping[str, Any],
    zone: ZoneInfo,
) -> dict[str, Any]:
    """Return the names a template may read, and the zone its dates are written in."""
    return {
        "trigger": trigger,
        "recipient": recipient,
        "history": history,
        "merchant": {"brand": merchant.config.brand, "contact": merchant.config.contact},
        ZONE: zone.key,
    }
