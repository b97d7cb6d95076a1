"""What one merchant may bring in: events a second, counted one by one, however many a request holds."""

from http import HTTPStatus
from math import ceil

from shared.clock import Clock
from shared.http.problems import HTTPProblem
from shared.telemetry.metrics import counter

BURST_SECONDS = 30.0
"""So much of its rate a merchant may bring in at once."""
REFUSED = counter("followup_quota_refused_total", "Requests refused: their merchant was over its quota.", ["door"])


class EventQuota:
    """A bucket per merchant: a request is let in while anything is left, and takes what it holds, debts included."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second = per_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, merchant_id: str, events: int, door: str) -> None:
        """Take events from a merchant's quota.

        Raises:
            HTTPProblem: 429 while it is used up, with the seconds to wait; nothing was taken.
        """
        now, most = self._clock.monotonic(), self._per_second * BURST_SECONDS
        left, at = self._left.get(merchant_id, (most, now))
        left = min(most, left + (now - at) * self._per_second)
        self._left[merchant_id] = (left if left <= 0 else left - events, now)
        if left <= 0:
            REFUSED.labels(door).inc()
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "quota_exceeded",
                f"this merchant sent more than {self._per_second:g} events a second; send them more slowly",
                headers={"Retry-After": str(ceil(-left / self._per_second) + 1)},
            )
