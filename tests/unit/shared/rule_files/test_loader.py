"""The shipped table reads, and a table with any mistake stops texts instead of the process."""

from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
import yaml

from services.compliance.gate import decision
from services.compliance.gate.inputs import Consent, JudgedText, Policy, Recipient
from services.compliance.gate.verdicts import Block, Reason
from shared.events.follow_up import Purpose
from shared.rule_files.loader import (
    digits,
    load_rules,
    one_of,
    read_rules,
    read_with_quiet_hours,
    truth,
    week_in_words,
    whole,
    word,
)
from shared.rules.numbers import NumberFacts
from shared.rules.table import ConsentStatus, RuleTable, UnreadableRules

NOW = datetime(2026, 12, 1, 18, tzinfo=UTC)
HOURS, CODES, PLACES = (
    resources.files("shared.rule_files.data").joinpath(name).read_bytes()
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


def test_the_hours_of_a_week_are_shown_with_equal_days_joined() -> None:
    assert shipped().jurisdictions["US-TX"].hours_text == "Mon-Sat 09:00-21:00, Sun 12:00-21:00"
    assert week_in_words(((),) * 7) == "Mon-Sun closed"


@pytest.mark.parametrize(
    ("monday", "read"),
    [
        (b'[["09:00", "12:00"], ["12:00", "14:00"], ["14:00", "18:00"]]', ((540, 1080),)),
        (b'[["09:00", "12:00"], ["13:00", "15:00"], ["15:00", "18:00"]]', ((540, 720), (780, 1080))),
        (b'[["00:00", "24:00"]]', ((0, 1440),)),
        (b"[]", ()),
    ],
)
def test_spans_of_a_day_that_touch_are_one(monday: bytes, read: tuple[tuple[int, int], ...]) -> None:
    table = read_rules(HOURS.replace(b'&ri {mon: [["09:00", "18:00"]]', b"&ri {mon: " + monday), CODES, PLACES)
    assert isinstance(table, RuleTable)
    assert table.jurisdictions["US-RI"].hours[0] == read


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"schema: quiet-hours/1", b"schema: quiet-hours/2"),
        (b"jurisdictions:", b"jurisdiction:"),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["18:00", "09:00"]]'),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["09:00", "25:00"]]'),
        (b'&ri {mon: [["09:00", "18:00"]]', b"&ri {mon: [[9, 18]]"),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["09:00", "12:00"], ["11:59", "18:00"]]'),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["09:00", "12:00"], ["13:00", "15:00"], ["14:00", "18:00"]]'),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["09:00", "09:00"]]'),
        (b'&ri {mon: [["09:00", "18:00"]]', b'&ri {mon: [["09:00", "24:01"]]'),
        (b'&ri {mon: [["09:00", "18:00"]], ', b"&ri {"),
        (b"holidays: US-RI", b"holidays: US-XX"),
        (b'{fixed: "06-14"}', b'{fixed: "06-31"}'),
        (b'{fixed: "06-14"}', b'{fixed: "06-14", obsreved: sun_mon}'),
        (b"{nth: {month: 4, weekday: mon, n: 4}}", b"{nth: {month: 4, weekday: mon, n: 0}}"),
        (b"{nth: {month: 4, weekday: mon, n: 4}}", b"{nth: {month: 4, weekday: mon, n: 6}}"),
        (b"{nth: {month: 4, weekday: mon, n: 4}}", b"{nth: {month: 0, weekday: mon, n: 4}}"),
        (b"{nth: {month: 4, weekday: mon, n: 4}}", b"{nth: {month: 13, weekday: mon, n: 4}}"),
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


@pytest.mark.parametrize("rule", [b"{month: 12, weekday: sun, n: 5}", b"{month: 1, weekday: mon, n: -1}"])
def test_every_month_and_a_fifth_or_last_weekday_may_be_a_holiday(rule: bytes) -> None:
    changed = HOURS.replace(b"{nth: {month: 4, weekday: mon, n: 4}}", b"{nth: " + rule + b"}")
    assert changed != HOURS
    assert isinstance(read_rules(changed, CODES, PLACES), RuleTable)


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
    verdict = decision.decide(
        JudgedText(purpose, NOW),
        Recipient(NumberFacts(possible=True, area_code="212")),
        Consent(ConsentStatus.PEWC),
        (),
        NOW,
        UnreadableRules("a slip"),
        Policy(),
    )
    assert isinstance(verdict, Block)
    assert verdict.reason is Reason.RULES_UNREADABLE


