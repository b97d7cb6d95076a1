import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.compliance.connectors.files import DoNotCallFile, LineTypeFile, ReassignedFile
from services.compliance.connectors.registers import NumberFindings, Registers
from services.compliance.gate.inputs import Consent, LineType
from shared.errors import ConfigurationFault
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.phone import E164
from shared.rules.table import ConsentStatus

ANA, BEN = E164("+12125550123"), E164("+447911123456")
MOVED = datetime(2026, 10, 2, tzinfo=UTC)


def written(folder: Path, text: str) -> Path:
    file = folder / "numbers.csv"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "text",
    ["+12125550123\n", "2125550123\n", "12125550123\n", "212,5550123\n", "number\n+12125550123", "\ufeff+12125550123"],
)
def test_a_list_is_read_however_the_number_is_written(tmp_path: Path, text: str) -> None:
    listed = DoNotCallFile(written(tmp_path, text))
    assert listed.is_listed(ANA)
    assert not listed.is_listed(BEN)
    assert not listed.is_listed(E164("+12125550124"))


def test_of_many_numbers_exactly_those_in_the_file_are_listed(tmp_path: Path) -> None:
    listed = DoNotCallFile(written(tmp_path, "".join(f"+1212{n:07d}\n" for n in range(9_000_000, 3_000_000, -3))))
    assert [listed.is_listed(E164(f"+1212{n:07d}")) for n in (9_000_000, 8_999_999, 8_999_997, 3_000_000)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_number_that_changed_hands_twice_counts_from_the_last_time(tmp_path: Path) -> None:
    moved = ReassignedFile(written(tmp_path, "+12125550123,2026-10-01\n+12125550123,2026-01-01\nnonsense,x\n"))
    assert moved.reassigned_at(ANA) == MOVED
    assert moved.reassigned_at(BEN) is None


def test_an_unrecognised_kind_of_line_is_unknown(tmp_path: Path) -> None:
    lines = LineTypeFile(written(tmp_path, "+12125550123, Landline\n+447911123456,telex\n"))
    assert (lines.line_of(ANA), lines.line_of(BEN)) == (LineType.LANDLINE, LineType.UNKNOWN)


def test_a_changed_file_is_read_again_and_a_broken_one_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    file = written(tmp_path, "+12125550123\n")
    listed = DoNotCallFile(file)
    assert not listed.reload_if_changed()
    file.write_text("+12125550123\n+447911123456\n", encoding="utf-8")
    assert listed.reload_if_changed()
    assert listed.is_listed(BEN)
    file.write_bytes(b"\xff\xfe\x00broken")
    assert not listed.reload_if_changed()
    assert listed.is_listed(BEN)
    file.unlink()
    assert not listed.reload_if_changed()
    assert listed.is_listed(ANA)


def test_a_file_that_is_named_and_missing_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match=r"numbers\.csv: cannot be read"):
        DoNotCallFile(tmp_path / "numbers.csv")


def test_the_age_of_a_list_counts_from_when_it_was_written(tmp_path: Path) -> None:
    file = written(tmp_path, "+12125550123\n")
    os.utime(file, (MOVED.timestamp(), MOVED.timestamp()))
    assert DoNotCallFile(file).age(MOVED + timedelta(days=40)) == timedelta(days=40)


@pytest.mark.parametrize(
    ("purpose", "status", "barred"),
    [
        (Purpose.MARKETING, ConsentStatus.PEWC, False),
        (Purpose.MARKETING, ConsentStatus.EXPRESS, True),
        (Purpose.MARKETING, ConsentStatus.SOFT_OPT_IN, True),
        (Purpose.TRANSACTIONAL, ConsentStatus.CONTRACT, False),
        (Purpose.HELP, ConsentStatus.NONE, False),
    ],
)
def test_a_listed_number_gets_marketing_only_on_written_consent(
    purpose: Purpose, status: ConsentStatus, *, barred: bool
) -> None:
    assert NumberFindings(is_listed=True).bars(purpose, Consent(status)) is barred
    assert not NumberFindings().bars(purpose, Consent(status))


@pytest.mark.parametrize(
    ("captured_at", "suppressed"),
    [(None, True), (MOVED - timedelta(days=1), True), (MOVED, True), (MOVED + timedelta(seconds=1), False)],
)
def test_a_number_is_suppressed_where_the_consent_is_not_newer_than_its_owner(
    captured_at: datetime | None, *, suppressed: bool
) -> None:
    consent = Consent(ConsentStatus.PEWC, captured_at)
    found = NumberFindings(reassigned_at=MOVED).suppression(consent)
    assert found == (SuppressionCause.REASSIGNED if suppressed else None)
    assert NumberFindings().suppression(consent) is None


def test_without_connectors_nothing_is_known() -> None:
    assert Registers().findings(ANA) == NumberFindings()
