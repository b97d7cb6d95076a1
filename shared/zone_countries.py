"""Time zones by name, and the countries that use one; UTC and offsets say nothing about where a person lives.

Read from the `tzdata` wheel, like everything that decides an hour.
"""

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_ABBREVIATIONS = frozenset({"CET", "EET", "EST", "HST", "MET", "MST", "WET"})
"""Linked to cities since 2024, for computers configured with an offset; they still name only the offset."""


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """Return an IANA zone; None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1024)
def countries_of(name: str) -> frozenset[str]:
    """Return the ISO 3166-1 countries that use a zone; none for a name that is not a place.

    UTC, ``Etc/…`` and ``EST`` name machines and offsets, and say nothing about where a person lives. Older names of a
    place (``US/Eastern``, ``Asia/Calcutta``) are that place.

    Source: compliance section 8; `zone1970.tab`, `zone.tab` and the links of the IANA database.
    """
    if name in _ABBREVIATIONS:
        return frozenset()
    places, links = _countries_by_zone(), _links()
    found = places.get(name, frozenset())
    while not found and name in links:
        name = links[name]
        found = places.get(name, frozenset())
    return found


def is_place(name: str) -> bool:
    """Return whether a zone says where a person lives."""
    return bool(countries_of(name))


@lru_cache(maxsize=1)
def _countries_by_zone() -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for countries, name in (*rows_of("zone1970.tab"), *rows_of("zone.tab")):
        table[name] = table.get(name, frozenset()) | frozenset(countries)
    return table


def rows_of(table: str) -> list[tuple[list[str], str]]:
    """Return countries and zone of each row of a table."""
    lines = resources.files("tzdata").joinpath("zoneinfo", table).read_text().splitlines()
    parts = (line.split("\t") for line in lines if line.strip() and not line.startswith("#"))
    return [(countries.split(","), name) for countries, _coordinates, name, *_comment in parts]


@lru_cache(maxsize=1)
def _links() -> dict[str, str]:
    """Return what each older name stands for."""
    lines = resources.files("tzdata").joinpath("zoneinfo", "tzdata.zi").read_text().splitlines()
    return {name: target for kind, target, name in (line.split() for line in lines if line.startswith("L ")) if kind}
