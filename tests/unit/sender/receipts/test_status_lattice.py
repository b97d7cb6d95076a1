"""Delivery statuses form a lattice."""

from hypothesis import given
from hypothesis import strategies as st

from services.sender.receipts.status_lattice import FINAL, RANK, ProviderStatus, highest_status

STATUSES = st.one_of(st.none(), st.sampled_from(ProviderStatus))


@given(STATUSES, STATUSES, STATUSES)
def test_joining_forgets_order_grouping_and_repeats(
    a: ProviderStatus | None, b: ProviderStatus | None, c: ProviderStatus | None
) -> None:
    assert highest_status(a, b) is highest_status(b, a)
    assert highest_status(a, highest_status(b, c)) is highest_status(highest_status(a, b), c)
    assert highest_status(a, a) is a


@given(st.lists(st.sampled_from(ProviderStatus), min_size=1), st.randoms(use_true_random=False))
def test_any_order_and_number_of_receipts_ends_with_the_highest(heard: list[ProviderStatus], random: object) -> None:
    shuffled = [*heard, *heard]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis's own Random
    known: ProviderStatus | None = None
    for status in shuffled:
        known = highest_status(known, status)
    assert known is max(heard, key=RANK.__getitem__)


def test_a_delivery_outranks_every_failure_and_a_failure_every_step() -> None:
    assert all(
        highest_status(ProviderStatus.DELIVERED, status) is ProviderStatus.DELIVERED for status in ProviderStatus
    )
    assert all(highest_status(final, ProviderStatus.SENT) is final for final in FINAL)
