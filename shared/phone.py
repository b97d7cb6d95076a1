"""Phone numbers: the only module that imports the phonenumbers library; everything else uses `E164`.

A number is accepted when the library calls it *valid*, when it has the shape of a North American one (555-01xx and
+1684 are real to us although its tables disagree; compliance section 1, check 1), or when it lies in a range that
a regulator keeps for films and tests. One person has one canonical number, however a country's plan lets it be spelt.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

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
_FIRST_OF_THE_PLAN = "US"

_NO_AREA_CODE = re.compile(r"555|[2-9]11|[2-9]9[0-9]|37[0-9]|96[0-9]")
"""Never an area code: 555, service codes, and those reserved for the plan's growth (NANPA)."""
_NORTH_AMERICAN = re.compile(rf"\+1(?!{_NO_AREA_CODE.pattern})[2-9][0-9]{{2}}[2-9][0-9]{{6}}")
"""Canonical already, and possible whatever the digits; the library takes 60 microseconds to find that out."""
_RESERVED = re.compile(
    r"\+44(?:7700900|1632960|20794600?|1[0-9]{2}4960|8081570|9098790)[0-9]{3}"
    r"|\+33(?:199|261|353|465|536|639)[0-9]{6}"
    r"|\+61(?:491570|491571|491572|491573|491574|491575)[0-9]{3}|\+61[2378](?:5550|7010)[0-9]{4}"
    r"|\+353(?:20912|851)[0-9]{4,6}|\+49(?:15228817|1713920|15550000)[0-9]{2,4}|\+46701740[0-9]{3}"
)
"""Numbers that regulators reserve for films, books and tests (Ofcom, Arcep, ACMA, ComReg, Bundesnetzagentur, PTS)."""
_FICTION = re.compile(r"\+1[0-9]{3}55501[0-9]{2}")
"""555-0100 to 555-0199 of any North American area code (ATIS-0300115)."""
_EXTENSION = re.compile(r"(?:^|[\d\s.,;])(?:ext(?:n|ension|\.)?|x|app?\.?|#)[.:=\s]*\d{1,7}\s*$", re.IGNORECASE)
_TWO_NUMBERS = re.compile(r"\d\D*\+|[,;|&\n]|\d\s+/\s+\d")
_FLOATED = re.compile(r"(\+?\d{7,15})\.0{1,2}")
"""A spreadsheet turned it into a number: nothing else is digits that end in a point and a zero."""
_SPELLINGS: dict[int, tuple[re.Pattern[str], str]] = {
    52: (re.compile(r"(?:0?1|04[45])([2-9][0-9]{9})"), r"\1"),
    54: (re.compile(r"((?:11|[23][0-9])[0-9]{8})"), r"9\1"),
    55: (re.compile(r"([1-9][1-9])([6-9][0-9]{7})"), r"\g<1>9\2"),
}
"""By calling code: a national number as it is also written, and its one spelling."""
_FORMER = (
    (re.compile(r"\+52([2-9][0-9]{9})"), r"+521\1"),
    (re.compile(r"\+549([0-9]{10})"), r"+54\1"),
    (re.compile(r"\+55([1-9][1-9])9([6-9][0-9]{7})"), r"+55\1\2"),
)

_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")

_COSTLY_CODES = ("+808", "+870", "+878", "+881", "+882", "+883", "+888", "+979", "+4470", "+449", "+850")
"""Shared-cost, Inmarsat, personal, satellite, international networks, relief, premium; British personal and premium;
North Korea, which takes no texts from abroad."""
_COSTLY_TYPES = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.VOICEMAIL,
    }
)

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
    """A number that cannot be texted; `reason` completes the sentence "the number cannot be used: …"."""

    reason: str


def parse(raw: str, region: str | None) -> E164 | Unparsable:
    """Return the canonical number, or why there is none; never guesses a country.

    A number written without ``+`` is read in its `region` (ISO 3166-1 alpha-2), and refused without one.

    Source: compliance section 1, check 1; webhooks section 1, phone choice.
    """
    if _NORTH_AMERICAN.fullmatch(raw):
        return E164(raw)
    if _INTERNATIONAL.fullmatch(raw):
        return _international(raw)
    written = _one_number(raw)
    if isinstance(written, Unparsable):
        return written
    if not region and not written.startswith("+"):
        return Unparsable("it has no + and the country is not known")
    number = _parsed(written, region.upper() if region else None)
    if isinstance(number, Unparsable):
        return number
    read = _canonical(number)
    if written.startswith("+") or number.country_code == NANP_CALLING_CODE:
        return read
    return _unless_its_plus_is_missing(written, str(number.country_code), read)


@lru_cache(maxsize=8192)
def _international(digits: str) -> E164 | Unparsable:
    """Return what a number of nothing but a ``+`` and digits is; it is called again at every step of its text."""
    number = _parsed(digits, None)
    return number if isinstance(number, Unparsable) else _canonical(number)


def _parsed(written: str, region: str | None) -> PhoneNumber | Unparsable:
    try:
        return phonenumbers.parse(written, region)
    except NumberParseException as problem:
        return Unparsable(_PARSE_REASONS.get(problem.error_type, "it is not a phone number"))


def parse_sender(raw: str, region: str | None) -> E164 | Unparsable:
    """Return the number that a carrier named as the sender of a text.

    A sender has its number, whatever the library's tables say; so a ``+`` and the digits of a number are enough.
    """
    number = parse(raw, region)
    if isinstance(number, Unparsable) and _INTERNATIONAL.fullmatch(raw.strip()):
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


