"""Engine and oracle answer alike: decision, reason, until and how long a clearance lasts."""

import pytest

from tests.oracle.cases import question
from tests.oracle.engine import difference
from tests.seeds import SEED

BLOCK, BLOCKS = 1_000, 20
TORTURE_BLOCK, TORTURE_BLOCKS = 10_000, 100


def differences(first: int, count: int) -> list[str]:
    found = (difference(question(seed)) for seed in range(first, first + count))
    return [each for each in found if each is not None]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_engine_and_oracle_never_part_over_twenty_thousand_random_questions(block: int) -> None:
    assert differences(block * BLOCK, BLOCK) == []


@pytest.mark.torture
@pytest.mark.parametrize("block", range(TORTURE_BLOCKS))
def test_engine_and_oracle_never_part_over_a_million_random_questions(block: int) -> None:
    first = BLOCKS * BLOCK + (SEED * TORTURE_BLOCKS + block) * TORTURE_BLOCK
    assert differences(first, TORTURE_BLOCK) == []
