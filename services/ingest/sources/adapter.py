"""The interface of a source, and how its parser is run."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from services.ingest.domain.parsed_deliveries import ParseResult, QuarantineReason, ShopSettings, Unreadable
from services.ingest.sources.json_object import InvalidField
from shared.http import strict_json

_HALF = re.compile(
    rb"(?P<kept>\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""Another escape or a whole surrogate pair, which are kept; otherwise a lone surrogate."""

Headers: TypeAlias = Mapping[str, str]
"""Names in lower case."""


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What a parser may use besides the document."""

    headers: Headers
    shop: ShopSettings
    received_at: datetime


Reader: TypeAlias = Callable[[Any, DeliveryContext], ParseResult]
"""Turns a JSON document into a result; may raise `InvalidField`."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One source."""

    name: str
    is_genuine: Callable[[Headers, bytes, Sequence[str], ShopSettings, datetime], bool]
    """Whether one of the secrets signed these bytes; takes the same time for a wrong secret as for a right one."""
    topic_of: Callable[[Headers], str]
    repeat_keys: Callable[[Headers], tuple[str, ...]]
    """Keys that a repeat shares with the first delivery; one shared key makes it a repeat."""
    reader_of: Callable[[str], Reader | None]
    """The parser of a topic; None for an unknown topic."""

    def read(self, body: bytes, context: DeliveryContext) -> ParseResult:
        """Return the content of a genuine delivery, or why it cannot be read; its content never makes this raise."""
        reader = self.reader_of(self.topic_of(context.headers))
        if reader is None:
            return Unreadable(QuarantineReason.UNKNOWN_TOPIC, "this topic is not supported")
        try:
            return reader(_document(body), context)
        except orjson.JSONDecodeError:
            return Unreadable(QuarantineReason.NOT_JSON, "the body is not JSON")
        except InvalidField as finding:
            return Unreadable(QuarantineReason.MISSHAPEN, str(finding))


def _document(body: bytes) -> Any:
    """Return the document of a body, with strings that cannot be stored replaced rather than the body refused.

    Platforms cut strings between the two surrogates of an emoji: a lone surrogate, and a NUL, become U+FFFD. Values
    nested deeper than the limit become null.

    Raises:
        orjson.JSONDecodeError: it is not JSON even then.
        InvalidField: it holds more values than the limit.
    """
    try:
        return strict_json.read(body)
    except strict_json.TooManyMembers as problem:
        raise InvalidField("body", str(problem)) from None
    except (orjson.JSONDecodeError, strict_json.NotStorable):
        whole = _HALF.sub(_whole, body.decode(errors="replace").encode())
        return _keepable(orjson.loads(whole), strict_json.MOST_LEVELS - 1)


def _keepable(value: Any, levels: int) -> Any:
    """Return a value without NULs, and with null for what is nested deeper than so many levels."""
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
    """Return an escape unchanged, or the replacement character for a lone surrogate."""
    return found[0] if found["kept"] else rb"\ufffd"


def hmac_sha256_base64(key: bytes, signed: bytes) -> str:
    """Return the base64 of an HMAC-SHA256, as most platforms write it."""
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def is_any_of(given: Sequence[str], expected: Sequence[str]) -> bool:
    """Return whether a given signature is an expected one; compares all with all, each in constant time."""
    found = False
    for signature in given:
        for other in expected:
            found |= hmac.compare_digest(signature.encode(), other.encode())
    return found
