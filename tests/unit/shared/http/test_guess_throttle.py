"""The throttle on guesses."""

from shared.http.guess_throttle import GuessThrottle
from shared.testing.clock import FakeClock


def test_ten_wrong_guesses_are_heard_and_the_next_has_to_wait() -> None:
    clock = FakeClock()
    brake = GuessThrottle(clock)
    for _ in range(10):
        assert brake.wait_seconds("address a", "key 1") == 0
        brake.wrong("address a")
    assert 0 < brake.wait_seconds("address a", "key 2") <= 60
    assert brake.wait_seconds("address b") == 0
    clock.advance(seconds=60)
    assert brake.wait_seconds("address a") == 0
    brake.wrong("address a")
    assert brake.wait_seconds("address a") > 0


def test_one_key_tried_from_many_addresses_is_braked_as_well_and_the_right_one_forgets() -> None:
    brake = GuessThrottle(FakeClock())
    for place in range(10):
        brake.wrong(f"address {place}", "key 1")
    assert brake.wait_seconds("address new", "key 1") > 0
    brake.right("key 1")
    assert brake.wait_seconds("address new", "key 1") == 0


def test_what_strangers_try_takes_bounded_memory() -> None:
    brake = GuessThrottle(FakeClock())
    for place in range(30_000):
        brake.wrong(f"key {place}")
    assert brake.remembered == 10_000
