"""Facts that follow from a phone number alone: whether it can exist, its country, its area code."""

from dataclasses import dataclass

from shared import phone

_NANP_LENGTH = len("+12125550123")
_AREA_CODE = slice(2, 5)  # the exchange follows
_NANP_FIRST_DIGITS = frozenset("23456789")  # an area code or exchange never starts with 0 or 1


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """Facts about a number that do not identify it."""

    possible: bool
    country: str | None = None
    """ISO 3166-1, for numbers outside the North American plan."""
    area_code: str | None = None
    """Three digits, for numbers of the North American plan (+1)."""
    costs_extra: bool = False
    """Premium-rate, shared-cost, personal or satellite: its holder may earn by each text."""


IMPOSSIBLE = NumberFacts(possible=False)


def facts_of(raw: str, region: str | None = None) -> NumberFacts:
    """Return the facts about a number as it was written; `region` is its country if it has no prefix."""
    match phone.parse(raw, region):
        case phone.Unparsable():
            return IMPOSSIBLE
        case number:
            return facts_of_e164(number)


def facts_of_e164(number: phone.E164) -> NumberFacts:
    """Return the facts about a canonical number.

    A North American number is judged by its shape, not by a library's list of assigned exchanges: 555-01xx and
    +1684 are possible though the library may call them invalid (compliance section 1, check 1).
    """
    if number.startswith("+1"):
        possible = (
            len(number) == _NANP_LENGTH
            and number.removeprefix("+").isdecimal()
            and number[_AREA_CODE.start] in _NANP_FIRST_DIGITS
            and number[_AREA_CODE.stop] in _NANP_FIRST_DIGITS
        )
        return NumberFacts(possible=True, area_code=number[_AREA_CODE]) if possible else IMPOSSIBLE
    if not phone.is_possible(number):
        return IMPOSSIBLE
    return NumberFacts(possible=True, country=phone.country_of(number), costs_extra=phone.costs_extra(number))
