"""Reads the IANA time zones of the `tzdata` wheel, so that an operating system's older copy never decides an hour.

`zoneinfo.ZoneInfo(key)` prefers the system's files; a container with 2025 data is an hour wrong in Alberta and
British Columbia since November 2026 (compliance section 8).
"""

from datetime import datetime, timedelta
from functools import lru_cache
from importlib import metadata, resources
from zoneinfo import ZoneInfo

from shared.rules.table import TimeZones
from shared.zone_countries import countries_of, rows_of

VERSION = metadata.version("tzdata")

_NOT_A_PLACE = frozenset({"Factory"})  # tzdata's own name for a machine without a configured zone
_SENTINELS = {"America/Edmonton": -timedelta(hours=6), "America/Vancouver": -timedelta(hours=7)}
"""Offsets in December 2026, by tzdata 2026.2 and later."""


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Return every zone name that may be used."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split()) - _NOT_A_PLACE


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the zone of a known name.

    Raises:
        KeyError: the name is not one of `known_names`.
    """
    if name not in known_names():
        raise KeyError(name)
    source = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with source.open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)


def zones_of_country(country: str) -> tuple[str, ...]:
    """Return every zone that the IANA table (`zone.tab`) lists for an ISO 3166-1 country; empty for an unknown one."""
    return _zones_by_country().get(country, ())


def is_current() -> bool:
    """Return whether the zone data knows the Canadian changes of 2026; without them, a process must not start."""
    winter = datetime(2026, 12, 15, 12)  # noqa: DTZ001 - a wall clock, the zone is given on the next line
    return all(winter.replace(tzinfo=zone(name)).utcoffset() == offset for name, offset in _SENTINELS.items())


@lru_cache(maxsize=1)
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    for countries, name in rows_of("zone.tab"):
        for country in countries:
            table.setdefault(country, []).append(name)
    return {country: tuple(names) for country, names in table.items()}


def shipped_time_zones() -> TimeZones:
    """Return the installed database for a rule table; each zone's file is read on first use, and never again."""
    return TimeZones(VERSION, zone, zones_of_country, countries_of)
