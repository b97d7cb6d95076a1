"""Chains of hashes that reveal changes, their canonical bytes, and the root that closes a day (pure)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import orjson

JSONValue: TypeAlias = bool | int | str | Sequence["JSONValue"] | Mapping[str, "JSONValue"] | None

GENESIS: Final = "0" * 64
"""What the first entry of a chain names as its predecessor."""

_SAFE_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, readers of other languages disagree


def canonical_json(mapping: Mapping[str, JSONValue]) -> bytes:
    """Return the one JSON text of a mapping (RFC 8785): keys sorted by UTF-16 code units, no spaces, UTF-8.

    Raises:
        TypeError: a float, which has no place in a ledger, or anything JSON does not know.
        ValueError: an integer beyond 2**53 - 1.
    """
    return orjson.dumps(ordered(mapping))


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
    hash of each chain with entries of that day: in the ledger by recipient id, in an audit log by service.
    """
    root: dict[str, JSONValue] = {"day": day, "heads": dict(heads), "merchant": merchant, "previous": previous}
    return hashlib.sha256(canonical_json(root)).hexdigest()


def ordered(value: JSONValue) -> JSONValue:
    """Return the same value with every mapping's keys in canonical order."""
    match value:
        case None | bool() | str():
            return value
        case int():
            if abs(value) > _SAFE_INTEGER:
                raise ValueError("an integer of a ledger must survive every JSON reader")
            return value
        case Mapping():
            return {key: ordered(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
        case Sequence():
            return [ordered(item) for item in value]
        case _:
            raise TypeError(f"a ledger holds no {type(value).__name__}")
