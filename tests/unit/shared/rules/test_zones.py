"""Whose clock and whose law: precedence of sources, split states, numbers without a place."""

from importlib import resources

import pytest

from shared.rule_files import time_zones
from shared.rule_files.loader import load_rules, read_rules
from shared.rules.numbers import IMPOSSIBLE, NumberFacts, facts_of
from shared.rules.places import KnownPlace, jurisdiction_of, rules_of
from shared.rules.table import RuleTable
from shared.rules.zones import Clocks, clocks_of


def table() -> RuleTable:
    found = load_rules()
    assert isinstance(found, RuleTable)
    return found


def clocks(number: str, known: KnownPlace | None = None, *, moved: bool = False) -> Clocks:
    return clocks_of(facts_of(number), known or KnownPlace(), table(), moved=moved)


def rows(number: str, known: KnownPlace | None = None, enforced: frozenset[str] = frozenset()) -> list[str]:
    place = jurisdiction_of(facts_of(number), known or KnownPlace(), table())
    return [rule.id for rule in rules_of(place, table(), enforced)]


def test_the_zone_data_is_the_wheels_and_knows_the_canadian_changes_of_2026() -> None:
    assert time_zones.is_current()


@pytest.mark.parametrize("name", ["America/Edmonton", "America/Vancouver"])
def test_one_province_with_an_old_clock_suffices_to_know_that_the_data_is_old(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    zone = time_zones.zone
    monkeypatch.setattr(time_zones, "zone", lambda each: zone("Etc/GMT+8" if each == name else each))
    assert not time_zones.is_current()


@pytest.mark.parametrize("name", ["", "Factory", "Mars/Phobos", "../../etc/passwd", "america/new_york", "posixrules"])
def test_a_name_that_is_no_place_is_no_zone(name: str) -> None:
    with pytest.raises(KeyError):
        time_zones.zone(name)


def test_a_known_zone_beats_everything_else() -> None:
    known = KnownPlace(time_zone="Pacific/Honolulu", state="FL", postal_code="33101")
    assert clocks("+12125550123", known).zones == ("Pacific/Honolulu",)


def test_an_unusable_zone_is_ignored_and_reported() -> None:
    found = clocks("+12125550123", KnownPlace(time_zone="America/New_Yrok"))
    assert found.zones == ("America/New_York",)
    assert found.ignored == ("time_zone",)


def test_a_postal_code_beats_the_state() -> None:
    assert clocks("+12125550123", KnownPlace(state="TX", postal_code="79901-1234")).zones == ("America/Denver",)


def test_a_postal_code_without_a_row_of_its_own_has_the_zones_of_its_state() -> None:
    assert clocks("+12125550123", KnownPlace(postal_code="59001")).zones == ("America/Denver",)


@pytest.mark.parametrize(
    ("postal_code", "zone"),
    [("V6B 1A1", "America/Vancouver"), ("k1a0b1", "America/Toronto"), ("Y1A", "America/Whitehorse")],
)
def test_a_canadian_postal_code_names_its_province(postal_code: str, zone: str) -> None:
    assert zone in clocks("+14165550123", KnownPlace(postal_code=postal_code)).zones


def test_a_postal_code_that_names_no_place_is_ignored_and_reported() -> None:
    place = jurisdiction_of(facts_of("+12125550123"), KnownPlace(postal_code="00000"), table())
    assert place.address.ignored == ("postal_code",)


def test_a_split_state_alone_gives_both_its_zones() -> None:
    assert clocks("+12125550123", KnownPlace(state="FL")).zones == ("America/New_York", "America/Chicago")


def test_an_area_code_of_the_same_state_narrows_it() -> None:
    assert clocks("+13055550123", KnownPlace(state="FL")).zones == ("America/New_York",)
    assert clocks("+18505550123", KnownPlace(state="FL")).zones == ("America/New_York", "America/Chicago")


def test_a_ported_number_does_not_narrow_its_state() -> None:
    assert clocks("+13055550123", KnownPlace(state="FL"), moved=True).zones == ("America/New_York", "America/Chicago")


def test_a_ported_number_without_address_may_be_anywhere_in_the_contiguous_states() -> None:
    assert set(clocks("+12125550123", moved=True).zones) == {
        "America/New_York",
        "America/Chicago",
        "America/Denver",
        "America/Phoenix",
        "America/Los_Angeles",
    }


def test_a_ported_hawaiian_number_may_still_be_in_hawaii() -> None:
    assert "Pacific/Honolulu" in clocks("+18085550123", moved=True).zones


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+16025550123", ["America/Phoenix"]),
        ("+19285550123", ["America/Phoenix", "America/Denver"]),
        ("+17875550123", ["America/Puerto_Rico"]),
        ("+16845550123", ["Pacific/Pago_Pago"]),
        ("+12425550123", ["America/Nassau"]),
        ("+61412345678", ["Australia/Perth", "Australia/Darwin", "Australia/Brisbane", "Australia/Adelaide"]),
        ("+34612345678", ["Europe/Madrid", "Atlantic/Canary"]),
        ("+819012345678", ["Asia/Tokyo"]),
        ("+447911123456", ["Europe/London"]),
    ],
)
def test_a_number_alone_names_its_zones(number: str, zones: list[str]) -> None:
    assert list(clocks(number).zones)[: len(zones)] == zones


def test_an_area_code_without_a_place_means_every_contiguous_zone() -> None:
    assert len(clocks("+15005550123").zones) == 5


