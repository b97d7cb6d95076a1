"""One immutable entry per consent event, and its canonical bytes."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from uuid import UUID

import orjson

from shared.chain import JSONValue, ordered
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, SuppressionCause
from shared.ids import EventId, MerchantId, RecipientId
from shared.unix_time import microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One consent event as it is kept: who, what, when, how, and the hashes of what was shown.

    What identifies a person (signer, ip, user agent, reply text, address at capture) is in the sealed evidence; the
    entry keeps only the hash of the sealed bytes, so an erasure can blank them and the chain still verifies.

    Source: compliance section 3.
    """

    entry_id: EventId
    """The claim's own event id: a repeat of the claim is the same entry."""
    merchant_id: MerchantId
    recipient_id: RecipientId
    act: ConsentAct
    scope: ConsentScope
    level: ConsentLevel
    recorded_at: datetime
    """When we received it."""
    method: str
    source: str
    captured_at: datetime | None = None
    """The claim's own time; an undated claim never overturns a revocation."""
    expires_at: datetime | None = None
    disclosure_sha256: str | None = None
    disclosure_version: str | None = None
    checkbox_default: bool | None = None
    """Whether the box was ticked by default; it must not be."""
    not_condition_of_purchase: bool | None = None
    confirmation_follow_up_id: str | None = None
    """The double opt-in text that was answered."""
    inquiry_at: datetime | None = None
    """Purchase or inquiry that implied consent rests on."""
    locale: str | None = None
    country: str | None = None
    state: str | None = None
    time_zone: str | None = None
    cause: SuppressionCause | None = None
    keyword_seq: int | None = None
    actor: str = "system"
    evidence_sha256: str | None = None
    """Of the sealed bytes, never of the plain ones."""

    @property
    def is_by_the_person(self) -> bool:
        """Return whether it came from the person: by text, through the provider, or on their preference page.

        Only the sender assigns keyword numbers and only the ledger sets the actor, so no report from outside can
        pass for the person's own, whatever it claims.
        """
        return self.keyword_seq is not None or (self.actor == "recipient" and self.source == "preferences")

    @property
    def effective_at(self) -> datetime | None:
        """Return the source time; a claim dated in its own future counts from when it was recorded."""
        return None if self.captured_at is None else min(self.captured_at, self.recorded_at)

    def canonical(self) -> bytes:
        """Return the bytes that are hashed; the same entry always gives the same bytes."""
        return orjson.dumps(dict(zip(_NAMES, map(_scalar, _values_of(self)), strict=True)))


_NAMES = tuple(sorted(field.name for field in fields(LedgerEntry)))
"""In canonical order; for ASCII names that is alphabetical order."""
_values_of = attrgetter(*_NAMES)


def _scalar(value: object) -> JSONValue:
    """Return a field as canonical JSON writes it; most are absent or strings."""
    return value if value is None or type(value) is str else ordered(_plain(value))


def _plain(value: object) -> JSONValue:
    """Return a field as JSON knows it; instants are integer microseconds since 1970."""
    match value:
        case UUID():
            return str(value)
        case StrEnum():
            return value.value
        case datetime():
            return microseconds(value)
        case None | bool() | int() | str():
            return value
        case _:
            raise TypeError(f"a ledger entry holds no {type(value).__name__}")
