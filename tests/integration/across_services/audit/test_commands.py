"""`followup audit log|verify|export` on an embedded application, and the program an auditor runs on the export."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from shared.testing.make_compliance import merchants_folder
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the commands open the file of an embedded application")

CONSENTS = "Phone,scope,level,captured_at,disclosure\n+12125550123,marketing,pewc,2026-01-05T10:00:00Z,Yes text me\n"


def run(folder: Path, *words: str, merchants: bool = True) -> tuple[int, str]:
    """Run a command; return exit code, and what it said."""
    where = ["--data", str(folder / "data"), *(["--merchants", str(folder / "merchants")] if merchants else [])]
    result = CliRunner().invoke(app, [*words, *where], env={"COLUMNS": "250"})
    return result.exit_code, result.output + str(getattr(result.exception, "detail", ""))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A shop whose operator imported a consent."""
    merchants_folder(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "consents.csv").write_text(CONSENTS, encoding="utf-8")
    code, said = run(tmp_path, "consents", "import", str(tmp_path / "consents.csv"), "--merchant", "acme")
    assert code == 0, said
    return tmp_path


def test_the_log_says_in_one_line_who_did_what(folder: Path) -> None:
    code, said = run(folder, "audit", "log", "acme")
    assert code == 0
    [line] = said.splitlines()
    assert "the operator (this_machine): consents.imported merchant acme" in line
    assert "1 recorded" in line
    assert "2125550123" not in said
    assert "Nobody did anything" in run(folder, "audit", "log", "acme", "--until", "2026-01-01T00:00:00Z")[1]
    assert "Nobody did anything" in run(folder, "audit", "log", "--everything")[1]
    assert "there is no merchant nobody" in run(folder, "audit", "log", "nobody")[1]
    assert "not both" in run(folder, "audit", "log", "acme", "--everything")[1]


def test_an_export_is_verified_with_python_alone_and_a_change_is_found_out(folder: Path) -> None:
    file = folder / "acme.audit"
    assert run(folder, "audit", "export", "acme", str(file))[0] == 0
    assert run(folder, "audit", "export", "acme", str(file))[0] == 1
    program = resources.files("services.compliance.ledger").joinpath("verification.py").read_text(encoding="utf-8")
    alone = folder / "alone"
    alone.mkdir()
    (alone / "verify_ledger.py").write_text(program, encoding="utf-8")

    def checked() -> int:
        command = [sys.executable, "-I", "verify_ledger.py", str(file)]
        done = subprocess.run(command, cwd=alone, env=dict(os.environ), check=False, capture_output=True)  # noqa: S603 - our own
        return done.returncode

    by_file = ("audit", "verify", "--file", str(file))
    assert (checked(), run(folder, *by_file)[0]) == (0, 0)
    file.write_text(file.read_text(encoding="utf-8").replace("consents.imported", "consent.recorded"), encoding="utf-8")
    assert (checked(), run(folder, *by_file)[0]) == (1, 1)


def test_a_change_of_the_database_is_found_out_by_verify(folder: Path) -> None:
    code, said = run(folder, "audit", "verify", "acme")
    assert (code, "holds acme: 1 entries, 0 signed days, 1 not signed yet" in said) == (0, True)
    with closing(sqlite3.connect(folder / "data" / "followup.db")) as raw, raw:
        raw.execute("DELETE FROM compliance_audit")
    for sums in (folder / "data").glob("followup.db.*"):  # they would say that the file was changed, not where
        sums.unlink()
    code, said = run(folder, "audit", "verify")
    assert code == 1
    assert "entries are missing or changed" in said


def test_the_old_form_of_the_command_still_decides_verdicts_again(folder: Path) -> None:
    for words in (("audit",), ("audit", "verdicts")):
        code, said = run(folder, *words, "--from", "2026-12-01", merchants=False)
        assert (code, "0 verdicts decided again" in said) == (0, True), said
