"""Reading what a call met: taken, refused, not sent, or unknown; the one place that decides it.

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
"""With the provider's own error body; without it the answer came from something between us."""
LONGEST_RETRY_AFTER_SECONDS: Final = 600.0
_SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the text."""

    provider_message_id: str
    parts: int | None = None
    price_micros: int | None = None
    currency: str | None = None
    status: ProviderStatus = ProviderStatus.ACCEPTED


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider said no in its own words; the text does not exist."""

    code: str
    meaning: CodeMeaning
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte can have reached the provider."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A text may exist; the caller reconciles and does not resend."""

    reason: str


ProviderAnswer: TypeAlias = Accepted | Refused | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class Broken:
    """The call ended without an answer; `reason` is a constant word."""

    reason: str
    bytes_written: bool


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer, complete."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""


Seen: TypeAlias = Broken | Response


class Dialect(Protocol):
    """How one provider's bodies read."""

    def accepted(self, body: bytes) -> Accepted | None:
        """Return what a 2xx body says, or None where it holds no id."""
        ...

    def error_code(self, body: bytes) -> str | None:
        """Return the provider's code in an error body, or None where the body is not the provider's."""
        ...

    def meaning(self, code: str) -> CodeMeaning:
        """Return what the code means."""
        ...


def read(seen: Seen, dialect: Dialect) -> ProviderAnswer:
    """Return what a call met; total, and unknown wherever a text may exist."""
    match seen:
        case Broken(reason, bytes_written=False):
            return NotSent(reason)
        case Broken(reason):
            return Unknown(reason)
        case Response():
            return _read_response(seen, dialect)
        case _:
            assert_never(seen)


def _read_response(response: Response, dialect: Dialect) -> ProviderAnswer:
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
    """Return how long the provider wants us to wait, bounded; None where it does not say it in seconds.

    A date (RFC 9110 section 10.2.3 allows one) is not read: no provider here sends it.
    """
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(seconds, LONGEST_RETRY_AFTER_SECONDS) if math.isfinite(seconds) and seconds >= 0 else None
