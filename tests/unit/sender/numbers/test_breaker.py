"""The breaker of a number."""

from datetime import timedelta

from services.sender.numbers.breaker import FAILURES_TO_OPEN, HALT, Breaker, BreakerState
from services.sender.numbers.health import after_answer
from services.sender.sending.answer_classification import Accepted
from shared.testing.clock import START


def test_a_breaker_opens_after_failures_in_a_row_tries_once_and_heals() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.allowance(START) is None
        breaker = breaker.after_failure("timeout", START)
    assert breaker.allowance(START) == 0
    assert breaker.allowance(START + timedelta(seconds=5)) == 1
    trying = breaker.after_trial_began(START + timedelta(seconds=5))
    assert trying.allowance(START + timedelta(seconds=19)) == 0
    worse = breaker.after_failure("timeout", START)
    assert worse.opens_at is not None
    assert breaker.opens_at is not None
    assert worse.opens_at > breaker.opens_at
    assert after_answer(breaker, Accepted("SM1"), START) == Breaker()


def test_a_halt_outlasts_failures_and_ends_with_one_trial() -> None:
    halted = Breaker().after_halt("30034", START)
    for _ in range(10):
        halted = halted.after_failure("timeout", START)
    assert halted.state is BreakerState.HALTED
    assert halted.allowance(START + HALT - timedelta(seconds=1)) == 0
    assert halted.allowance(START + HALT) == 1
