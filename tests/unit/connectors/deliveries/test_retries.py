"""When a delivery is tried again, when it is given up, and how long a failing endpoint is left alone."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.connectors.deliveries.retries import (
    FAILURES_BEFORE_A_PAUSE,
    GIVE_UP_AFTER,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    SPREAD,
    Untaken,
    next_attempt_at,
    pause_after,
)
from shared.testing.clock import START

CHANCES = st.floats(0, 1)
BUSY = Untaken("http_503", "busy")


@given(st.integers(1, 10_000), st.floats(0, 2), CHANCES)
def test_the_next_attempt_is_in_the_future_and_within_the_day(attempts: int, days: float, chance: float) -> None:
    now = START + timedelta(days=days)
    at = next_attempt_at(BUSY, attempts, START, now, chance)
    assert at is None or now < at <= START + GIVE_UP_AFTER
    assert at is None or at - now <= LONGEST_WAIT * (1 + SPREAD)


@given(CHANCES)
def test_a_delivery_is_tried_about_a_dozen_times(chance: float) -> None:
    now, attempts = START, 1
    while (at := next_attempt_at(BUSY, attempts, START, now, chance)) is not None:
        now, attempts = at, attempts + 1
    assert 10 <= attempts <= 16
    assert now > START + GIVE_UP_AFTER - LONGEST_WAIT * (1 + SPREAD)


def test_waits_grow() -> None:
    waits = [next_attempt_at(BUSY, attempts, START, START, 0.5) for attempts in range(1, 6)]
    assert [at - START for at in waits if at] == [timedelta(seconds=s) for s in (10, 30, 90, 270, 810)]


def test_what_failed_together_does_not_come_back_together() -> None:
    assert next_attempt_at(BUSY, 1, START, START, 0.0) != next_attempt_at(BUSY, 1, START, START, 1.0)


def test_who_asks_to_wait_is_waited_for_but_not_for_ever() -> None:
    asked = Untaken("http_429", "slow", retry_after_seconds=600)
    absurd = Untaken("http_429", "slow", retry_after_seconds=999_999)
    assert next_attempt_at(asked, 1, START, START, 0.5) == START + timedelta(minutes=10)
    assert next_attempt_at(absurd, 1, START, START, 0.5) == START + LONGEST_WAIT


def test_a_final_no_is_not_asked_again() -> None:
    assert next_attempt_at(Untaken("http_410", "gone", is_final=True), 1, START, START, 0.5) is None


@given(st.integers(0, 10_000), CHANCES)
def test_a_pause_begins_after_some_failures_and_has_an_end(failures: int, chance: float) -> None:
    pause = pause_after(failures, chance)
    assert (pause > timedelta()) == (failures >= FAILURES_BEFORE_A_PAUSE)
    assert pause <= LONGEST_PAUSE * (1 + SPREAD)
