"""The shipped table reads, and a table with any mistake stops texts instead of the process."""

from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from services.compliance.domain import gate
from services.compliance.domain.inputs import Consent, Message, Policy, Recipient
from services.compliance.domain.numbers import NumberFacts
from services.compliance.domain.rule_files import load_rules, read_rules, week_in_words
from services.compliance.domain.rules import ConsentStatus, RuleTable, UnreadableRules
from services.compliance.domain.verdicts import Block, Reason
from shared.events.follow_up import Purpose

NOW = datetime(2026, 12, 1, 18, tzinfo=UTC)
HOURS, CODES, PLACES = (
    resources.files("services.compliance.data").joinpath(name).read_bytes()
    for name in ("quiet-hours.yaml", "area-codes.yaml", "places.yaml")
)


def shipped() -> RuleTable:
    table = load_rules()
    assert isinstance(table, RuleTable)
    return table


def test_the_shipped_table_has_a_row_for_every_jurisdiction_of_the_file() -> None:
    assert len(shipped().jurisdictions) == HOURS.count(b"  - {id: ")


def test_the_version_changes_with_a_single_byte_of_any_file() -> None:
    versions = {
        table.version
        for table in (
            read_rules(HOURS, CODES, PLACES),
            read_rules(HOURS + b"\n", CODES, PLACES),
            read_rules(HOURS, CODES + b"\n", PLACES),
            read_rules(HOURS, CODES, PLACES + b"\n"),
        )
    }
    assert len(versions) == 4


def test_the_table_is_stale_after_180_days_and_not_before() -> None:
    table = shipped()
    published = datetime.combine(table.as_of, datetime.min.time(), tzinfo=UTC)
    assert not table.is_stale(published + timedelta(days=180))
    assert table.is_stale(published + timedelta(days=181))


def test_rows_listed_for_information_are_not_enforced() -> None:
    listed = {row.id for row in shipped().jurisdictions.values() if not row.enforced}
    assert listed == {"US-CA", "US-IL", "US-ME", "US-SD"}


def test_an_area_code_of_the_hours_file_corrects_the_area_code_table() -> None:
    wrong = CODES.replace(b'"928": [US-AZ, [America/Phoenix, America/Denver]]', b'"928": [US-AZ, [America/Phoenix]]')
    table = read_rules(HOURS, wrong, PLACES)
    assert isinstance(table, RuleTable)
    assert table.area_codes["928"].zones == ("America/Phoenix", "America/Denver")


def test_every_state_has_at_least_one_zone() -> None:
    table = shipped()
    assert table.places.states <= table.subdivision_zones.keys()


def test_the_hours_of_a_week_are_told_with_equal_days_joined() -> None:
    assert shipped().jurisdictions["US-TX"].hours_text == "Mon-Sat 09:00-21:00, Sun 12:00-21:00"
    assert week_in_words(((),) * 7) == "Mon-Sun closed"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"schema: quiet-hours/1", b"schema: quiet-hours/2"),
        (b"jurisdictions:", b"jurisdiction:"),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["18:00", "09:00"]]'),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["09:00", "25:00"]]'),
        (b'&ri {mon: [["09:00", "18:00"]]', b"&ri {mon: [[9, 18]]"),
        (b'&ri {mon: [["09:00", "18:00"]], ', b"&ri {"),
        (b"holidays: US-RI", b"holidays: US-XX"),
        (b'{fixed: "06-14"}', b'{fixed: "06-31"}'),
        (b'{fixed: "06-14"}', b'{fixed: "06-14", obsreved: sun_mon}'),
        (b"{id: ZZ,", b"{id: YY,"),
        (b"{id: US-AL,", b"{id: US-AZ,"),
        (b"enforce: true", b"enforce: maybe"),
        (b"max: 3, per_hours: 24", b"max: three, per_hours: 24"),
        (b"max_defer_hours: 168", b"max_defer_hours: -1"),
        (b"    US: [pewc]", b"    US: [pweec]"),
        (b"    default: [pewc, express]", b""),
        (b"  US-FL: [America/New_York, America/Chicago]", b"  US-FL: [America/New_Yrok]"),
        (b"  help: ", b"  hepl: "),
    ],
)
def test_a_slip_of_the_pen_makes_the_table_unreadable(before: bytes, after: bytes) -> None:
    assert before in HOURS
    assert isinstance(read_rules(HOURS.replace(before, after), CODES, PLACES), UnreadableRules)


@pytest.mark.parametrize("broken", [b"", b"[1]", b"{", b"\xff\xfe\x00", b"schema: area-codes/1", b"a: !!python/none x"])
def test_a_file_that_is_no_table_makes_the_rules_unreadable(broken: bytes) -> None:
    assert isinstance(read_rules(broken, CODES, PLACES), UnreadableRules)
    assert isinstance(read_rules(HOURS, broken, PLACES), UnreadableRules)
    assert isinstance(read_rules(HOURS, CODES, broken), UnreadableRules)


def test_an_area_code_row_that_lost_its_zones_makes_the_rules_unreadable() -> None:
    wrong = CODES.replace(b"[US-NY, [America/New_York]]", b"[US-NY]")
    assert isinstance(read_rules(HOURS, wrong, PLACES), UnreadableRules)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_unreadable_rules_block_every_text(purpose: Purpose) -> None:
    verdict = gate.decide(
        Message(purpose, NOW),
        Recipient(NumberFacts(possible=True, area_code="212")),
        Consent(ConsentStatus.PEWC),
        (),
        NOW,
        UnreadableRules("a slip"),
        Policy(),
    )
    assert isinstance(verdict, Block)
    assert verdict.reason is Reason.RULES_UNREADABLE
