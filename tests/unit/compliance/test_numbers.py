"""What a number alone says, digit by digit."""

import pytest

from services.compliance.domain.numbers import IMPOSSIBLE, NumberFacts, facts_of, facts_of_e164
from shared.phone import E164


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
