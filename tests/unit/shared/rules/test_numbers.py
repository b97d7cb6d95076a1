"""What a number alone says, digit by digit."""

from dataclasses import replace

import pytest

from shared.phone import E164
from shared.rules.numbers import IMPOSSIBLE, NumberFacts, facts_of, facts_of_e164


@pytest.mark.parametrize("number", ["+12125550123", "+12122100123", "+19899990123", "+16842330123", "+12129110123"])
def test_a_north_american_number_is_known_by_its_area_code_alone(number: str) -> None:
    assert facts_of(number) == facts_of_e164(E164(number)) == NumberFacts(possible=True, area_code=number[2:5])


@pytest.mark.parametrize(
    "number",
    [
        "+10125550123",  # an area code never begins with 0
        "+11125550123",  # nor with 1
        "+12120550123",  # nor does an exchange
        "+12121550123",
        "+1212555012",  # a digit short
        "+121255501234",  # a digit long
        "+1212555012x",
        "+1",
        "+12",
    ],
)
def test_what_cannot_be_a_north_american_number_is_none(number: str) -> None:
    assert facts_of_e164(E164(number)) == IMPOSSIBLE


def test_a_number_from_elsewhere_says_its_country() -> None:
    assert facts_of("+33612345678") == NumberFacts(possible=True, country="FR")
    assert facts_of("06 12 34 56 78", "FR") == NumberFacts(possible=True, country="FR")
    assert facts_of_e164(E164("+3361")) == IMPOSSIBLE
    assert facts_of("06 12 34 56 78") == facts_of("nonsense") == facts_of("") == IMPOSSIBLE


@pytest.mark.parametrize(
    "number",
    [
        "+447012345678",
        "+449098790123",
        "+448431234567",
        "+881612345678",
        "+88216555000",
        "+883510000000",
        "+870773123456",
        "+8501921234567",
        "+33899123456",
        "+611900123456",
    ],
)
def test_a_number_whose_holder_earns_by_texts_is_known_for_one(number: str) -> None:
    facts = facts_of(number)
    assert facts.costs_extra or not facts.possible  # either way no text goes there


@pytest.mark.parametrize("number", ["+447911123456", "+33612345678", "+8801712345678", "+12125550123"])
def test_a_persons_number_is_not(number: str) -> None:
    assert facts_of(number) == replace(facts_of(number), possible=True, costs_extra=False)
