"""What every source must be able to do, and the frame in which its reader runs."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from services.ingest.domain.readings import Outcome, QuarantineReason, Shop, Unreadable
from services.ingest.fields import Misshapen
from shared.http import strict_json

Headers: TypeAlias = Mapping[str, str]
"""Names in lower case."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a reader may know beside the document."""

    headers: Headers
    shop: Shop
    received_at: datetime


Reader: TypeAlias = Callable[[Any, Circumstances], Outcome]
"""Turns a parsed JSON document into an outcome; may raise `Misshapen`."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One source."""

    name: str
    is_genuine: Callable[[Headers, bytes, Sequence[str], Shop, datetime], bool]
    """Tells whether any of the secrets signed these bytes; takes as long for a wrong secret as for a right one."""
    topic_of: Callable[[Headers], str]
    repeat_keys: Callable[[Headers], tuple[str, ...]]
    """What a repeat of the same delivery has in common with it; any one of them suffices."""
    reader_of: Callable[[str], Reader | None]
    """The reader of a topic; None where the topic is unknown."""

    def read(self, body: bytes, circumstances: Circumstances) -> Outcome:
        """Return what a genuine delivery says, or why it cannot be read; never raises for what is in it."""
        reader = self.reader_of(self.topic_of(circumstances.headers))
        if reader is None:
            return Unreadable(QuarantineReason.UNKNOWN_TOPIC, "nobody here knows this topic")
        try:
            return reader(strict_json.read(body), circumstances)
        except orjson.JSONDecodeError:
            return Unreadable(QuarantineReason.NOT_JSON, "the body is not JSON")
        except strict_json.Unkeepable as problem:
            return Unreadable(QuarantineReason.MISSHAPEN, f"body: {problem}")
        except Misshapen as finding:
            return Unreadable(QuarantineReason.MISSHAPEN, str(finding))


def hmac_sha256_base64(key: bytes, signed: bytes) -> str:
    """Return the base64 of an HMAC-SHA256, as most platforms write it."""
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def is_any_of(given: Sequence[str], expected: Sequence[str]) -> bool:
    """Return whether a given signature is an expected one; compares all with all, each in constant time."""
    found = False
    for one in given:
        for other in expected:
            found |= hmac.compare_digest(one.encode(), other.encode())
    return found
