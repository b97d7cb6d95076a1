"""Identifiers: derived from their cause, so that a replay makes the same ones, and rising with time, for the indexes.

Layout of a derived id: 48 bits of the cause's time in milliseconds, then 80 bits of a SHA-256 over namespace and
parts, with the version (8, "vendor defined", RFC 9562 section 5.8) and variant bits set.
"""

import hashlib
import uuid
from datetime import datetime
from typing import NewType

from shared.randomness import Pool
from shared.unix_time import instant, milliseconds

EventId = NewType("EventId", uuid.UUID)
RecipientId = NewType("RecipientId", uuid.UUID)
EnrollmentId = NewType("EnrollmentId", uuid.UUID)
FollowUpId = NewType("FollowUpId", uuid.UUID)
AttemptId = NewType("AttemptId", uuid.UUID)
MerchantId = NewType("MerchantId", str)

_TIME = (1 << 48) - 1
_UNMARKED = ~((0xF << 76) | (0x3 << 62))
_MARKS = {version: (version << 76) | (0x2 << 62) for version in (7, 8)}
"""The bits of an id's version and variant."""
_UUID = uuid.UUID
_number = int.from_bytes
_new = object.__new__
_set_int = vars(_UUID)["int"].__set__  # UUIDs refuse the ordinary way
_set_safe = vars(_UUID)["is_safe"].__set__
_NOT_SAID = uuid.SafeUUID.unknown
_tails = Pool(10)
_code_seeds = Pool(16)
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTER_OF = bytes(_BASE62[byte % len(_BASE62)] for byte in range(256))
_UNEVEN = bytes(range(256 - 256 % len(_BASE62), 256))
"""Bytes beyond the last whole round of the alphabet: used, they would make its first characters likelier."""


def derived(namespace: str, *parts: object, at: datetime) -> uuid.UUID:
    """Return the one id that these parts, compared by their text, have among things of a kind such as ``follow-up``.

    `at` is the instant of the cause and part of the identity; never "now", because a replay must pass the same one.
    """
    digest = hashlib.sha256("\x1f".join((namespace, *map(str, parts))).encode()).digest()
    return _stamped(milliseconds(at), _number(digest[:10], "big"), version=8)


def minted(at: datetime) -> uuid.UUID:
    """Return a new id that cannot be guessed, rising with `at` (UUIDv7, RFC 9562 section 5.7)."""
    return _stamped(milliseconds(at), _number(_tails.take(), "big"), version=7)


def first_id(at: datetime) -> uuid.UUID:
    """Return the lowest id of an instant: ids rise with time."""
    return uuid.UUID(int=milliseconds(at) << 80)


def instant_of(key: uuid.UUID) -> datetime:
    """Return the instant of the cause of a derived or minted id, to the millisecond."""
    return instant((key.int >> 80) * 1000)


def of_bytes(value: bytes) -> uuid.UUID:
    """Return the UUID of 16 bytes, as `uuid.UUID(bytes=...)` does, at a fifth of its cost: rows are full of them."""
    made = _new(_UUID)
    _set_int(made, _number(value, "big"))
    _set_safe(made, _NOT_SAID)
    return made


def of_hash(digest: bytes) -> uuid.UUID:
    """Return the UUID of a hash's first 16 bytes, of which 122 bits remain (RFC 9562 version 8)."""
    return _of_int(_marked(_number(digest[:16], "big"), version=8))


def code(length: int) -> str:
    """Return a random base-62 code, each character as likely as any other (10 hold 59 bits)."""
    characters = b""
    while len(characters) < length:  # once, but for one in three million
        characters += _code_seeds.take().translate(_CHARACTER_OF, _UNEVEN)
    return characters[:length].decode()


def _stamped(ms: int, tail: int, *, version: int) -> uuid.UUID:
    """Combine 48 bits of time and 80 bits of tail into an RFC 9562 UUID (74 of the tail's bits survive)."""
    return _of_int(_marked(((ms & _TIME) << 80) | tail, version=version))


def _marked(value: int, *, version: int) -> int:
    """Return 128 bits with the version's and the variant's set."""
    return (value & _UNMARKED) | _MARKS[version]


def _of_int(value: int) -> uuid.UUID:
    """Return the UUID of a 128-bit number, without the checks of a constructor that takes anything."""
    made = _new(_UUID)
    _set_int(made, value)
    _set_safe(made, _NOT_SAID)
    return made
