"""Limits on new people hold patterns of fraud, and never ordinary populations; and a day's budget."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.compliance.caps.limits import (
    HOUR,
    PREFIXES,
    RECENT,
    Budget,
    LimitWait,
    Tally,
    hour_of,
    newcomer,
    next_day,
    packed,
    unpacked,
)
from services.compliance.gate.verdicts import Reason
from shared.config.limits import Limits
from shared.events.follow_up import Purpose
from shared.testing.clock import START


def new_people(per_hour: int, per_key: int, per_prefix: int, adjacent: int) -> Limits:
    return Limits(
        new_people_per_hour=per_hour,
        new_people_per_key_per_hour=per_key,
        new_people_per_prefix_per_hour=per_prefix,
        adjacent_numbers=adjacent,
    )


MOST = new_people(per_hour=2000, per_key=1000, per_prefix=50, adjacent=20)
WIDE = new_people(per_hour=10**6, per_key=10**6, per_prefix=60_000, adjacent=20)
"""Only runs of numbers hold anybody."""
thoroughly = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def asked(
    tally: Tally, number: int, most: Limits = WIDE, key: str | None = None, minutes: float = 0
) -> LimitWait | None:
    """Ask for the person behind a number; its block's hash is as good as random."""
    block = random.Random(number // 10_000).getrandbits(64)  # noqa: S311 - stands for a keyed hash
    who = newcomer(number, str(number), block, key)
    return tally.ask(who, most, START + timedelta(minutes=minutes))


def tally() -> Tally:
    return Tally(hour_of(START))


@thoroughly
@given(first=st.integers(10**10, 10**12), step=st.integers(1, 4), seed=st.integers(0, 10**9))
def test_numbers_one_beside_the_other_are_held_whatever_their_order_and_step(first: int, step: int, seed: int) -> None:
    run = [first + step * place for place in range(100)]
    random.Random(seed).shuffle(run)  # noqa: S311 - any order
    counts = tally()
    waits = [asked(counts, number) for number in run]
    assert counts.held_since == START
    assert sum(wait is None for wait in waits) < 100
    held = [wait for wait in waits if wait is not None]
    assert {(wait.bound, wait.limit.reason) for wait in held} == {("adjacent", Reason.ADJACENT_NUMBERS)}


@thoroughly
@given(first=st.integers(10**10, 10**12))
def test_no_more_than_some_dozen_of_a_run_get_through(first: int) -> None:
    counts = tally()
    through = [number for number in range(first, first + 600) if asked(counts, number) is None]
    assert len(through) <= 40


@thoroughly
@given(seed=st.integers(0, 10**9), strangers=st.integers(1, 3))
def test_a_run_is_seen_among_ordinary_customers(seed: int, strangers: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - as above
    counts, first = tally(), chance.randrange(12_000_000_000, 12_999_990_000)
    for place in range(100):
        asked(counts, first + place)
        for _ in range(strangers):
            asked(counts, chance.randrange(12_000_000_000, 13_000_000_000))
    assert counts.held_since is not None


@thoroughly
@given(seed=st.integers(0, 10**9), exchanges=st.integers(1, 30), is_sorted=st.booleans())
def test_people_as_they_live_are_never_held_not_even_a_village_in_the_order_of_its_numbers(
    *, seed: int, exchanges: int, is_sorted: bool
) -> None:
    counts, chance = tally(), random.Random(seed)  # noqa: S311 - a made-up population
    homes = [chance.randrange(10**6, 10**8) for _ in range(exchanges)]
    people = list({chance.choice(homes) * 10_000 + chance.randrange(10_000) for _ in range(400)})
    people.sort(key=(lambda number: number) if is_sorted else (lambda _number: chance.random()))
    assert all(asked(counts, number, minutes=place / 8) is None for place, number in enumerate(people))


def test_a_client_that_asks_again_and_again_is_one_neighbour() -> None:
    counts = tally()
    assert [asked(counts, 12_125_550_777) for _ in range(200)] == [None] * 200
    assert len(counts.recent) == 1


def test_neighbours_of_another_hour_are_no_run() -> None:
    counts = tally()
    assert all(asked(counts, 12_125_551_000 + place, minutes=4 * place) is None for place in range(100))
    assert len(counts.recent) <= 16


def test_a_hold_lasts_until_it_is_released_and_is_reported_anew_by_as_many_again() -> None:
    counts = tally()
    run = iter(range(12_125_551_000, 12_125_552_000))
    while asked(counts, next(run)) is None:
        pass
    assert asked(counts, 13_105_557_777, minutes=600) is not None
    counts.release()
    assert (counts.held_since, list(counts.recent)) == (None, [])
    assert [asked(counts, next(run)) is None for _ in range(19)] == [True] * 19
    assert any(asked(counts, next(run)) for _ in range(20))


def test_who_has_no_room_in_an_hour_waits_for_the_next_that_has_some() -> None:
    counts, few = tally(), new_people(per_hour=3, per_key=99, per_prefix=99, adjacent=101)
    waits = [asked(counts, 10_000 * (1_000_000 + place), few) for place in range(8)]
    hours = [None if wait is None else wait.limit.until for wait in waits]
    begun = hour_of(START)
    assert hours == [None] * 3 + [begun + HOUR] * 3 + [begun + 2 * HOUR] * 2
    assert {(wait.bound, wait.limit.reason) for wait in waits if wait} == {("hour", Reason.NEW_PEOPLE)}
    assert asked(counts, 99_999_990_000, few, minutes=60) is None


def test_keys_and_prefixes_have_room_of_their_own() -> None:
    counts, few = tally(), new_people(per_hour=99, per_key=2, per_prefix=4, adjacent=101)
    numbers = [10_000 * (1_000_000 + place) for place in range(3)]
    assert [wait and wait.bound for wait in (asked(counts, number, few, "web") for number in numbers)] == [
        None,
        None,
        "key",
    ]
    assert asked(counts, 55_550_000, few, "till") is None
    same = [asked(counts, 77_770_000 + 1000 * place, few) for place in range(6)]
    assert [wait and wait.bound for wait in same] == [None] * 4 + ["prefix"] * 2


def test_a_flood_of_one_block_or_key_takes_no_others_room() -> None:
    counts, few = tally(), new_people(per_hour=20, per_key=8, per_prefix=5, adjacent=101)
    flood = [asked(counts, 77_770_000 + 37 * place, few) for place in range(250)]
    assert [wait is None for wait in flood] == [True] * 5 + [False] * 245
    assert flood[-1] is not None
    assert flood[-1].limit.until == hour_of(START) + 24 * HOUR
    stolen = [asked(counts, 10_000 * (2_000_000 + place), few, "form") for place in range(50)]
    assert [wait is None for wait in stolen] == [True] * 8 + [False] * 42
    assert [asked(counts, 10_000 * (1_000_000 + place), few) for place in range(7)] == [None] * 7


def test_numbers_in_no_plan_count_towards_the_hour_alone() -> None:
    counts, few = tally(), new_people(per_hour=3, per_key=9, per_prefix=1, adjacent=5)
    nobody = newcomer(1, "+12125550123", 1)
    plain = type(nobody)(nobody.person, None)
    assert [counts.ask(plain, few, START) is None for _ in range(4)] == [True] * 3 + [False]


def test_a_limit_of_zero_lets_no_text_through_for_a_day() -> None:
    wait = asked(tally(), 12_125_557_777, new_people(0, 9, 9, 101))
    assert wait is not None
    assert wait.limit.until == hour_of(START) + 24 * HOUR


@thoroughly
@given(numbers=st.lists(st.integers(10**7, 10**14), max_size=300))
def test_what_is_kept_of_an_hour_is_bounded_and_comes_back_as_it_was(numbers: list[int]) -> None:
    counts = tally()
    for number in numbers:
        asked(counts, number)
    assert len(counts.recent) <= RECENT
    assert unpacked(packed(counts.by_prefix)) == counts.by_prefix
    assert len(counts.by_prefix) == PREFIXES
    assert len(packed(counts.by_prefix)) <= 2 * PREFIXES + 100


BUDGET = Budget("USD", 500_000_000, 1_000_000_000, 20_000)


@pytest.mark.parametrize(
    ("price", "currency", "parts", "cost"),
    [(7_900, "USD", 1, 7_900), (None, None, 3, 60_000), (7_900, "EUR", 2, 40_000), (None, "USD", 0, 20_000)],
)
def test_a_price_counts_exactly_and_one_that_is_not_known_as_its_estimate(
    price: int | None, currency: str | None, parts: int, cost: int
) -> None:
    assert BUDGET.cost(price, currency, parts) == cost


@pytest.mark.parametrize(
    ("spent", "marketing", "other"),
    [(499_999_999, False, False), (500_000_000, True, False), (999_999_999, True, False), (1_000_000_000, True, True)],
)
def test_marketing_waits_at_the_days_budget_and_everything_else_at_the_hard_one(
    *, spent: int, marketing: bool, other: bool
) -> None:
    def waits(purpose: Purpose) -> bool:
        limit = BUDGET.limit(spent, purpose, START)
        assert limit is None or (limit.reason, limit.until) == (Reason.SPEND_LIMIT, next_day(START))
        return limit is not None

    assert waits(Purpose.MARKETING) is marketing
    assert waits(Purpose.TRANSACTIONAL) is waits(Purpose.INFORMATIONAL) is other
