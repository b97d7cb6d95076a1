import codecs
import csv
import io
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.compliance.ledger.standing import standing_of
from shared.events.follow_up import Purpose
from shared.testing.clock import START
from shared.testing.make_compliance import merchants_folder
from tests import empty_database
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the command opens the file of an embedded application")

HEADER = "Phone,scope,level,captured_at,disclosure\n"
GOOD = "+12125550123,marketing,pewc,2026-01-05T10:00:00Z,Yes text me\n"
OTHER = "(212) 555-0199,marketing,pewc,2026-01-05T10:00:00Z,Yes text me\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    merchants_folder(tmp_path)
    empty_database.put_into(tmp_path / "data")
    return tmp_path


def run(folder: Path, content: str | bytes, *more: str) -> tuple[int, str, list[dict[str, str]]]:
    """Run the command on a file; return exit code, what it said, and the report."""
    file = folder / "consents.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    options = ["--merchant", "acme", "--merchants", str(folder / "merchants"), "--data", str(folder / "data")]
    (folder / "data").mkdir(exist_ok=True)
    result = CliRunner().invoke(app, ["consents", "import", str(file), *options, *more])
    report = folder / "consents.csv.refused.csv"
    refused = list(csv.DictReader(io.StringIO(report.read_text(encoding="utf-8")))) if report.exists() else []
    said = " ".join(result.output.split()) + (str(getattr(result.exception, "detail", "")) if result.exception else "")
    return result.exit_code, said, refused


def test_rows_enter_the_ledger_and_again_they_are_there_already(folder: Path) -> None:
    code, said, refused = run(folder, HEADER + GOOD + OTHER + GOOD)
    assert (code, refused) == (0, [])
    assert "2 recorded in the ledger, 1 were already there, 0 refused" in said
    assert "0 recorded in the ledger, 3 were already there, 0 refused" in run(folder, HEADER + GOOD + OTHER + GOOD)[1]


def test_refused_rows_are_reported_by_line_with_reasons_and_without_numbers(folder: Path) -> None:
    bare = "+12125550144,marketing,pewc,2026-01-05T10:00:00Z,\n"
    wrong = "+1212555,marketing,pewc,2026-01-05T10:00:00Z,Yes\n"
    long = "+12125550145,marketing,pewc,2026-01-05T10:00:00Z,Yes, text me\n"
    code, said, refused = run(folder, HEADER + bare + GOOD + wrong + "\n" + long)
    assert (code, "1 recorded in the ledger" in said) == (1, True)
    reported = sorted((int(row["line"]), row["reason"]) for row in refused)
    assert reported == [(2, "no_evidence"), (4, "unusable_number"), (6, "unreadable")]
    report = folder / "consents.csv.refused.csv"
    assert "1212555" not in report.read_text(encoding="utf-8")
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (codecs.BOM_UTF8 + (HEADER + GOOD).encode(), ()),
        ((HEADER + GOOD).encode("utf-16"), ()),
        ((HEADER + GOOD).replace(",", ";").encode(), ()),
        ((HEADER + GOOD).replace(",", "\t").replace("\n", "\r\n").encode(), ()),
        ((HEADER + GOOD.replace("Yes", "Sí señor")).replace(",", ";").encode("cp1252"), ("--encoding", "cp1252")),
        (HEADER.encode() + b'+12125550123,marketing,pewc,2026-01-05T10:00:00Z,"Yes,\ntext ""me"""\n', ()),
    ],
    ids=["utf-8 with mark", "utf-16", "semicolons", "tabs and CRLF", "cp1252", "quoted lines"],
)
def test_files_of_every_spreadsheet_are_read(folder: Path, content: bytes, more: tuple[str, ...]) -> None:
    _code, said, refused = run(folder, content, *more)
    assert refused == []
    assert "1 recorded in the ledger, 0 were already there, 0 refused" in said


def test_a_row_in_another_encoding_is_refused_and_the_rest_goes_in(folder: Path) -> None:
    strange = OTHER.replace("Yes", "Sí").encode("cp1252")
    _code, said, [refused] = run(folder, HEADER.encode() + strange + GOOD.encode())
    assert "1 recorded in the ledger" in said
    assert (refused["line"], refused["reason"]) == ("2", "unreadable")
    assert "name its encoding" in refused["detail"]


def test_evidence_may_be_an_object_or_a_note_and_unknown_columns_are_named(folder: Path) -> None:
    header = "mobile,level,captured_at,evidence,first name\n"
    rows = (
        '+12125550123,pewc,2026-01-05T10:00:00Z,"{""form"": 7}",Ana\n'
        "+12125550199,pewc,2026-01-05T10:00:00Z,signed on paper,Ben\n"
    )
    _code, said, refused = run(folder, header + rows)
    assert ("2 recorded in the ledger" in said, refused) == (True, [])
    assert "ignored: first_name" in said


