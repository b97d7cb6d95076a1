"""When a delivery is tried again, when it is given up, and how long an endpoint that fails is left alone (pure)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

FIRST_WAIT: Final = timedelta(seconds=10)
GROWTH: Final = 3.0
LONGEST_WAIT: Final = timedelta(hours=4)
GIVE_UP_AFTER: Final = timedelta(hours=24)
"""From the first attempt, or from when somebody had it sent again: a shop's night and day."""
SPREAD: Final = 0.2
"""Waits differ by up to this part, so that what failed together does not come back together."""
FAILURES_BEFORE_A_PAUSE: Final = 5
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=15)
_MOST_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Taken:
    """The endpoint took a delivery."""


@dataclass(frozen=True, slots=True)
class Untaken:
    """It did not, as far as is known."""

    problem: str
    """A stable code."""
    detail: str
    """What it means, for the one who configured the endpoint."""
    retry_after_seconds: int | None = None
    """How long the endpoint asks to wait."""
    is_final: bool = False
    """It said that it never will."""


DeliveryResult: TypeAlias = Taken | Untaken


def next_attempt_at(
    failure: Untaken, attempts: int, tried_since: datetime, now: datetime, chance: float
) -> datetime | None:
    """Return when a delivery is tried again after so many attempts; None: it is given up.

    Args:
        failure: of the latest attempt.
        attempts: made so far, at least one.
        tried_since: of the first attempt.
        now: of the decision.
        chance: from 0 to 1, drawn by the caller.
    """
    if failure.is_final:
        return None
    wait = min(FIRST_WAIT * GROWTH ** min(attempts - 1, _MOST_DOUBLINGS), LONGEST_WAIT)
    if failure.retry_after_seconds is not None:
        wait = max(wait, min(timedelta(seconds=failure.retry_after_seconds), LONGEST_WAIT))
    at = now + _spread(wait, chance)
    return at if at <= tried_since + GIVE_UP_AFTER else None


def pause_after(failures: int, chance: float) -> timedelta:
    """Return how long an endpoint is left alone that failed so often in a row; nothing for the first few."""
    if failures < FAILURES_BEFORE_A_PAUSE:
        return timedelta()
    doublings = min(failures - FAILURES_BEFORE_A_PAUSE, _MOST_DOUBLINGS)
    return _spread(min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE), chance)


def _spread(wait: timedelta, chance: float) -> timedelta:
    return wait * (1 + SPREAD * (2 * chance - 1))
