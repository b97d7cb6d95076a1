"""When a call is sent again: never where a second one could do something twice."""

from dataclasses import dataclass
from http import HTTPStatus

_REFUSED_FOR_NOW = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent, and how long is waited in between.

    What is sent again: whatever never left this machine; what was refused by 429; and, after a lost answer or a 502,
    503 or 504, what may be repeated: reading, deleting, and everything with an Idempotency-Key, which stays the same.
    """

    attempts: int = 4
    """Most times that a call is sent."""
    first_wait_seconds: float = 0.5
    """Before the second attempt; doubled before each further one, and shortened by up to half, by chance."""
    longest_wait_seconds: float = 30.0
    """A service that asks for more patience by `Retry-After` is not waited for: the error is raised at once."""


def wait_after_answer(
    retries: Retries, attempt: int, chance: float, status: int, asked_seconds: float | None, *, is_repeatable: bool
) -> float | None:
    """Return how many seconds to wait before a call is sent again after an answer; None: it is not.

    Args:
        retries: how often, and how long.
        attempt: how many times it was sent, from 1.
        chance: from 0 to 1, so that many clients do not come back at the same moment.
        status: of the answer.
        asked_seconds: `Retry-After` of the answer.
        is_repeatable: whether a second call does nothing twice.
    """
    is_for_now = status == HTTPStatus.TOO_MANY_REQUESTS or (is_repeatable and status in _REFUSED_FOR_NOW)
    if not is_for_now or attempt >= retries.attempts:
        return None
    if asked_seconds is None:
        return _own_wait(retries, attempt, chance)
    return asked_seconds if asked_seconds <= retries.longest_wait_seconds else None


def wait_after_silence(
    retries: Retries, attempt: int, chance: float, *, may_have_happened: bool, is_repeatable: bool
) -> float | None:
    """Return how many seconds to wait before a call is sent again that got no answer; None: it is not."""
    if attempt >= retries.attempts or (may_have_happened and not is_repeatable):
        return None
    return _own_wait(retries, attempt, chance)


def _own_wait(retries: Retries, attempt: int, chance: float) -> float:
    doubled: float = retries.first_wait_seconds * 2 ** (attempt - 1)
    return min(doubled, retries.longest_wait_seconds) * (1 - chance / 2)
