"""What the gate is given: the text, the recipient, the consent, the history and the merchant's policy."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.compliance.gate.verdicts import Reason
from shared.config.merchant import MerchantConfig
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.rules.numbers import NumberFacts
from shared.rules.places import NOTHING_KNOWN, KnownPlace, countries_by_law
from shared.rules.table import ConsentStatus, FrequencyCap
from shared.vocabulary.profiles import Profile

SERVICE_GUARD_SECONDS = 60
"""The shortest guard in live service, so that clearances do not lapse again and again at the end of a window
(design section 9)."""
SERVICE_CLEARANCE_SECONDS = 60
"""The shortest clearance in live service: the sender requires 45 s to be left, and needs time before that."""


class LineType(StrEnum):
    """What kind of line a number is, if it was looked up."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    VOIP = "voip"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    UNKNOWN = "unknown"


class PastKind(StrEnum):
    """What happened between the shop and the person: a text of a purpose, an inbound HELP, or a reply."""

    MARKETING = "marketing"
    INFORMATIONAL = "informational"
    TRANSACTIONAL = "transactional"
    OPT_OUT_CONFIRMATION = "opt_out_confirmation"
    HELP = "help"
    INBOUND_HELP = "inbound_help"
    CONVERSATION = "conversation"
    INBOUND_REPLY = "inbound_reply"
    """Any text of the person that was no opt-out."""


TEXT_OF = {purpose: PastKind(purpose.value) for purpose in Purpose}
"""The kind of past event that a text of a purpose becomes."""


@dataclass(frozen=True, slots=True)
class JudgedText:
    """The text to be judged; all instants are aware UTC."""

    purpose: Purpose | None
    """None: an unknown class."""
    first_due_at: datetime
    """`max_defer_hours` counts from here."""
    expires_at: datetime | None = None
    """From this instant on the text must not be sent."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the merchant that this text met, independent of its recipient."""

    reason: Reason
    until: datetime
    """When there may be room again."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """The person, without identity: facts about the number, what is known, and what holds marketing back."""

    number: NumberFacts
    known: KnownPlace = NOTHING_KNOWN
    line: LineType = LineType.UNKNOWN
    ported: bool = False
    suppressed: bool = False
    """For a cause other than opt-out (check 3); a cause in `suppression` counts by itself."""
    suppression: SuppressionCause | None = None
    is_of_shipping: bool = False
    """The number is a shipping address's, which may be another person's: never marketing (webhooks section 1)."""
    awaiting_consent: bool = False
    """A consent report of the same delivery, or the opt-out to be confirmed, is not in the ledger yet."""
    needs_review: bool = False
    """An ambiguous reply waits for a decision."""
    parked: bool = False
    """An earlier event of this person failed and is parked."""
    consent_lag: bool = False
    """An event about this person's permissions is unread in the log, or the clock is not trustworthy (promise P4)."""
    source_lag: bool = False
    """Events that a publisher has committed may not be in the log yet."""
    paused_until: datetime | None = None
    """The person asked for no marketing before this instant, without withdrawing consent."""
    limit: Limit | None = None
    """Too many new people, neighbouring numbers, or too much spent."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the ledger holds for the purpose of the text."""

    status: ConsentStatus = ConsentStatus.UNKNOWN
    captured_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    """The newest withdrawal."""
    revoked_since: datetime | None = None
    """The first withdrawal since the last permission; None: `revoked_at`."""

    def is_revoked(self) -> bool:
        """Return whether the person has withdrawn; only a grant dated after the withdrawal overturns it."""
        if self.status is ConsentStatus.REVOKED:
            return True
        if self.revoked_at is None:
            return False
        return self.captured_at is None or self.captured_at <= self.revoked_at


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One thing that happened; a reserved cap slot counts as a text of its purpose."""

    at: datetime
    kind: PastKind


@dataclass(frozen=True, slots=True)
class Policy:
    """The merchant's choices; None takes the table's default."""

    profile: Profile = Profile.STRICT
    close_guard_seconds: int | None = None
    marketing_caps: tuple[FrequencyCap, ...] = ()
    """In addition to the table's and the statutes' caps: an operator may lower, not raise."""
    informational_caps: tuple[FrequencyCap, ...] = ()
    """The only caps of informational texts."""
    allow_above_statutory: frozenset[str] = frozenset()
    """Jurisdictions whose own caps, and ours, give way to `marketing_caps` (compliance section 9)."""
    max_defer_hours: int | None = None
    enforced: frozenset[str] = frozenset()
    """Jurisdictions switched on although the table lists them for information."""
    emergency_blocks: frozenset[str] = frozenset()
    """Jurisdictions in a declared emergency that bars solicitation (La. R.S. 45:844.31)."""
    least_clearance_seconds: int = 0
    """No clearance is given for less: an opening, a text or a consent that ends sooner counts as ended."""
    destinations: frozenset[str] | None = None
    """Countries texts may go to, by the law that applies (GB for Jersey); None: any."""
    is_closed: bool = False
    """The shop has closed: nothing is sent, not even answers."""

    @classmethod
    def of(cls, config: MerchantConfig, *, is_closed: bool = False) -> "Policy":
        """Return the policy of a merchant's file, with the guard and clearance of every live decision."""
        policies = config.policies
        return cls(
            profile=policies.profile,
            close_guard_seconds=policies.close_guard_seconds,
            marketing_caps=tuple(FrequencyCap(cap.max, cap.per_hours) for cap in policies.caps.marketing),
            informational_caps=tuple(FrequencyCap(cap.max, cap.per_hours) for cap in policies.caps.informational),
            allow_above_statutory=frozenset(policies.allow_above_statutory),
            max_defer_hours=policies.max_defer_hours,
            emergency_blocks=frozenset(policies.emergency_blocks),
            destinations=countries_by_law(config.destinations()),
            is_closed=is_closed,
        ).in_service()

    def in_service(self) -> "Policy":
        """Return this policy with a guard and a clearance of at least a minute, as every live decision has."""
        guard = max(SERVICE_GUARD_SECONDS, self.close_guard_seconds or 0)
        least = max(SERVICE_CLEARANCE_SECONDS, self.least_clearance_seconds)
        return replace(self, close_guard_seconds=guard, least_clearance_seconds=least)
