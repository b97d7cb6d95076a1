"""Consents: claims, the ledger's standings, and the erasure of a person or a shop."""

from datetime import datetime
from enum import StrEnum

from shared import aad
from shared.aad import AssociatedData
from shared.events.envelope import Event, Part, Sealed, event
from shared.events.topics import Topic
from shared.ids import EventId


class ConsentScope(StrEnum):
    """What a claim is about."""

    MARKETING = "marketing"
    INFORMATIONAL = "informational"
    ALL = "all"


class ConsentAct(StrEnum):
    """The act that a claim reports (compliance section 3, field `event`)."""

    GRANTED = "granted"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"
    RESTORED = "restored"
    EXPIRED = "expired"
    IMPORTED = "imported"


WITHDRAWALS = frozenset({ConsentAct.REVOKED, ConsentAct.EXPIRED})
"""Acts that withdraw a permission: never refused for a quota."""


class ConsentLevel(StrEnum):
    """How strong a permission is (compliance section 3)."""

    PEWC = "pewc"
    """Prior express written consent, 47 CFR 64.1200(f)(9)."""
    EXPRESS = "express"
    IMPLIED = "implied"
    SOFT_OPT_IN = "soft_opt_in"
    CONTRACT = "contract"
    UNKNOWN = "unknown"


class SuppressionCause(StrEnum):
    """Why a number must never be written to again."""

    OPT_OUT = "opt_out"
    COMPLAINT = "complaint"
    INVALID = "invalid"
    REASSIGNED = "reassigned"
    WRONG_PERSON = "wrong_person"
    ERASED = "erased"


RESERVED_METHODS = frozenset({"keyword", "reply", "erasure"})
RESERVED_SOURCES = frozenset({"reply", "preferences", "erasure"})
"""Methods and sources of acts that this system witnesses itself; a report from outside cannot use them."""
_PROVIDERS = "provider:"
_CLAIMED = "claimed:"


def is_reserved(method: str, source: str) -> bool:
    """Return whether a report from outside uses a method or source of this system's own."""
    how, where = _plain(method), _plain(source)
    return how in RESERVED_METHODS or where in RESERVED_SOURCES or where.startswith(_PROVIDERS)


def as_claimed(method: str, source: str) -> tuple[str, str]:
    """Return method and source as a report from outside may record them: ``keyword`` becomes ``claimed:keyword``."""
    how = f"{_CLAIMED}{method}" if _plain(method) in RESERVED_METHODS else method
    return how, f"{_CLAIMED}{source}" if is_reserved("", source) else source


def _plain(word: str) -> str:
    return word.strip().casefold()


@event(Topic.CONSENTS, "consent.reported")
class ConsentReported(Event):
    """A claim that a person gave or withdrew consent; the ledger decides what it means."""

    scope: ConsentScope
    act: ConsentAct
    level: ConsentLevel = ConsentLevel.UNKNOWN
    captured_at: datetime | None = None
    """The claim's own time; an undated claim never overturns a revocation."""
    expires_at: datetime | None = None
    method: str
    """web_form, keyword, checkout, paper, api, voice, platform, reply."""
    source: str
    """Form address or platform that reported it."""
    disclosure_sha256: str | None = None
    """Hash of the exact wording shown; the wording itself is in `evidence`."""
    keyword_seq: int | None = None
    """The number this keyword took in the person's sender row; only replies have one."""
    cause: SuppressionCause | None = None
    """Set where the claim suppresses the number beyond consent (wrong person, provider's block)."""
    contact: Sealed | None = None
    first_hand: bool = False
    """The person did it on their signed preference page; no report from outside can claim so. What a person texts is
    identified by its `keyword_seq`."""
    evidence: Sealed | None = None
    """JSON: disclosure text, ip, user agent, signer, screenshot reference, whatever the reporter has."""

    def passes_parked(self) -> bool:
        """Return true for a revocation: it is never held back by an earlier event that failed."""
        return self.act is ConsentAct.REVOKED

    def associated_data(self) -> dict[str, AssociatedData]:
        """Return where contact and evidence belong."""
        return {**super().associated_data(), "evidence": aad.evidence(self.event_id)}


class ScopeSnapshot(Part):
    """What the ledger holds for one scope."""

    status: str
    """A word of the evaluation format: pewc, express, …, pending, expired, revoked, none, unknown."""
    captured_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@event(Topic.CONSENTS, "consent.changed")
class ConsentChanged(Event):
    """The ledger's standing of a person is now this; a higher `epoch` replaces a lower one."""

    epoch: int
    """Counts the ledger entries of this person."""
    marketing: ScopeSnapshot
    informational: ScopeSnapshot
    suppressed: SuppressionCause | None = None
    """Opt-out of everything included."""
    keyword_seq: int = 0
    """The highest keyword number applied; lifts a suppression only when it is the sender's current one."""
    reports: tuple[EventId, ...] = ()
    """The claims that led here."""
    scope: ConsentScope
    act: ConsentAct
    """The act of the newest of them."""
    newly_revoked: bool = True
    """Whether a revocation withdrew a permission that existed before; false for a repeated STOP."""

    def passes_parked(self) -> bool:
        """Return true where the person may no longer be written to."""
        return self.suppressed is not None or self.act is ConsentAct.REVOKED


class PrivacyRight(StrEnum):
    """What a person or platform may ask for (GDPR articles 15 and 17)."""

    EXPORT = "export"
    ERASURE = "erasure"


@event(Topic.CONSENTS, "privacy.requested")
class PrivacyRequested(Event):
    """An export or erasure was requested."""

    right: PrivacyRight
    source: str

    def passes_parked(self) -> bool:
        """Return true: a right is never held back."""
        return True


@event(Topic.CONSENTS, "recipient.erased")
class RecipientErased(Event):
    """Forget this person: sealed columns go, guard rows and keyed hashes stay."""

    request_id: EventId | None = None
    """The request whose certificate lists what each service blanked; None: there is no certificate."""

    def passes_parked(self) -> bool:
        """Return true: an erasure is never held back."""
        return True


@event(Topic.CONSENTS, "merchant.closed")
class MerchantClosed(Event):
    """Stop every text of this shop; published to every partition (recipient id is nil)."""

    reason: str

    def passes_parked(self) -> bool:
        """Return true: a closed shop sends no text."""
        return True
