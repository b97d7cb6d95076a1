"""Facts have a size: a caller's are refused beyond it, a platform's are left out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fact_limits import MOST_BYTES, MOST_CHARACTERS, bounded_facts, problem_of, within_bounds


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"a": "x" * (MOST_CHARACTERS + 1)}, "at most 8,192 characters"),
        ({"a": [{"b": "x" * (MOST_CHARACTERS + 1)}]}, "at most 8,192 characters"),
        ({"a": {"k" * (MOST_CHARACTERS + 1): 1}}, "at most 8,192 characters"),
        ({str(n): "x" * 8_000 for n in range(9)}, "at most 65,536 bytes"),
        (nested(40), "levels deep"),
    ],
)
def test_what_is_too_large_is_said(facts: dict[str, Any], said: str) -> None:
    assert said in str(problem_of(facts))
    with pytest.raises(ValueError, match=said):
        bounded_facts(facts)


def test_the_largest_facts_that_fit_are_taken() -> None:
    assert problem_of({"a": "x" * MOST_CHARACTERS, "b": ["y"] * 1_000}) is None


@given(
    st.dictionaries(st.text(max_size=3), st.one_of(st.integers(), st.integers(0, 20_000).map("x".__mul__)), max_size=20)
)
def test_what_is_kept_of_a_delivery_always_fits_and_nothing_small_is_lost_for_a_large_neighbour(
    facts: dict[str, Any],
) -> None:
    kept, left_out = within_bounds(facts)
    assert len(kept) + left_out == len(facts)
    assert len(str(kept)) <= MOST_BYTES + 20 * 20
    assert all(name in kept for name, value in facts.items() if isinstance(value, int))
