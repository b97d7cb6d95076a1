"""The setting of a text: the rules that apply, those that consent suspends, and the time zones they are read in."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.compliance.gate.inputs import Consent, LineType, Policy, Recipient
from services.compliance.gate.verdicts import RuleFinding, ZoneFinding
from shared.events.follow_up import Purpose
from shared.rules.numbers import NumberFacts
from shared.rules.places import KnownPlace, jurisdiction_of, rules_of
from shared.rules.quiet_hours import SendingWindow
from shared.rules.table import FEDERAL, ConsentStatus, Rule, RuleTable
from shared.rules.zones import clocks_of
from shared.vocabulary.profiles import Profile

_WRITTEN_CONSENT = "the rule spares people with written consent (consent_aware profile)"


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A setting at one instant; compared by identity, so that it is a cheap key of a cache."""

    is_open: bool
    """Every rule in every zone."""
    closes_at: datetime | None
    """When quiet hours begin, less the guard; None when closed, or when no rule ever closes."""
    rules: tuple[RuleFinding, ...]
    zones: tuple[ZoneFinding, ...]
    ignored: tuple[str, ...]
    clock: ZoneInfo | None
    """The first zone that is closed, else the first; later instants are explained on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """The rules and time zones of one text to one person; compared by identity, as a moment is."""

    countries: tuple[str, ...]
    binding: tuple[Rule, ...]
    skipped: tuple[Rule, ...]
    window: SendingWindow
    is_prohibited: bool
    """An applicable rule permits no marketing to this destination."""
    why_zones: str
    ignored: tuple[str, ...]


@lru_cache(maxsize=512)  # a poll holds at most 500 texts, which are judged at one instant
def moment_of(setting: Setting, now: datetime) -> Moment:
    """Return whether each rule and zone is open at an instant."""
    window, zones, guard = setting.window, setting.window.zones, setting.window.guard_seconds
    rules = tuple(
        RuleFinding(
            rule.id, rule.name, rule.cite, rule.hours_text, SendingWindow((rule,), zones, guard).is_open(now), skipped
        )
        for group, skipped in ((setting.binding, None), (setting.skipped, _WRITTEN_CONSENT))
        for rule in group
    )
    clocks = tuple(
        ZoneFinding(
            zone.key, _local(now, zone), SendingWindow(setting.binding, (zone,), guard).is_open(now), setting.why_zones
        )
        for zone in zones
    )
    closed = (zone for zone, found in zip(zones, clocks, strict=True) if not found.open)
    shown = next(closed, next(iter(zones), None))
    return Moment(window.is_open(now), window.closing(now), rules, clocks, setting.ignored, shown)


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant in a zone, with the offset the zone has at that instant.

    A fixed offset, because Python compares two equal instants as unequal if one is in the repeated hour of autumn in
    a zone (PEP 495): such a verdict would not equal itself once it was stored.
    """
    local = at.astimezone(zone)
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta()))


def setting_of(purpose: Purpose, recipient: Recipient, consent: Consent, rules: RuleTable, policy: Policy) -> Setting:
    """Return the rules and time zones that apply to one text to one person."""
    moved = recipient.ported or recipient.line is LineType.VOIP
    switches = _Switches(policy.enforced, policy.emergency_blocks, policy.close_guard_seconds)
    spared = policy.profile is Profile.CONSENT_AWARE and consent.status is ConsentStatus.PEWC
    return _setting(purpose, recipient.number, recipient.known, moved, spared, rules, switches)


class _Switches(NamedTuple):
    """The part of a policy that selects rules; small, so that it is a cheap cache key."""

    enforced: frozenset[str]
    emergency_blocks: frozenset[str]
    guard_seconds: int | None


@lru_cache(maxsize=8192)
def _setting(
    purpose: Purpose,
    number: NumberFacts,
    known: KnownPlace,
    moved: bool,  # noqa: FBT001 - positional for the cache; the one caller names it
    spared: bool,  # noqa: FBT001 - as above
    rules: RuleTable,
    switches: _Switches,
) -> Setting:
    place = jurisdiction_of(number, known, rules)
    clocks = clocks_of(number, known, rules, moved=moved)
    binding, skipped = _rules(purpose, rules_of(place, rules, switches.enforced), rules, spared=spared)
    guard = rules.close_guard_seconds if switches.guard_seconds is None else switches.guard_seconds
    return Setting(
        countries=place.countries,
        binding=binding,
        skipped=skipped,
        window=SendingWindow(binding, tuple(map(rules.time_zones.zone, clocks.zones)), guard),
        is_prohibited=any(rule.prohibited for rule in (*binding, *skipped))
        or not switches.emergency_blocks.isdisjoint(
            name for region in place.regions for name in (region.country, region.state)
        ),
        why_zones=clocks.why,
        ignored=(*clocks.ignored, *place.address.ignored),
    )


def _rules(
    purpose: Purpose, applicable: tuple[Rule, ...], rules: RuleTable, *, spared: bool
) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return the rules that apply and those that written consent suspends.

    If every row is suspended, the federal window applies: suspending rules never permits any hour (formats page).
    """
    defaults = rules.purposes[purpose]
    if not defaults.by_jurisdiction:
        return ((defaults.window,) if defaults.window is not None else ()), ()
    skipped = tuple(rule for rule in applicable if spared and rule.consent_exempts)
    binding = tuple(rule for rule in applicable if rule not in skipped)
    if binding:
        return binding, skipped
    federal = rules.jurisdictions[FEDERAL]
    return (federal,), tuple(rule for rule in skipped if rule is not federal)