@pytest.mark.parametrize(
    ("content", "merchant", "expected"),
    [
        ("name,scope\nAna,marketing\n", "acme", "has no column for the number"),
        ("", "acme", "has no column for the number"),
        (HEADER + GOOD, "nobody", "there is no merchant nobody"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(folder: Path, content: str, merchant: str, expected: str) -> None:
    code, said, _refused = run(folder, content, "--merchant", merchant)
    assert (code, expected in said) == (1, True)


def test_two_thousand_rows_go_in_and_every_one_is_accounted_for(folder: Path) -> None:
    rows = [f"+1212{number:07d},marketing,pewc,2026-01-05T10:00:00Z,Yes\n" for number in range(2_000_000, 2_002_000)]
    _code, said, _refused = run(folder, HEADER + "".join(rows))
    assert "2000 recorded in the ledger, 0 were already there, 0 refused" in said


CASES = Path(__file__).parents[3] / "cases" / "consents"


def standings(folder: Path) -> dict[str, int]:
    """Return how many people of the ledger have which marketing standing."""
    with sqlite3.connect(next((folder / "data").glob("*.db"))) as db:
        [table] = [name for (name,) in db.execute("select name from sqlite_master") if name.endswith("standings")]
        held = [standing_of(bytes(row)) for (row,) in db.execute(f"select standing from {table}")]  # noqa: S608 - our own name
    return dict(Counter(each.consent_for(Purpose.MARKETING, START).status.value for each in held))


@pytest.mark.parametrize(
    ("file", "expected", "refused"),
    [
        ("excel-serial-optout.csv", {"revoked": 1}, []),
        ("yyyymmdd-optout.csv", {"revoked": 1}, []),
        ("epoch0-optout.csv", {"revoked": 1}, []),
        ("serial-grant.csv", {}, ["invalid", "invalid"]),
        ("optouts-dates.csv", {"revoked": 3}, []),
        ("optouts-scope.csv", {"revoked": 3}, []),
        ("float-suffix-de.csv", {"revoked": 1}, []),
        ("two-number-columns.csv", {"revoked": 2}, []),
        ("sep-line.csv", {"revoked": 1}, []),
        ("nul.csv", {"revoked": 1}, ["unreadable"]),
        ("unclosed-quote.csv", {"revoked": 3}, []),
        ("too-many-empty-cells.csv", {"revoked": 1}, []),
    ],
)
def test_opt_outs_of_files_as_programs_write_them_go_in(
    folder: Path, file: str, expected: dict[str, int], refused: list[str]
) -> None:
    code, _said, report = run(folder, (CASES / file).read_bytes())
    assert [row["reason"] for row in report] == refused
    assert code == (1 if refused else 0)
    assert standings(folder) == expected


def test_a_dry_run_counts_and_records_nothing(folder: Path) -> None:
    rows = b"phone,status\n+12125550123,STOP\n+12125550124,\n"
    code, said, refused = run(folder, rows, "--dry-run")
    assert (code, "1 would be recorded" in said, len(refused)) == (1, True, 1)
    assert standings(folder) == {}
    assert "1 recorded in the ledger" in run(folder, rows)[1]


@pytest.mark.parametrize("word", ["REVOKED", "Unsubscribed", "opted out", "opt-out", "STOP", "no"])
def test_an_opt_out_is_one_by_whatever_word(folder: Path, word: str) -> None:
    row = f"+12125550123,{word},everything,yesterday,9999\n"
    code, said, _refused = run(folder, "phone,status,scope,consented_at,expires_at\n" + row)
    assert (code, "1 recorded in the ledger" in said) == (0, True)
    assert standings(folder) == {"revoked": 1}


def test_a_quote_that_nothing_closes_swallows_no_row_however_many_follow(folder: Path) -> None:
    rows = [f"+1212{number:07d},revoked,ok\n" for number in range(5_550_000, 5_550_300)]
    rows[3] = rows[3].replace(",ok", ',"oops')
    rows[250] = rows[250].replace(",ok", ',"ends"')
    _code, said, refused = run(folder, "phone,event,evidence\n" + "".join(rows))
    assert ("300 recorded in the ledger" in said, refused) == (True, [])


def test_a_value_longer_than_any_may_be_costs_only_its_own_row(folder: Path) -> None:
    code, said, refused = run(folder, HEADER + "+1" + "2" * 200_000 + ",,,,\n" + GOOD)
    assert (code, "1 recorded" in said, [(row["line"], row["reason"]) for row in refused]) == (
        1,
        True,
        [("2", "unreadable")],
    )
    assert "no column for the number" in run(folder, "phone" * 60_000 + "\n" + GOOD)[1]


def test_a_permission_in_a_broken_row_is_refused_and_its_neighbours_go_in(folder: Path) -> None:
    header = "phone,event,level,captured_at,disclosure\n"
    broken = '+12125550145,imported,pewc,2026-01-05T10:00:00Z,"Yes\n'
    good = "+12125550146,imported,pewc,2026-01-05T10:00:00Z,Yes\n"
    code, _said, refused = run(folder, header + broken + good)
    assert (code, [(row["line"], row["reason"]) for row in refused]) == (1, [("2", "no_evidence")])
    assert standings(folder) == {"pewc": 1}


def test_a_name_in_a_file_goes_nowhere_whatever_it_says(folder: Path) -> None:
    header = "First Name,Last Name,Name," + HEADER
    code, said, _ = run(folder, f"{header}WIN at http://evil.example,900 123 456,Ana,{GOOD}")
    assert (code, "1 recorded in the ledger" in said) == (0, True)
    assert "first_name, last_name, name" in said
    assert not any(b"evil.example" in file.read_bytes() for file in (folder / "data").iterdir())
