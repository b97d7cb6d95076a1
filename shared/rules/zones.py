"""Which time zones the person may be in: candidates by the precedence of compliance section 8; all must be open."""

from dataclasses import dataclass
from functools import lru_cache

from shared.rules.numbers import NumberFacts
from shared.rules.places import Jurisdiction, KnownPlace, jurisdiction_of, region_of
from shared.rules.table import FEDERAL, CountryZones, RuleTable

_NO_ZONES = CountryZones(every=(), contiguous=())


@dataclass(frozen=True, slots=True)
class Clocks:
    """The zones in which every rule must be open, and why these."""

    zones: tuple[str, ...]
    why: str
    ignored: tuple[str, ...] = ()
    """``time_zone`` if the contact's zone is no place; the caller counts it."""


@lru_cache(maxsize=8192)
def clocks_of(number: NumberFacts, known: KnownPlace, table: RuleTable, *, moved: bool) -> Clocks:
    """Return the candidate zones; the first source with an answer decides.

    At least one zone, except for numbers without a country: those are never open. `moved`: the number is ported or
    VoIP, so that its area code does not show where it is.
    """
    place = jurisdiction_of(number, known, table)
    contact = (known.time_zone or "").strip()
    home = table.time_zones.countries_of(contact)
    if any(region_of(country).country in place.countries for country in home):
        return Clocks((contact,), "the contact's own time zone")
    zones, why = _by_address(place, table, moved=moved) or _by_number(place, number, table, moved=moved)
    if home:  # travelling, or a mistake: it must be open in both
        return Clocks(tuple(dict.fromkeys((*zones, contact))), f"{why}, and the contact's own time zone elsewhere")
    return Clocks(zones, why, ("time_zone",) if contact else ())


def _by_address(place: Jurisdiction, table: RuleTable, *, moved: bool) -> tuple[tuple[str, ...], str] | None:
    prefix, postal, stated = place.address.postal_prefix, place.address.postal_region, place.address.region
    if prefix is not None and prefix in table.places.postal_zones:
        return table.places.postal_zones[prefix], f"postal codes that begin with {prefix}"
    if prefix is not None and postal is not None and postal.state is not None:
        # A ZIP code tells where in its state an address is, even if two zones meet there; an area code, which is where
        # the phone was bought, cannot narrow that. A Canadian letter tells only the province.
        if prefix.isdecimal():
            return table.subdivision_zones[postal.state], f"postal codes that begin with {prefix}"
        return _by_state(postal.state, place, table, moved=moved)
    if stated is not None and stated.state is not None:
        return _by_state(stated.state, place, table, moved=moved)
    return None


def _by_state(state: str, place: Jurisdiction, table: RuleTable, *, moved: bool) -> tuple[tuple[str, ...], str]:
    """Return a state's zones, narrowed by an area code of the same state (305 and Florida: Eastern only)."""
    code = place.area_code
    if code is not None and code.region == state and not moved:
        return code.zones, f"{state}, narrowed by its area code"
    return table.subdivision_zones[state], f"every zone of {state}"


def _by_number(
    place: Jurisdiction, number: NumberFacts, table: RuleTable, *, moved: bool
) -> tuple[tuple[str, ...], str]:
    code = place.area_code
    national = _country_zones(place.number.country, table)
    if number.area_code is not None and code is None:
        return table.country_zones[FEDERAL].contiguous, "an area code without a place: every contiguous zone"
    if code is not None and moved and place.number.country in table.country_zones:
        offshore = () if set(code.zones) & set(national.contiguous) else code.zones
        return (*national.contiguous, *offshore), "ported or VoIP: every contiguous zone"
    if code is not None:
        return code.zones, f"area code {number.area_code}"
    abroad = [zone for country in place.countries for zone in _country_zones(country, table).every]
    return tuple(dict.fromkeys(abroad)), f"every zone of {' and '.join(place.countries)}"


def _country_zones(country: str, table: RuleTable) -> CountryZones:
    """Return a country's zones as the table lists them, else as the IANA database does."""
    listed = table.country_zones.get(country)
    if listed is not None:
        return listed
    every = table.time_zones.zones_of_country(country)
    return CountryZones(every=every, contiguous=every) if every else _NO_ZONES
