"""Whether a number may call its provider: opened by outages, halted by faults on our side."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FAILURES_TO_OPEN: Final = 5
"""Consecutive calls without a clear answer; each of them may leave an attempt unknown."""
_PAUSES_SECONDS: Final = (5, 10, 20, 40, 60)
HALT: Final = timedelta(minutes=15)
"""After that, one call tries whether the account or registration works again."""
CAPPED: Final = timedelta(minutes=1)
"""Between two calls of a number that reached one carrier's cap: the other carriers still accept its texts."""

TRIAL: Final = timedelta(seconds=15)
"""Longer than any call lasts."""


class BreakerState(StrEnum):
    """Closed lets calls through, open does not, halted waits until our account or registration works again."""

    CLOSED = "closed"
    OPEN = "open"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The health of one number; every method returns the next one."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    reason: str | None = None
    opens_at: datetime | None = None
    """When one call may try again."""

    def allowance(self, now: datetime) -> int | None:
        """Return how many calls may start: None for as many as the rate allows, 1 as a trial, 0 not now."""
        if self.state is BreakerState.CLOSED:
            return None
        return 1 if self.opens_at is not None and now >= self.opens_at else 0

    @property
    def hold_reason(self) -> str | None:
        """The reason code of a number that may not call; None where it may."""
        return {BreakerState.HALTED: "sender_halted", BreakerState.OPEN: "number_paused"}.get(self.state)

    def after_trial_began(self, now: datetime) -> "Breaker":
        """Return the breaker after its one trial call began: no second one before its answer or timeout."""
        return self if self.state is BreakerState.CLOSED else replace(self, opens_at=now + TRIAL)

    def after_failure(self, reason: str, now: datetime) -> "Breaker":
        """Return the breaker after a call without a clear answer."""
        failures = self.failures + 1
        if self.state is BreakerState.HALTED or failures < FAILURES_TO_OPEN:
            return replace(self, failures=failures)
        pause = _PAUSES_SECONDS[min(failures - FAILURES_TO_OPEN, len(_PAUSES_SECONDS) - 1)]
        return Breaker(BreakerState.OPEN, failures, reason, now + timedelta(seconds=pause))

    def after_cap(self, code: str, now: datetime) -> "Breaker":
        """Return the breaker after one carrier's daily cap was reached: it goes on slowly for the other carriers."""
        if self.state is BreakerState.HALTED:
            return self
        return Breaker(BreakerState.OPEN, max(self.failures, FAILURES_TO_OPEN), code, now + CAPPED)

    def after_halt(self, code: str, now: datetime) -> "Breaker":
        """Return the breaker after a fault of our account, number or registration."""
        return Breaker(BreakerState.HALTED, self.failures, code, now + HALT)
