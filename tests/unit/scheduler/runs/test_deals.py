"""What an order comes to in a person's history."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scheduler.runs.facts import Bought, Deal, bought
from shared.testing.clock import START


def deal(kind: str, minor: int | None = 4900, *, hours: int = 0, is_test: bool = False) -> Deal:
    return Deal(kind, START + timedelta(hours=hours), minor, is_test)


SHOPIFYS, APIS = deal("purchase"), deal("purchase", 5000, hours=1)
REFUND, CANCELLATION = deal("refund", 1000), deal("cancellation")


def test_one_order_of_two_sources_counts_once() -> None:
    assert bought([APIS, SHOPIFYS]) == Bought(1, 4900)


def test_a_refund_is_taken_off_and_never_more_than_was_spent() -> None:
    assert bought([SHOPIFYS, REFUND]) == Bought(1, 3900)
    assert bought([SHOPIFYS, *[REFUND] * 9]) == Bought(1, 0)
    assert bought([SHOPIFYS, deal("refund", None)]) == Bought(1, 0)


def test_a_refund_of_an_order_too_old_to_be_remembered_is_taken_off_all_the_same() -> None:
    assert bought([REFUND]) == bought([REFUND, CANCELLATION]) == Bought(0, -1000)


def test_tests_count_for_nothing() -> None:
    assert bought([deal("purchase", is_test=True)]) == Bought(0, 0)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations([SHOPIFYS, APIS, REFUND, CANCELLATION]))
def test_a_cancelled_order_counts_for_nothing_in_whatever_order_its_events_come(order: list[Deal]) -> None:
    assert bought(order) == Bought(0, 0)


def test_an_order_that_turned_out_to_be_another_persons_leaves_nothing() -> None:
    assert bought([SHOPIFYS, deal("number_changed", None)]) == Bought(0, 0)


def test_an_edit_adds_to_what_was_spent_or_takes_from_it() -> None:
    assert bought([SHOPIFYS, deal("order_edited", 600), deal("order_edited", -200), REFUND]) == Bought(1, 4300)
