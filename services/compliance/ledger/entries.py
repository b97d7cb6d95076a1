"""One immutable entry per consent event, its canonical bytes, and the hash chain that reveals changes."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import TypeAlias
from uuid import UUID

import orjson

from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, SuppressionCause
from shared.ids import EventId, MerchantId, RecipientId
from shared.unix_time import microseconds

JSONValue: TypeAlias = bool | int | str | Sequence["JSONValue"] | Mapping[str, "JSONValue"] | None

GENESIS = "0" * 64
"""What the first entry of a person names as its predecessor."""

_SAFE_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, readers of other languages disagree


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


def canonical_json(mapping: Mapping[str, JSONValue]) -> bytes:
    """Return the one JSON text of a mapping (RFC 8785): keys sorted by UTF-16 code units, no spaces, UTF-8.

    Raises:
        TypeError: a float, which has no place in a ledger, or anything JSON does not know.
        ValueError: an integer beyond 2**53 - 1.
    """
    return orjson.dumps(_ordered(mapping))


def chained(previous_hash: str, canonical: bytes) -> str:
    """Return the hash of an entry: SHA-256 over the previous one's hash, a line feed and the canonical bytes."""
    return hashlib.sha256(previous_hash.encode() + b"\n" + canonical).hexdigest()


def first_break(chain: Iterable[tuple[bytes, str]]) -> int | None:
    """Return the position of the first entry, oldest first, whose stored hash does not follow from its canonical bytes.

    None for an unbroken chain.
    """
    previous = GENESIS
    for position, (canonical, stored) in enumerate(chain):
        if chained(previous, canonical) != stored:
            return position
        previous = stored
    return None


def daily_root(merchant: str, day: str, previous: str, heads: Mapping[str, str]) -> str:
    """Return the hash a merchant's UTC day (``2026-12-01``) is signed by.

    `previous` is the root of the merchant's last day with entries, `GENESIS` for the first. `heads` gives the newest
    hash of each person with entries recorded on that day, by recipient id.
    """
    root: dict[str, JSONValue] = {"day": day, "heads": dict(heads), "merchant": merchant, "previous": previous}
    return hashlib.sha256(canonical_json(root)).hexdigest()


def _scalar(value: object) -> JSONValue:
    """Return a field as canonical JSON writes it; most are absent or strings."""
    return value if value is None or type(value) is str else _ordered(_plain(value))


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


def _ordered(value: JSONValue) -> JSONValue:
    """Return the same value with every mapping's keys in canonical order."""
    match value:
        case None | bool() | str():
            return value
        case int():
            if abs(value) > _SAFE_INTEGER:
                raise ValueError("an integer of a ledger must survive every JSON reader")
            return value
        case Mapping():
            return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
        case Sequence():
            return [_ordered(item) for item in value]
        case _:
            raise TypeError(f"a ledger holds no {type(value).__name__}")
