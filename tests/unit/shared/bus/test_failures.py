"""Failures are ours where many merchants' events fail, whatever succeeds in between; few among many are theirs."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.failures import LEAST_MERCHANTS, LEAST_SHARE, WINDOW, FailureWindow
from shared.testing.clock import START

MERCHANTS = st.sampled_from([f"m{number}" for number in range(30)])


def test_three_of_three_are_our_fault_whatever_succeeds_in_between() -> None:
    window = FailureWindow()
    for number in range(3):
        assert not window.is_ours(START)
        window.note_failed(f"m{number}", START)
        window.note_handled({"m0", "m1", "m2"}, START)
    assert window.is_ours(START)


def test_three_of_a_hundred_are_theirs() -> None:
    window = FailureWindow()
    window.note_handled({f"m{number}" for number in range(100)}, START)
    for number in range(3):
        window.note_failed(f"m{number}", START)
    assert not window.is_ours(START)


def test_what_failed_before_the_window_does_not_count() -> None:
    window = FailureWindow()
    for number in range(LEAST_MERCHANTS):
        window.note_failed(f"m{number}", START)
    assert window.is_ours(START + WINDOW)
    assert not window.is_ours(START + WINDOW + timedelta(microseconds=1))


@given(st.lists(st.tuples(MERCHANTS, st.booleans(), st.integers(0, 900))))
def test_it_says_what_counting_everything_says(history: list[tuple[str, bool, int]]) -> None:
    window, now = FailureWindow(), START
    for merchant, failed, seconds in history:
        now += timedelta(seconds=seconds)
        if failed:
            window.note_failed(merchant, now)
        else:
            window.note_handled({merchant}, now)
    at, seen = START, []
    for merchant, failed, seconds in history:
        at += timedelta(seconds=seconds)
        seen.append((merchant, failed, at))
    recent = [(merchant, failed) for merchant, failed, when in seen if now - when <= WINDOW]
    failing = {merchant for merchant, failed in recent if failed}
    heard = {merchant for merchant, _ in recent}
    ours = len(failing) >= LEAST_MERCHANTS and len(failing) >= LEAST_SHARE * len(heard)
    assert window.is_ours(now) is ours
