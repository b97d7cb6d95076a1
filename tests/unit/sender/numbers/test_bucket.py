"""The token bucket of a number."""

from hypothesis import given
from hypothesis import strategies as st

from services.sender.numbers.bucket import Bucket


@given(st.floats(0.1, 500), st.lists(st.tuples(st.floats(0, 2), st.integers(1, 3)), max_size=60))
def test_a_bucket_never_lets_more_through_than_rate_burst_and_one_long_text(
    rate: float, steps: list[tuple[float, int]]
) -> None:
    bucket, now, taken = Bucket(rate, 0.0), 0.0, 0
    for wait, parts in steps:
        now += wait
        if bucket.available(now):
            bucket.take(parts)
            taken += parts
        assert taken <= max(1.0, rate) + rate * now + 3 + 1e-6


def test_a_paused_bucket_lets_nothing_through_until_then() -> None:
    bucket = Bucket(10, 0.0)
    bucket.pause(7.0)
    assert bucket.available(6.9) == 0
    assert bucket.available(7.0) == 10
