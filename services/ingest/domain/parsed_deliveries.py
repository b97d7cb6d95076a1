"""The content of a delivery in Followup's own terms, whichever source it came from."""

import hashlib
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
    """Genuine, but its unsigned topic does not fit the signed body: it may be a replay under another topic."""


class DeliveryOutcome(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    IGNORED = "ignored"
    """Genuine and readable, and nothing in it is new."""
    NO_RECIPIENT = "no_recipient"
    """New, but about a person whose number is not known."""
    DISCARDED = "discarded"
    """It was quarantined, and somebody decided that it need not be read."""


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """The merchant's settings on which the parsing of a delivery depends."""

    country: str | None = None
    """ISO 3166-1 alpha-2 region of numbers written without a country code, if no address names one."""
    domain: str | None = None
    """The only shop domain whose deliveries are accepted; None: any that is signed with the secret."""
    consent_level: ConsentLevel = ConsentLevel.EXPRESS
    """The consent level of ticking the shop's checkbox for texts."""
    disclosure: str | None = None
    """The disclosure shown beside that checkbox."""
    disclosure_since: datetime | None = None
    """Since when it is shown; None: always."""

    def checkbox_consent(self, at: datetime | None) -> tuple[ConsentLevel, str | None]:
        """Return the consent level of ticking that checkbox at an instant, and the disclosure that justifies it.

        If the box was ticked before the disclosure took effect, or at an unknown time, it is express consent with no
        disclosure on record.
        """
        if self.disclosure is None or (self.disclosure_since and (at is None or at < self.disclosure_since)):
            return ConsentLevel.EXPRESS, None
        return self.consent_level, self.disclosure


@dataclass(frozen=True, slots=True)
class Identifier:
    """An id by which a later event without a number finds the same person."""

    kind: str
    """``subject`` (an order, cart or booking) or ``customer``."""
    name: str


@dataclass(frozen=True, slots=True)
class ConsentClaim:
    """A consent that the delivery reports as given or withdrawn."""

    scope: ConsentScope
    act: ConsentAct
    level: ConsentLevel
    captured_at: datetime | None
    method: str
    source: str
    reported_at: datetime
    """When what the delivery reports happened; the same in every delivery that reports it."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Under `disclosure` the exact words that were shown, if they are known."""
    contact: Contact | None = None
    """The person it concerns, if not the person of the delivery."""
    covers_former_numbers: bool = False
    """Whether it concerns every number the delivery's identifiers ever led to, as when a customer withdraws consent."""
    key: str = ""
    """Distinguishes undated claims; a dated claim is identified by its date."""

    @property
    def disclosure_sha256(self) -> str | None:
        """The hash of the disclosure as it was shown; None for none."""
        shown = self.evidence.get("disclosure")
        return None if shown is None else hashlib.sha256(shown.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TriggerDraft:
    """Something that may start or stop a flow: a trigger before its recipient is known."""

    kind: str
    key: str
    """Its natural key within merchant and source: reported several times, it is still one trigger."""
    occurred_at: datetime
    subject: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    is_test: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    anchored_at: datetime | None = None
    """An instant that every report of it has, if `occurred_at` may differ; the event id is derived from it."""
    superseded_by: str | None = None
    """The key of another trigger of this delivery: if that one is new, this one is not published."""


@dataclass(frozen=True, slots=True)
class OrderTotal:
    """An order's total in the shop's currency, and its ratio to the buyer's currency."""

    minor: int | None
    """Before refunds; None if that cannot be determined."""
    currency: str
    shop_minor: int | None = None
    buyer_minor: int | None = None
    """The same amount as `shop_minor` in the buyer's currency."""
    buyer_currency: str | None = None


@dataclass(frozen=True, slots=True)
class CollectionPoint:
    """Where consent is given for a number, and withdrawn by its removal: a checkbox, a customer's account."""

    name: str
    changed_at: datetime
    """Since when it is as the delivery shows it."""
    claim: ConsentClaim | None = None
    """The consent given there now; one of the delivery's claims."""
    contact: Contact | None = None
    """The person whose number stands there now, if the delivery reports no consent."""


@dataclass(frozen=True, slots=True)
class ParsedDelivery:
    """The content of a delivery; all of it concerns one person, or the whole merchant."""

    contact: Contact | None = None
    customer: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    """Best first."""
    triggers: tuple[TriggerDraft, ...] = ()
    claims: tuple[ConsentClaim, ...] = ()
    rights: tuple[PrivacyRight, ...] = ()
    as_of: datetime | None = None
    """Since when its order, cart or customer is as the delivery shows it; None: the delivery holds only a part of one.
    A delivery older than the stored state changes no number and gives no consent."""
    on_number_change: tuple[TriggerDraft, ...] = ()
    """Triggers that are repeated for the new number if the subject had another number before."""
    place: CollectionPoint | None = None
    total: OrderTotal | None = None
    """The current total of the order that its first identifier names."""
    closes: str | None = None
    """Why the merchant is closed, if the delivery closes it."""
    unknown: tuple[str, ...] = ()
    """Paths of optional fields that could not be read."""

    @property
    def has_content(self) -> bool:
        """Return whether the delivery reports anything."""
        return bool(self.triggers or self.claims or self.rights or self.closes)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A genuine delivery that does not have its source's form; `detail` names fields, never values."""

    reason: QuarantineReason
    detail: str


ParseResult: TypeAlias = ParsedDelivery | Unreadable


def must_pass(outcome: ParseResult) -> bool:
    """Return whether it withdraws consent, makes a privacy request or closes the merchant: no quota refuses that."""
    if isinstance(outcome, Unreadable):
        return False
    return bool(outcome.rights or outcome.closes or any(claim.act in WITHDRAWALS for claim in outcome.claims))