@pytest.mark.parametrize(
    ("number", "known", "expected"),
    [
        ("+12125550123", KnownPlace(), ["US", "US-NY"]),
        ("+12125550123", KnownPlace(state="FL"), ["US", "US-NY", "US-FL"]),
        ("+12125550123", KnownPlace(state=" florida "), ["US", "US-NY", "US-FL"]),
        ("+12125550123", KnownPlace(postal_code="33101"), ["US", "US-NY", "US-FL"]),
        ("+12125550123", KnownPlace(country="CA"), ["US", "CA", "US-NY"]),
        ("+14165550123", KnownPlace(state="TX"), ["CA", "US", "US-TX"]),
        ("+13035550123", KnownPlace(), ["US"]),
        ("+17875550123", KnownPlace(), ["US"]),
        ("+12125550123", KnownPlace(country="PR"), ["US", "US-NY"]),
        ("+447911123456", KnownPlace(), ["GB"]),
        ("+447700900123", KnownPlace(country="uk"), ["GB"]),
        ("+33612345678", KnownPlace(country="GG"), ["FR", "GB"]),
        ("+819012345678", KnownPlace(), ["ZZ"]),
        ("+12425550123", KnownPlace(), ["ZZ"]),
        ("+12125550123", KnownPlace(country="Atlantis"), ["US", "ZZ", "US-NY"]),
        ("+61412345678", KnownPlace(state="WA"), ["AU"]),
        ("+12065550123", KnownPlace(country="AU", state="WA"), ["US", "AU", "US-WA"]),
        ("+12125550123", KnownPlace(country="US", state="ON"), ["US", "US-NY"]),
        ("+12125550123", KnownPlace(state="CA"), ["US", "US-NY"]),
    ],
)
def test_every_country_and_state_that_may_claim_the_person_applies(
    number: str, known: KnownPlace, expected: list[str]
) -> None:
    assert rows(number, known) == expected


def test_a_row_listed_for_information_applies_once_an_operator_switches_it_on() -> None:
    assert rows("+16055550123") == ["US"]
    assert rows("+16055550123", enforced=frozenset({"US-SD"})) == ["US", "US-SD"]


@pytest.mark.parametrize("number", ["+10125550123", "+12121550123", "+1212555", "hello", "", "2125550123"])
def test_a_number_that_cannot_exist_is_impossible(number: str) -> None:
    assert facts_of(number) == IMPOSSIBLE


def test_facts_of_a_number_do_not_hold_the_number() -> None:
    assert facts_of("+12125550123") == NumberFacts(possible=True, area_code="212")


def test_why_a_zone_was_chosen_is_shown() -> None:
    assert clocks("+13055550123", KnownPlace(state="FL")).why == "US-FL, narrowed by its area code"
    assert clocks("+12125550123", KnownPlace(state="FL")).why == "every zone of US-FL"
    assert clocks("+12125550123", KnownPlace(postal_code="33101")).why == "postal codes that begin with 331"
    assert clocks("+14165550123", KnownPlace(postal_code="M5V 1A1")).why == "CA-ON, narrowed by its area code"


def test_an_area_code_does_not_narrow_what_a_zip_code_leaves_open() -> None:
    # 86515 is Window Rock, on Navajo time; whoever lives there may well have bought a phone in Phoenix.
    navajo = clocks("+14805550123", KnownPlace(postal_code="86515", state="AZ"))
    assert navajo.zones == ("America/Phoenix", "America/Denver")
    assert clocks("+13055550123", KnownPlace(postal_code="32401")).zones == ("America/New_York", "America/Chicago")
    assert clocks("+14805550123", KnownPlace(state="AZ")).zones == ("America/Phoenix",)
    assert clocks("+19285550123", KnownPlace(postal_code="85001")).zones == ("America/Phoenix",)


@pytest.mark.parametrize(
    ("known", "ignored"),
    [
        (KnownPlace(state="Nowhere"), ("state",)),
        (KnownPlace(state="TX"), ()),
        (KnownPlace(country="AU", state="WA"), ()),
        (KnownPlace(country="Atlantis"), ("country",)),
        (KnownPlace(country="U1"), ("country",)),
        (KnownPlace(country="ÜS"), ("country",)),
        (KnownPlace(country="USAB"), ("country",)),
        (KnownPlace(country="usa"), ()),
        (KnownPlace(postal_code="KAA"), ("postal_code",)),
        (KnownPlace(postal_code="K11"), ("postal_code",)),
        (KnownPlace(postal_code="K1"), ("postal_code",)),
        (KnownPlace(country="CA", postal_code="K1A"), ()),
        (KnownPlace(country="CA", postal_code="KAA"), ("postal_code",)),
        (KnownPlace(country="CA", postal_code="K11"), ("postal_code",)),
        (KnownPlace(country="DE", postal_code="10115"), ()),
        (KnownPlace(country="GB", postal_code="1A"), ()),
        (KnownPlace(), ()),
    ],
)
def test_what_says_nothing_we_understand_is_named(known: KnownPlace, ignored: tuple[str, ...]) -> None:
    assert jurisdiction_of(facts_of("+12125550123"), known, table()).address.ignored == ignored


def test_a_countrys_row_that_is_listed_for_information_leaves_it_to_the_fallback() -> None:
    folder = resources.files("shared.rule_files.data")
    hours, codes, places = (
        (folder / name).read_bytes() for name in ("quiet-hours.yaml", "area-codes.yaml", "places.yaml")
    )
    listed = hours.replace(
        b"{id: DE, country: DE, name: Germany, enforce: true", b"{id: DE, country: DE, name: Germany, enforce: false"
    )
    assert listed != hours
    informed = read_rules(listed, codes, places)
    assert isinstance(informed, RuleTable)
    place = jurisdiction_of(facts_of("+4915123456789"), KnownPlace(), informed)
    assert [rule.id for rule in rules_of(place, informed)] == ["ZZ"]
    assert [rule.id for rule in rules_of(place, informed, frozenset({"DE"}))] == ["DE"]
