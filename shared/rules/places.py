"""Whose law applies to a person: the countries and states of the number and of the known address."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from shared.rules.numbers import NumberFacts
from shared.rules.table import FALLBACK, FEDERAL, AreaCode, Places, Rule, RuleTable

_UNDER_OTHER_LAW = {"GG": "GB", "JE": "GB", "IM": "GB"}  # design section 9
_US_TERRITORIES = frozenset({"PR", "VI", "GU", "MP", "AS"})  # under United States law, design section 9
_SPELLINGS = {"UK": "GB", "USA": "US", "CAN": "CA", "GBR": "GB"}
_WITH_STATES = frozenset({"US", "CA"})
_COUNTRY_LETTERS = 2
_POSTAL_PREFIX = 3


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """What the merchant knows about where the person lives; None is unknown."""

    time_zone: str | None = None
    state: str | None = None
    """A code (``TX``, ``US-TX``) or a full English name."""
    postal_code: str | None = None
    """Its first three characters suffice; no more should be kept."""
    country: str | None = None


NOTHING_KNOWN = KnownPlace()


@dataclass(frozen=True, slots=True)
class Region:
    """A country whose law applies, and its state or province where one is known."""

    country: str
    state: str | None = None
    """ISO 3166-2, e.g. ``US-TX``."""


@dataclass(frozen=True, slots=True)
class StatedAddress:
    """What the merchant knows, as codes of the rule table."""

    region: Region | None
    """From the stated country and state."""
    postal_region: Region | None
    postal_prefix: str | None
    ignored: tuple[str, ...]
    """Names of fields that could not be used."""


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """Every region whose law may apply, most certain first."""

    number: Region
    address: StatedAddress
    area_code: AreaCode | None

    @property
    def regions(self) -> tuple[Region, ...]:
        """Return the regions of the number and of the address, each once."""
        found = (self.number, self.address.region, self.address.postal_region)
        return tuple(dict.fromkeys(region for region in found if region is not None))

    @property
    def countries(self) -> tuple[str, ...]:
        """Return every country whose law applies, the number's first."""
        return tuple(dict.fromkeys(region.country for region in self.regions))


@lru_cache(maxsize=8192)
def jurisdiction_of(number: NumberFacts, known: KnownPlace, table: RuleTable) -> Jurisdiction:
    """Return whose law applies to this person.

    The area code counts even if the person is known to live elsewhere: the laws of Connecticut and Virginia apply to
    numbers with their area codes; Florida, Oklahoma and Oregon presume residence from them (compliance section 1).
    """
    area_code = None if number.area_code is None else table.area_codes.get(number.area_code)
    home = _region_of_number(number, area_code)
    return Jurisdiction(home, _address(known, home, table), area_code)


def rules_of(place: Jurisdiction, table: RuleTable, enforced: frozenset[str] = frozenset()) -> tuple[Rule, ...]:
    """Return every applicable rule: each country's, ZZ's for a country without one, and each state's that has one."""

    def applies(row: Rule | None) -> bool:
        return row is not None and (row.enforced or row.id in enforced)

    rows: list[Rule] = []
    for country in place.countries:
        row = table.jurisdictions.get(country)
        rows.append(row if row is not None and applies(row) else table.jurisdictions[FALLBACK])
    for region in place.regions:
        row = table.jurisdictions.get(region.state or "")
        if row is not None and applies(row):
            rows.append(row)
    return tuple(dict.fromkeys(rows))


def _region_of_number(number: NumberFacts, area_code: AreaCode | None) -> Region:
    if area_code is not None:
        return region_of(area_code.region)
    if number.area_code is not None:
        return Region(FEDERAL)  # a code without a place: North America, every contiguous zone
    return region_of(number.country or FALLBACK)


def region_of(code: str) -> Region:
    """Return the region whose law applies in a country (``FR``, ``PR``, ``GG``) or state (``US-NJ``)."""
    if "-" in code:
        return Region(code.partition("-")[0], code)
    if code in _US_TERRITORIES:
        return Region(FEDERAL, f"{FEDERAL}-{code}")
    return Region(_UNDER_OTHER_LAW.get(code, code))


def countries_by_law(countries: Iterable[str]) -> frozenset[str]:
    """Return countries by the law that applies: Great Britain for Jersey, the United States for Puerto Rico."""
    return frozenset(region_of(country).country for country in countries)


def _address(known: KnownPlace, home: Region, table: RuleTable) -> StatedAddress:
    ignored: list[str] = []
    country = None if not known.country else _country(known.country)
    if country == FALLBACK:
        ignored.append("country")
    state = None if not known.state else _state(known.state, country, home.country, table.places)
    nation = (region_of(country).country if country else home.country) if state is None else state.partition("-")[0]
    if known.state and state is None and nation in _WITH_STATES:
        ignored.append("state")
    stated = Region(nation, state) if state else (None if country is None else region_of(country))
    prefix = None if not known.postal_code else _postal_prefix(known.postal_code, nation, table.places)
    if known.postal_code and prefix is None and nation in _WITH_STATES:
        ignored.append("postal_code")
    postal = None if prefix is None else _state_of_prefix(prefix, table.places)
    return StatedAddress(stated, None if postal is None else region_of(postal), prefix, tuple(ignored))


def _country(text: str) -> str:
    """Return an ISO 3166-1 code; ZZ, the strictest rules, for text that is none."""
    code = text.strip().upper()
    code = _SPELLINGS.get(code, code)
    return code if len(code) == _COUNTRY_LETTERS and code.isascii() and code.isalpha() else FALLBACK


def _state(text: str, country: str | None, home: str, places: Places) -> str | None:
    """Return the ISO 3166-2 code of a US state or Canadian province written as code or name; None if it is neither.

    A code without a country is read only if the country has such states: WA is Washington for a US number, but not
    for a person who is known to live in Australia.
    """
    nation = None if country is None else region_of(country).country
    word = " ".join(text.replace(".", "").split())
    named = places.by_name.get(word.casefold())
    whole = word.upper().replace("_", "-")
    candidates = [code for code in (named, whole) if code in places.states]
    if not candidates and (nation or home) in _WITH_STATES:
        candidates = [code for code in (f"US-{whole}", f"CA-{whole}") if code in places.states]
    found = [code for code in candidates if code is not None and nation in {None, code[:2]}]
    return next(iter(found), None)


def _postal_prefix(text: str, country: str, places: Places) -> str | None:
    """Return the part of a ZIP or Canadian postal code that names a place; None if it names none."""
    prefix = text.strip().upper()[:_POSTAL_PREFIX]
    if len(prefix) < _POSTAL_PREFIX:
        return None
    state = _state_of_prefix(prefix, places)
    return prefix if state is not None and state.startswith(country) else None


def _state_of_prefix(prefix: str, places: Places) -> str | None:
    return places.by_zip3.get(prefix) if prefix.isdecimal() else _canadian(prefix, places)


def _canadian(prefix: str, places: Places) -> str | None:
    shaped = prefix[1].isdecimal() and prefix[2].isalpha()
    return places.by_fsa_letter.get(prefix[0]) if shaped else None