@lru_cache(maxsize=8192)
def country_of(number: E164) -> str | None:
    """Return the ISO 3166-1 alpha-2 country by the number's prefix; None if the prefix does not determine it.

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


@lru_cache(maxsize=1024)
def home_of(number: E164) -> str | None:
    """Return the country of a merchant's own number, North American ones included; None if unknown.

    The library's tables suffice here: they know the area codes in use, and a toll-free number, which works in both
    the United States and Canada, counts as American.
    """
    if not number.startswith(f"+{NANP_CALLING_CODE}"):
        return country_of(number)
    return str(phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or _FIRST_OF_THE_PLAN)


def _one_number(raw: str) -> str | Unparsable:
    """Return what was written as one number, without what shows nothing; never two numbers, and never letters.

    The library reads letters as the keys of a telephone, and two numbers as one long one: either is another person.
    """
    shown = "".join(
        character for character in raw if unicodedata.category(character) not in {"Cf", "Cc"} or character in "\t\n"
    )
    text = unicodedata.normalize("NFKC", shown).strip()
    text = re.sub(r"^tel:", "", text, flags=re.IGNORECASE)
    if _EXTENSION.search(text):
        return Unparsable("it has an extension, and texts cannot be sent to one")
    if any(character.isalpha() for character in text) or not any(character.isdigit() for character in text):
        return Unparsable("it is not a phone number: it has letters, or no digits")
    if _TWO_NUMBERS.search(text):
        return Unparsable("it is not one phone number but several")
    floated = _FLOATED.fullmatch(text)
    return floated[1] if floated else text


def _unless_its_plus_is_missing(written: str, calling_code: str, read: E164 | Unparsable) -> E164 | Unparsable:
    """Return what was read, unless the same digits are as good a number once the + that spreadsheets drop is back."""
    digits = "".join(str(unicodedata.decimal(each)) for each in written if each.isdecimal())
    if not digits.startswith(calling_code):
        return read
    whole = parse("+" + digits, None)
    if isinstance(whole, Unparsable) or whole == read:
        return read
    return whole if isinstance(read, Unparsable) else Unparsable("it may be two numbers; write it with its +")


def _canonical(number: PhoneNumber) -> E164 | Unparsable:
    _respell(number)
    return _obstacle(number) or E164(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _respell(number: PhoneNumber) -> None:
    """Return the single spelling under which a number's owner is stored.

    Mexico dropped the 1 of mobiles and the prefixes 044, 045 and 01 in 2019; Argentina writes mobiles with a 9 from
    abroad and without it, or with 15, at home; Brazil gave each mobile a ninth digit by 2016. All are still written.
    Source: ITU-T E.164 national numbering plans of Mexico, Argentina and Brazil; adr/0008.
    """
    rule = _SPELLINGS.get(number.country_code or 0)
    if rule is None:
        return
    pattern, canonical = rule
    found = pattern.fullmatch(phonenumbers.national_significant_number(number))
    if found is not None:
        number.national_number = int(found.expand(canonical))
        number.italian_leading_zero = None
        number.number_of_leading_zeros = None


def former_spellings(number: E164) -> tuple[E164, ...]:
    """Return the other spellings under which this person may have been written down before there was one."""
    found = []
    for pattern, former in _FORMER:
        match = pattern.fullmatch(number)
        if match is not None:
            found.append(E164(match.expand(former)))
    return tuple(found)


def is_reserved(number: E164) -> bool:
    """Return whether a number is reserved for films, books and tests: it has no owner who could earn by texts to it."""
    return _FICTION.fullmatch(number) is not None or _RESERVED.fullmatch(number) is not None


@lru_cache(maxsize=8192)
def costs_extra(number: E164) -> bool:
    """Return whether a text to a number outside the North American plan is charged to the profit of its holder.

    Premium, shared-cost, personal and voicemail ranges by the library's tables; satellites and international
    networks by their calling codes. A holder of such numbers earns by every text that a public form is made to send.

    Source: ITU-T E.164, list of assigned country codes; Ofcom National Telephone Numbering Plan (070, 09).
    """
    if number.startswith(_COSTLY_CODES):
        return True
    if number.startswith("+1"):
        return False
    try:
        return phonenumbers.number_type(phonenumbers.parse(number, None)) in _COSTLY_TYPES
    except NumberParseException:
        return False


def _obstacle(number: PhoneNumber) -> Unparsable | None:
    """Return why a well-formed number cannot be texted."""
    if number.extension:
        return Unparsable("it has an extension, and texts cannot be sent to one")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE:
        return Unparsable(_REASONS.get(possible, "it is not a possible number"))
    if number.country_code == NANP_CALLING_CODE:
        national = str(number.national_number).zfill(_NANP_DIGITS)
        if national[0] in "01" or national[3] in "01":
            return Unparsable("a North American area code or exchange never starts with 0 or 1")
        if _NO_AREA_CODE.match(national):
            return Unparsable("no place has this area code")
        return None
    if not phonenumbers.is_valid_number(number) and not _RESERVED.fullmatch(
        phonenumbers.format_number(number, PhoneNumberFormat.E164)
    ):
        return Unparsable("no subscriber in its country can have this number")
    return None
