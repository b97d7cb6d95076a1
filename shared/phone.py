"""Phone numbers: the only module that knows the phonenumbers library; everything else holds `E164`.

A number is accepted when it is *possible*, not only when the library calls it valid: 555-01xx and +1684 are
real to us although its tables disagree (compliance section 1, check 1).
"""

import re
from dataclasses import dataclass
from typing import NewType

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

E164 = NewType("E164", str)
"""A canonical number: ``+``, country calling code, national number; digits only, 8 to 16 characters."""

NANP_CALLING_CODE = 1
"""North American Numbering Plan: the United States, Canada and most of the Caribbean."""
_NANP_DIGITS = 10
_HIDDEN = "•••"
_SHOWN_HEAD = 5
_SHOWN_TAIL = 4
_LEAST_HIDDEN_DIGITS = 3
_NON_GEOGRAPHIC_REGION = "001"

_NORTH_AMERICAN = re.compile(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}")
"""Canonical already, and possible whatever the digits; the library takes 60 microseconds to say so."""

_NAMED_BY_A_CARRIER = re.compile(r"\+[1-9][0-9]{6,14}")

_REASONS = {
    ValidationResult.INVALID_COUNTRY_CODE: "no country has this calling code",
    ValidationResult.TOO_SHORT: "it has too few digits for its country",
    ValidationResult.TOO_LONG: "it has too many digits for its country",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
    ValidationResult.INVALID_LENGTH: "no number of its country has that many digits",
}
_PARSE_REASONS = {
    NumberParseException.INVALID_COUNTRY_CODE: "no country has this calling code",
    NumberParseException.NOT_A_NUMBER: "it is not a phone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "it ends after the international prefix",
    NumberParseException.TOO_SHORT_NSN: "it has too few digits",
    NumberParseException.TOO_LONG: "it has too many digits",
}


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A number we cannot write to; `reason` completes the sentence "the number cannot be used: …"."""

    reason: str


def parse(raw: str, region: str | None) -> E164 | Unparsable:
    """Return the canonical number, or why there is none; never guesses a country.

    Args:
        raw: as a person or a shop wrote it.
        region: ISO 3166-1 alpha-2 country for numbers written without ``+``; None refuses those.

    Source: compliance section 1, check 1; webhooks section 1, phone choice.
    """
    if _NORTH_AMERICAN.fullmatch(raw):
        return E164(raw)
    if not region and not raw.lstrip().startswith(("+", "＋", "tel:+")):
        return Unparsable("it has no + and the country is not known")
    try:
        number = phonenumbers.parse(raw, region.upper() if region else None)
    except NumberParseException as problem:
        return Unparsable(_PARSE_REASONS.get(problem.error_type, "it is not a phone number"))
    return _obstacle(number) or E164(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def heard(raw: str, region: str | None) -> E164 | Unparsable:
    """Return whose number a carrier named as the sender of a text.

    Whoever writes from a number has it, whatever a table says of it; so what has a ``+`` and the digits of a number
    is one.
    """
    number = parse(raw, region)
    if isinstance(number, Unparsable) and _NAMED_BY_A_CARRIER.fullmatch(raw.strip()):
        return E164(raw.strip())
    return number


def is_possible(raw: str) -> bool:
    """Return whether `raw`, written with its ``+``, is a number a text could be addressed to."""
    return not isinstance(parse(raw, None), Unparsable)


def masked(number: E164) -> str:
    """Return the number as it may appear in a log or on a page: ``+1212•••0123``.

    At least three digits are hidden, more of a short number; how many is not shown.
    """
    tail = max(0, min(_SHOWN_TAIL, (len(number) - _LEAST_HIDDEN_DIGITS - 1) // 2))
    head = max(0, min(_SHOWN_HEAD, len(number) - _LEAST_HIDDEN_DIGITS - tail))
    return number[:head] + _HIDDEN + number[len(number) - tail :]


def country_of(number: E164) -> str | None:
    """Return the ISO 3166-1 alpha-2 country by the number's prefix; None where the prefix does not say.

    Every +1 number answers None: the plan is shared by 25 countries and territories, and only the area code
    tells them apart, which is the compliance domain's table. Where several countries share another calling
    code, the leading digits decide (+44 7911 is Guernsey), else its main country.
    """
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return None
    if parsed.country_code == NANP_CALLING_CODE:
        return None
    region = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    return None if region in {_NON_GEOGRAPHIC_REGION, "ZZ"} else str(region)


def _obstacle(number: PhoneNumber) -> Unparsable | None:
    """Return why a number that reads as one cannot be written to."""
    if number.extension:
        return Unparsable("it has an extension, and texts cannot be sent to one")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE:
        return Unparsable(_REASONS.get(possible, "it is not a possible number"))
    if number.country_code == NANP_CALLING_CODE:
        national = str(number.national_number).zfill(_NANP_DIGITS)
        if national[0] in "01" or national[3] in "01":
            return Unparsable("a North American area code or exchange never starts with 0 or 1")
    return None