def test_files_that_are_not_there_make_the_rules_unreadable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shared.rule_files.loader.resources.files", lambda _package: tmp_path)
    found = read_with_quiet_hours(HOURS)
    assert isinstance(found, UnreadableRules)
    assert "No such file" in found.why


def test_another_quiet_hours_file_is_read_with_the_shipped_places() -> None:
    found = read_with_quiet_hours(HOURS + b"\n")
    assert isinstance(found, RuleTable)
    assert found.places == shipped().places
    assert found.version != shipped().version
    broken = read_with_quiet_hours(b"")
    assert isinstance(broken, UnreadableRules)


def test_a_version_is_sixteen_digits() -> None:
    version = shipped().version
    assert len(version) == 16
    assert int(version, 16)


def test_a_table_of_only_the_two_rows_that_must_be_there_is_readable() -> None:
    hours = yaml.safe_load(HOURS)
    hours["jurisdictions"] = [row for row in hours["jurisdictions"] if row["id"] in {"US", "ZZ"}]
    table = read_rules(yaml.safe_dump(hours).encode(), CODES, PLACES)
    assert isinstance(table, RuleTable)
    assert table.jurisdictions.keys() == {"US", "ZZ"}


def test_every_row_has_seven_days_a_prohibited_one_too() -> None:
    assert {len(row.hours) for row in shipped().jurisdictions.values()} == {7}
    assert {row.id for row in shipped().jurisdictions.values() if row.prohibited} == {"TR", "VN"}


def test_the_courtesy_window_binds_everybody_and_nothing_else_does() -> None:
    window = shipped().purposes[Purpose.INFORMATIONAL].window
    assert window is not None
    assert window.enforced
    assert not window.consent_exempts
    assert not window.prohibited
    assert (window.calendar, window.caps, window.hours_text) == (None, (), "Mon-Sun 08:00-21:00")


def test_purposes_without_a_consent_rule_accept_any_state() -> None:
    for purpose in (Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION, Purpose.CONVERSATION):
        assert shipped().accepted(purpose, "US") == frozenset(ConsentStatus)


def test_zip_codes_lie_in_the_ranges_of_the_file_and_nowhere_else() -> None:
    known = shipped().places.by_zip3
    assert (known["350"], known["352"], known.get("353"), known["354"]) == ("US-AL", "US-AL", None, "US-AL")
    assert len(known) == sum(
        int(last) - int(first) + 1
        for row in yaml.safe_load(PLACES)["states"].values()
        for first, last in (span.split("-") for span in row.get("zip3", []))
    )


def test_only_states_have_zones_of_a_state() -> None:
    assert all("-" in region for region in shipped().subdivision_zones)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ((1, 0, 1, 1, 0, 0, 1), "Mon 08:00-09:00, Tue closed, Wed-Thu 08:00-09:00, Fri-Sat closed, Sun 08:00-09:00"),
        ((0, 0, 1, 2, 2, 2, 2), "Mon-Tue closed, Wed 08:00-09:00, Thu-Sun 08:00-10:00"),
        ((1, 2, 2, 2, 1, 1, 0), "Mon 08:00-09:00, Tue-Thu 08:00-10:00, Fri-Sat 08:00-09:00, Sun closed"),
    ],
)  # fmt: skip
def test_runs_of_equal_days_are_distinguished_from_equal_days_further_off(hours: tuple[int, ...], words: str) -> None:
    assert week_in_words(tuple(((480, 480 + 60 * each),) if each else () for each in hours)) == words


@pytest.mark.parametrize("value", ["", None, 5, ["a"], b"a"])
def test_a_field_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        word(value)


def test_fields_are_what_they_should_be() -> None:
    assert (word("a"), digits("007"), whole(0), truth(False), one_of("b", "a", "b")) == ("a", "007", 0, False, "b")  # noqa: FBT003 - the value under test
    for wrong in (-1, 1.0, True, "1"):
        with pytest.raises(TypeError):
            whole(wrong)
    for unfit in (0, 1, "yes", None):
        with pytest.raises(TypeError):
            truth(unfit)
    with pytest.raises(ValueError, match="one of a, b"):
        one_of("c", "a", "b")
    with pytest.raises(ValueError, match="digits"):
        digits("7a")
