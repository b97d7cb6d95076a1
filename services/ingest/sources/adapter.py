"""What every source must be able to do, and the frame in which its reader runs."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from services.ingest.domain.parsed_deliveries import ParseResult, QuarantineReason, Shop, Unreadable
from services.ingest.fields import Misshapen
from shared.http import strict_json

_HALF = re.compile(
    rb"(?P<kept>\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""An escape that is not of a code point, and a whole pair, which stay; then half of one."""

Headers: TypeAlias = Mapping[str, str]
"""Names in lower case."""


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What a reader may know beside the document."""

    headers: Headers
    shop: Shop
    received_at: datetime


Reader: TypeAlias = Callable[[Any, DeliveryContext], ParseResult]
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

    def read(self, body: bytes, circumstances: DeliveryContext) -> ParseResult:
        """Return what a genuine delivery says, or why it cannot be read; never raises for what is in it."""
        reader = self.reader_of(self.topic_of(circumstances.headers))
        if reader is None:
            return Unreadable(QuarantineReason.UNKNOWN_TOPIC, "nobody here knows this topic")
        try:
            return reader(_document(body), circumstances)
        except orjson.JSONDecodeError:
            return Unreadable(QuarantineReason.NOT_JSON, "the body is not JSON")
        except Misshapen as finding:
            return Unreadable(QuarantineReason.MISSHAPEN, str(finding))


def _document(body: bytes) -> Any:
    """Return what a body says, mended where a text in it cannot be kept: what stands beside it is meant all the same.

    Platforms cut texts between the two halves of an emoji: half of one, and a NUL, become U+FFFD. What is nested
    deeper than anybody writes is null.

    Raises:
        orjson.JSONDecodeError: it is not JSON even so.
        Misshapen: it holds more than anybody says at once.
    """
    try:
        return strict_json.read(body)
    except strict_json.TooManyMembers as problem:
        raise Misshapen("body", str(problem)) from None
    except (orjson.JSONDecodeError, strict_json.NotStorable):
        whole = _HALF.sub(_whole, body.decode(errors="replace").encode())
        return _keepable(orjson.loads(whole), strict_json.MOST_LEVELS - 1)


def _keepable(value: Any, levels: int) -> Any:
    """Return a value without NULs, and without what lies deeper than so many levels."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list | dict) and not levels:
        return None
    if isinstance(value, list):
        return [_keepable(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {_keepable(name, levels): _keepable(item, levels - 1) for name, item in value.items()}
    return value


def _whole(found: re.Match[bytes]) -> bytes:
    """Return an escape as it is, or the replacement character for half of one."""
    return found[0] if found["kept"] else rb"\ufffd"


def hmac_sha256_base64(key: bytes, signed: bytes) -> str:
    """Return the base64 of an HMAC-SHA256, as most platforms write it."""
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def is_any_of(given: Sequence[str], expected: Sequence[str]) -> bool:
    """Return whether a given signature is an expected one; compares all with all, each in constant time."""
    found = False
    for one in given:
        for other in expected:
            found |= hmac.compare_digest(one.encode(), other.encode())
    return found
