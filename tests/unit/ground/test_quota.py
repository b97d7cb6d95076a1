"""A merchant brings in so many events a second, whatever its requests hold; nobody else feels it."""

import pytest

from shared.http.problems import HTTPProblem
from shared.http.quota import BURST_SECONDS, EventQuota
from shared.testing.clock import FakeClock


def test_a_flood_in_large_requests_is_counted_by_its_events_and_is_its_own_merchants() -> None:
    clock = FakeClock()
    quota = EventQuota(100, clock)
    for _ in range(int(100 * BURST_SECONDS / 500)):
        quota.take("acme", 500, "/v1/events")
    with pytest.raises(HTTPProblem) as refused:
        quota.take("acme", 1, "/v1/events")
    assert refused.value.code == "quota_exceeded"
    quota.take("globex", 500, "/v1/events")
    clock.advance(seconds=2)
    quota.take("acme", 500, "/v1/events")
    with pytest.raises(HTTPProblem):
        quota.take("acme", 1, "/v1/events")
