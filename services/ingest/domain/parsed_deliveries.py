"""What a delivery says, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from shared.events.consent import WITHDRAWALS, ConsentAct, ConsentLevel, ConsentScope, PrivacyRight
from shared.events.trigger import Contact


class QuarantineReason(StrEnum):
    """Why a genuine delivery could not be read."""

    NOT_JSON = "not_json"
    UNKNOWN_TOPIC = "unknown_topic"
    MISSHAPEN = "misshapen"
    TOPIC_MISMATCH = "topic_mismatch"
    """Genuine, but its unsigned topic does not fit the signed body: somebody may have sent it again under another."""


class DeliveryOutcome(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    IGNORED = "ignored"
    """Genuine and readable, and nothing in it is news to us."""
    NO_RECIPIENT = "no_recipient"
    """News about somebody whose phone nobody ever told us."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the merchant's files say that bears on reading a delivery."""

    country: str | None = None
    """ISO 3166-1 alpha-2 region of numbers written without a prefix, where no address says better."""
    domain: str | None = None
    """The only shop whose deliveries are taken; None: whichever knows the secret."""
    consent_level: ConsentLevel = ConsentLevel.EXPRESS
    """What ticking the shop's own box for texts is."""
    disclosure: str | None = None
    """The wording beside that box."""
    disclosure_since: datetime | None = None
    """Since when; None: always."""

    def ticked(self, at: datetime | None) -> tuple[ConsentLevel, str | None]:
        """Return what a tick of that box at an instant is worth, and the wording that makes it so.

        A tick from before the wording, or of nobody knows when, is express consent without any evidence of words.
        """
        if self.disclosure is None or (self.disclosure_since and (at is None or at < self.disclosure_since)):
            return ConsentLevel.EXPRESS, None
        return self.consent_level, self.disclosure


@dataclass(frozen=True, slots=True)
class Join:
    """Something by which a later event without a phone finds the same person."""

    kind: str
    """``subject`` (an order, cart or booking) or ``customer``."""
    name: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A consent that the delivery reports."""

    scope: ConsentScope
    act: ConsentAct
    level: ConsentLevel
    captured_at: datetime | None
    method: str
    source: str
    told_at: datetime
    """When the thing happened in whose telling the claim stands; the same in every telling."""
    disclosure_sha256: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    contact: Contact | None = None
    """Whom it is about, where that is not the person of the delivery."""
    reaches_everybody: bool = False
    """Whether it is about every number that the delivery's joins ever had: somebody withdraws as a customer."""
    key: str = ""
    """Tells undated claims apart; a dated one is known by its date."""


@dataclass(frozen=True, slots=True)
class TriggerDraft:
    """Something that may start or stop a flow: a trigger before anybody knows whose."""

    kind: str
    key: str
    """Its natural key within merchant and source: however often and wherever it is told, it is one trigger."""
    occurred_at: datetime
    subject: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    is_test: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    anchored_at: datetime | None = None
    """An instant of the same thing that every telling has, where `occurred_at` may differ between them."""
    unless: str | None = None
    """The key of another happening of this delivery: where that is news itself, it says this too."""


@dataclass(frozen=True, slots=True)
class OrderTotal:
    """What an order comes to, in the shop's money, and its ratio to the buyer's."""

    minor: int | None
    """With what was given back; None where that cannot be told."""
    currency: str
    shop_minor: int | None = None
    buyer_minor: int | None = None
    """What `shop_minor` was in the buyer's money."""
    buyer_currency: str | None = None


@dataclass(frozen=True, slots=True)
class PermissionPlace:
    """Where a person gives a number permission, and may take it off again: a checkout's box, a customer's account."""

    name: str
    changed_at: datetime
    """When it came to be as it is now."""
    claim: Claim | None = None
    """The permission that is given there now; one of the delivery's claims."""
    contact: Contact | None = None
    """Whose number stands there now, where the delivery says no more of permission."""


@dataclass(frozen=True, slots=True)
class ParsedDelivery:
    """What a delivery says; all of it concerns one person, or the whole merchant."""

    contact: Contact | None = None
    customer: str | None = None
    joins: tuple[Join, ...] = ()
    """Best first."""
    happenings: tuple[TriggerDraft, ...] = ()
    claims: tuple[Claim, ...] = ()
    rights: tuple[PrivacyRight, ...] = ()
    as_of: datetime | None = None
    """When its order, cart or customer came to be as it is told here, whole; None: the delivery tells a part of one.
    What is older than what is known changes no number, and gives no permission."""
    retold: tuple[TriggerDraft, ...] = ()
    """What whoever has the number now is to hear, should the subject have had another one before."""
    place: PermissionPlace | None = None
    total: OrderTotal | None = None
    """What the order of its first join comes to now."""
    closes: str | None = None
    """Why the merchant is closed, where the delivery says so."""
    unknown: tuple[str, ...] = ()
    """Places of the document that could not be read, and that nothing here needed."""

    @property
    def says_something(self) -> bool:
        """Return whether there is anything to tell of."""
        return bool(self.happenings or self.claims or self.rights or self.closes)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A genuine delivery that does not fit what we know of its source; `detail` names fields, never values."""

    reason: QuarantineReason
    detail: str


ParseResult: TypeAlias = ParsedDelivery | Unreadable


def must_pass(outcome: ParseResult) -> bool:
    """Return whether somebody withdraws something in it: that is taken however much else its merchant sends."""
    if isinstance(outcome, Unreadable):
        return False
    return bool(outcome.rights or outcome.closes or any(claim.act in WITHDRAWALS for claim in outcome.claims))
