"""The rule table: what the law and our policy say, as immutable values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from shared.events.follow_up import Purpose
from shared.rules.holiday_calendars import HolidayCalendar

STALE_AFTER = timedelta(days=180)
"""A table older than this causes a warning (compliance section 14)."""

MinuteSpan: TypeAlias = tuple[int, int]
"""Local minutes after midnight, half open; 1440 is the next midnight."""
WeekHours: TypeAlias = tuple[tuple[MinuteSpan, ...], ...]
"""Seven days, Monday first; an empty day admits no sends."""

FEDERAL = "US"
FALLBACK = "ZZ"


class ConsentStatus(StrEnum):
    """What is known of a person's consent (design section 9, `consent.status`)."""

    PEWC = "pewc"
    EXPRESS = "express"
    IMPLIED = "implied"
    SOFT_OPT_IN = "soft_opt_in"
    CONTRACT = "contract"
    PENDING = "pending"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most `maximum` texts in any rolling `hours`."""

    maximum: int
    hours: int


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One jurisdiction's rule on marketing; compared by identity, so that it is a cheap cache key."""

    id: str
    name: str
    country: str
    hours: WeekHours
    hours_text: str
    """The week in words, e.g. ``Mon-Sat 09:00-21:00, Sun 12:00-21:00``."""
    cite: str
    subdivision: str | None = None
    enforced: bool = True
    consent_exempts: bool = False
    """The rule itself exempts texts with written consent; only the consent_aware profile makes use of that."""
    prohibited: bool = False
    """No marketing may be sent to this destination at all (`hours: blocked`)."""
    calendar: HolidayCalendar | None = None
    caps: tuple[FrequencyCap, ...] = ()


@dataclass(frozen=True, slots=True)
class PurposeDefaults:
    """What applies to a purpose independent of jurisdiction."""

    by_jurisdiction: bool
    window: Rule | None
    """Our own window, if the purpose has one (informational)."""
    consent: str | None
    """The name of its consent rule; None: no consent is needed."""
    max_age: timedelta | None
    """How old the inbound message may be that an answer replies to."""
    any_hour: timedelta | None = None
    """For so long after the inbound message hours do not apply."""


@dataclass(frozen=True, slots=True)
class AreaCode:
    """The region and zones of a North American area code."""

    region: str
    """ISO 3166-2 such as ``US-NJ``, or a country outside the US and Canada."""
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountryZones:
    """The zones of a country if nothing narrower is known."""

    every: tuple[str, ...]
    contiguous: tuple[str, ...]
    """The zones a ported or VoIP number may be in; equal to `every` outside the US and Canada."""


@dataclass(frozen=True, slots=True)
class Places:
    """Names and postal prefixes of states and provinces, to read an address."""

    states: frozenset[str]
    """ISO 3166-2 codes of US states and territories and of Canadian provinces."""
    by_name: Mapping[str, str]
    """Case-folded full name without full stops (``us virgin islands``) to code."""
    by_zip3: Mapping[str, str]
    by_fsa_letter: Mapping[str, str]
    postal_zones: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TimeZones:
    """The IANA time zone database as the loader read it; the same argument always gives the same answer."""

    version: str
    """Of the `tzdata` package."""
    zone: Callable[[str], ZoneInfo]
    """A zone by its name; KeyError for a name that is none."""
    zones_of_country: Callable[[str], tuple[str, ...]]
    """Every zone of an ISO 3166-1 country; empty for an unknown country."""
    countries_of: Callable[[str], frozenset[str]]
    """The countries in which a zone is in use; empty for a name that is no place, such as ``UTC`` or ``EST``."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleTable:
    """Every rule and every fact about places that the gate uses; never changes once read."""

    version: str
    """The first 16 hex digits of the SHA-256 over the bytes of all files read."""
    as_of: date
    jurisdictions: Mapping[str, Rule]
    purposes: Mapping[Purpose, PurposeDefaults]
    policy_caps: tuple[FrequencyCap, ...]
    close_guard_seconds: int
    max_defer_hours: int
    consent: Mapping[str, Mapping[str, frozenset[ConsentStatus]]]
    """Consent rule to country (or ``default``) to the accepted states."""
    subdivision_zones: Mapping[str, tuple[str, ...]]
    country_zones: Mapping[str, CountryZones]
    area_codes: Mapping[str, AreaCode]
    toll_free: frozenset[str]
    premium: frozenset[str]
    places: Places
    time_zones: TimeZones

    @property
    def time_zones_version(self) -> str:
        """The version of the time zone database."""
        return self.time_zones.version

    def is_stale(self, now: datetime) -> bool:
        """Return whether the table is so old that a newer one should be installed."""
        return now.date() - self.as_of > STALE_AFTER

    def accepted(self, purpose: Purpose, country: str) -> frozenset[ConsentStatus]:
        """Return the consent states that suffice for a purpose under a country's law."""
        name = self.purposes[purpose].consent
        if name is None:
            return frozenset(ConsentStatus)
        by_country = self.consent[name]
        return by_country.get(country, by_country["default"])


@dataclass(frozen=True, slots=True)
class UnreadableRules:
    """The table could not be read: the gate blocks everything and says so."""

    why: str
    version: str = "unreadable"
    time_zones_version: str = ""
