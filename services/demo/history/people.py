"""The customers of the demo's shop: invented people in several countries, time zones and languages (pure).

All numbers are in ranges that are reserved for fiction: 555-0100 to 555-0199 of an area code in North America, Ofcom's
+44 7700 900000 to 900999, and the Bundesnetzagentur's +49 171 3920000 to 3920099.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Agreement(StrEnum):
    """What a customer has agreed to when the shop's history begins or they first buy."""

    WRITTEN = "pewc"
    """Prior express written consent to marketing, as the United States require."""
    EXPRESS = "express"
    """Enough in most countries, and not in the United States."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Customer:
    """One invented person."""

    place: int
    """Which of all customers; the shop's own id of them derives from it."""
    phone: str
    first_name: str
    last_name: str
    locale: str
    country: str
    state: str | None
    postal_code: str | None
    standing: Agreement
    is_old: bool
    """Bought before the history begins: their consent is imported on the first day."""

    @property
    def shop_id(self) -> int:
        """The id that the shop's platform gives them."""
        return 7_300_000_000 + self.place


class _Home(NamedTuple):
    """Where people live, and how likely that is."""

    weight: int
    prefix: str
    country: str
    state: str | None
    postal_code: str | None
    locales: tuple[str, ...]


_US = ("en-US",)
_SPANISH = ("en-US", "en-US", "es-US")
_HOMES: Final = (
    _Home(16, "+1212555", "US", "NY", "10001", _US),
    _Home(6, "+1617555", "US", "MA", "02108", _US),
    _Home(4, "+1203555", "US", "CT", "06510", _US),
    _Home(9, "+1305555", "US", "FL", "33101", _SPANISH),
    _Home(5, "+1404555", "US", "GA", "30303", _US),
    _Home(7, "+1312555", "US", "IL", "60601", _US),
    _Home(8, "+1214555", "US", "TX", "75201", _SPANISH),
    _Home(3, "+1504555", "US", "LA", "70112", _US),
    _Home(4, "+1303555", "US", "CO", "80202", _US),
    _Home(3, "+1602555", "US", "AZ", "85001", _SPANISH),
    _Home(9, "+1415555", "US", "CA", "94102", _US),
    _Home(5, "+1206555", "US", "WA", "98101", _US),
    _Home(5, "+1416555", "CA", "ON", "M5H 2N2", ("en-CA",)),
    _Home(9, "+447700900", "GB", None, "EC1A 1BB", ("en-GB",)),
    _Home(7, "+4917139200", "DE", None, "10115", ("de-DE",)),
)
_NORTH_AMERICA: Final = "+1"
TAKEN: Final = frozenset({"+12125550123", "+12125550199", "+447700900000", "+491713920000"})
"""The phone of the demo's story, a stranger's, and the shop's own numbers."""
_NAMES: Final = {
    "en": (
        ("Ada", "Ben", "Chloe", "Daniel", "Ella", "Finn", "Grace", "Henry", "Isla", "Jack", "Kara", "Liam", "Maya"),
        ("Adams", "Baker", "Carter", "Evans", "Foster", "Green", "Hughes", "Khan", "Miller", "Nguyen", "Patel", "Reed"),
    ),
    "es": (
        ("Alba", "Bruno", "Carmen", "Diego", "Elena", "Fermín", "Gloria", "Hugo", "Inés", "Javier", "Lucía", "Marta"),
        ("Alonso", "Blanco", "Castro", "Delgado", "Flores", "García", "Herrera", "Molina", "Ortega", "Vega"),
    ),
    "de": (
        ("Anna", "Bernd", "Clara", "Dirk", "Eva", "Felix", "Greta", "Hanno", "Ida", "Jonas", "Lena", "Max"),
        ("Bauer", "Fischer", "Hoffmann", "Krüger", "Lange", "Maier", "Schulz", "Vogel", "Weber", "Zimmer"),
    ),
}
_WITH_CONSENT: Final = 0.86
_WITHOUT_THE_US_DISCLOSURE: Final = 0.07
"""Ticked a box without the words that United States law demands."""
_OLD: Final = 0.55


def customers(count: int, seed: int) -> Sequence[Customer]:
    """Return so many different people; the same count and seed give the same people."""
    chance = random.Random(f"people {seed}")  # noqa: S311 - a story that repeats, not a secret
    free = {home: _endings(home, chance) for home in _HOMES}
    found: list[Customer] = []
    while len(found) < count:
        home = chance.choices(_HOMES, [each.weight if free[each] else 0 for each in _HOMES])[0]
        locale = chance.choice(home.locales)
        first, last = _NAMES[locale[:2]]
        found.append(
            Customer(
                place=len(found),
                phone=home.prefix + free[home].pop(),
                first_name=chance.choice(first),
                last_name=chance.choice(last),
                locale=locale,
                country=home.country,
                state=home.state,
                postal_code=home.postal_code,
                standing=_standing(home, chance),
                is_old=chance.random() < _OLD,
            )
        )
    return found


def _endings(home: _Home, chance: random.Random) -> list[str]:
    """Return the ends of the numbers that may be used behind a prefix, shuffled."""
    american, british = home.prefix.startswith(_NORTH_AMERICA), home.country == "GB"
    found = [f"01{n:02}" if american else f"{n:03}" if british else f"{n:02}" for n in range(100)]
    found = [ending for ending in found if home.prefix + ending not in TAKEN]
    chance.shuffle(found)
    return found


def _standing(home: _Home, chance: random.Random) -> Agreement:
    drawn = chance.random()
    if drawn > _WITH_CONSENT:
        return Agreement.NONE
    if home.country != "US" or drawn < _WITHOUT_THE_US_DISCLOSURE:
        return Agreement.EXPRESS
    return Agreement.WRITTEN
