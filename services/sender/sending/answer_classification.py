"""Classifies the result of a call as accepted, refused, not sent, or unknown; the only place that decides it.

Source: send-protocol, section 2.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias, assert_never

from services.sender.providers.reactions import CodeMeaning, Reaction
from services.sender.receipts.status_lattice import ProviderStatus
from shared.events.dispatch import ErrorClass

REFUSING_STATUSES: Final = frozenset({400, 401, 403, 404, 405, 422})
"""Only with the provider's own error body; without it the answer came from something in between."""
LONGEST_RETRY_AFTER_SECONDS: Final = 600.0
_SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider accepted the text."""

    provider_message_id: str
    parts: int | None = None
    price_micros: int | None = None
    currency: str | None = None
    status: ProviderStatus = ProviderStatus.ACCEPTED


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refused in its own words; the text does not exist."""

    code: str
    meaning: CodeMeaning
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte can have reached the provider."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A text may exist: it is reconciled and not sent again."""

    reason: str


ProviderAnswer: TypeAlias = Accepted | Refused | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """The call ended without an answer; `reason` is one of a fixed set."""

    reason: str
    bytes_written: bool


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""


CallResult: TypeAlias = BrokenCall | HttpAnswer


class Dialect(Protocol):
    """How one provider's response bodies are read."""

    def accepted(self, body: bytes) -> Accepted | None:
        """Return what a 2xx body says, or None where it holds no id."""
        ...

    def error_code(self, body: bytes) -> str | None:
        """Return the provider's code in an error body, or None where the body is not the provider's."""
        ...

    def meaning(self, code: str) -> CodeMeaning:
        """Return what the code means."""
        ...


def classify(result: CallResult, dialect: Dialect) -> ProviderAnswer:
    """Return the class of a result: every result has one, and it is `Unknown` wherever a text may exist."""
    match result:
        case BrokenCall(reason, bytes_written=False):
            return NotSent(reason)
        case BrokenCall(reason):
            return Unknown(reason)
        case HttpAnswer():
            return _classify_response(result, dialect)
        case _:
            assert_never(result)


def _classify_response(response: HttpAnswer, dialect: Dialect) -> ProviderAnswer:
    if response.status in _SUCCESS:
        return dialect.accepted(response.body) or Unknown("unreadable_answer")
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        code = dialect.error_code(response.body) or str(response.status)
        wait = retry_after_seconds(response.headers)
        return Refused(code, CodeMeaning(ErrorClass.THROTTLED, Reaction.SLOW_DOWN), wait)
    if response.status in REFUSING_STATUSES and (code_read := dialect.error_code(response.body)) is not None:
        return Refused(code_read, dialect.meaning(code_read), retry_after_seconds(response.headers))
    return Unknown(f"http_{response.status}")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long the provider asks us to wait, limited to ten minutes; None where it gives no number of seconds.

    A date, which RFC 9110 section 10.2.3 allows, is ignored: no provider here sends one.
    """
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(seconds, LONGEST_RETRY_AFTER_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None
