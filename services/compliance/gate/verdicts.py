"""What the gate answers: clear, defer or block, with the reason, the rules and the local times it checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias


class Reason(StrEnum):
    """The reason of a verdict; stable codes of compliance section 1 and of the formats page."""

    OK = "ok"
    RULES_UNREADABLE = "rules_unreadable"
    MERCHANT_CLOSED = "merchant_closed"
    INVALID_NUMBER = "invalid_number"
    UNSUPPORTED_NUMBER_TYPE = "unsupported_number_type"
    SUPPRESSED_NUMBER = "suppressed_number"
    UNKNOWN_CLASS = "unknown_class"
    NO_RECENT_INBOUND = "no_recent_inbound"
    CONFIRMATION_ALREADY_SENT = "confirmation_already_sent"
    CONFIRMATION_EXPIRED = "confirmation_expired"
    AWAITING_CONSENT = "awaiting_consent"
    OPTED_OUT = "opted_out"
    DESTINATION_NOT_ALLOWED = "destination_not_allowed"
    DESTINATION_PROHIBITED = "destination_prohibited"
    NO_CONSENT = "no_consent"
    CONSENT_PENDING = "consent_pending"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_INSUFFICIENT = "consent_insufficient"
    MESSAGE_EXPIRED = "message_expired"
    NEEDS_REVIEW = "needs_review"
    PARKED = "parked"
    CONSENT_LAG = "consent_lag"
    SOURCE_LAG = "source_lag"
    PAUSED = "paused"
    HOLIDAY = "holiday"
    QUIET_HOURS = "quiet_hours"
    FREQUENCY_CAP = "frequency_cap"
    NEW_PEOPLE = "new_people_limit"
    ADJACENT_NUMBERS = "adjacent_numbers"
    SPEND_LIMIT = "spend_limit"


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """One rule that was checked."""

    id: str
    name: str
    cite: str
    hours: str
    open: bool
    """In every candidate zone, at the moment of the verdict."""
    skipped: str | None = None
    """Why the rule did not apply; None: it applied."""


@dataclass(frozen=True, slots=True)
class ZoneFinding:
    """One time zone that was checked."""

    zone: str
    local_time: datetime
    """Aware, in that zone."""
    open: bool
    """By every rule that applied."""
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict is based on, and one sentence about it for the shop owner."""

    explanation: str
    rules: tuple[RuleFinding, ...] = ()
    zones: tuple[ZoneFinding, ...] = ()
    ignored: tuple[str, ...] = ()
    """Names of contact facts that could not be used, such as ``time_zone``."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The text may be sent until `valid_until`; after that the gate must be asked again."""

    valid_until: datetime
    window_closes_at: datetime | None
    """When quiet hours begin, less the guard; None: no quiet hours apply."""
    evidence: Evidence
    reason: Reason = Reason.OK


@dataclass(frozen=True, slots=True)
class Defer:
    """Ask again at `until` (UTC). Not an attempt: it never counts against a retry budget."""

    until: datetime
    reason: Reason
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Block:
    """The text must never be sent."""

    reason: Reason
    evidence: Evidence


Verdict: TypeAlias = Clear | Defer | Block

DECISION_OF: Final[Mapping[type[Verdict], Literal["send", "defer", "block"]]] = MappingProxyType(
    {Clear: "send", Defer: "defer", Block: "block"}
)
"""A verdict's name outside: in the evaluation format, the decisions table and metrics."""
