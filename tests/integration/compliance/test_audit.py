"""Stored verdicts under another table: what would have been different, and nothing else."""

from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.app import app
from shared.testing.clock import FakeClock
from tests.integration.compliance.driver import ComplianceDriver
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the command opens the file of an embedded application")

SHIPPED = resources.files("shared.rule_files.data").joinpath("quiet-hours.yaml").read_text(encoding="utf-8")


@pytest.fixture
async def judged(driver: ComplianceDriver) -> FakeClock:
    """One text is sent at noon in New York, one deferred at night, one blocked for want of consent."""
    await driver.hear(driver.claim())
    await driver.verdict("noon")
    await driver.verdict("stranger", phone="+13055550123")
    driver.clock.advance(hours=12)
    await driver.verdict("night")
    return driver.clock


def audited(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["audit", "--data", str(folder), *options], env={"COLUMNS": "250"})


def table(folder: Path, before: str, after: str) -> str:
    """Return a file with another table."""
    assert before in SHIPPED
    (folder / "other.yaml").write_text(SHIPPED.replace(before, after), encoding="utf-8")
    return str(folder / "other.yaml")


@pytest.mark.usefixtures("judged")
def test_under_the_table_that_made_them_no_verdict_changes(tmp_path: Path) -> None:
    found = audited(tmp_path)
    assert found.exit_code == 0, found.output
    assert "3 verdicts decided again" in found.output
    assert ": 0 would have been different." in found.output


@pytest.mark.usefixtures("judged")
def test_a_stricter_table_is_reported_text_by_text(tmp_path: Path) -> None:
    # Federal hours from 13:00 on: the text of noon would have waited an hour, that of midnight five hours longer.
    stricter = table(tmp_path, 'tue: [["08:00", "21:00"]], wed: [["08:00"', 'tue: [["13:00", "21:00"]], wed: [["13:00"')
    found = audited(tmp_path, "--rules", stricter)
    assert found.exit_code == 0, found.output
    assert "1  send (ok) -> defer (quiet_hours)" in found.output
    assert "1  defer (quiet_hours) -> defer (quiet_hours)" in found.output
    assert "defer (quiet_hours) until 2026-12-01T18:00:00Z" in found.output
    assert "defer (quiet_hours) until 2026-12-02T13:00:00Z" in found.output
    assert "defer (quiet_hours) until 2026-12-02T18:00:00Z" in found.output
    assert ": 2 would have been different." in found.output


@pytest.mark.usefixtures("judged")
def test_only_the_days_asked_for_are_judged_again(tmp_path: Path) -> None:
    assert "2 verdicts decided again" in audited(tmp_path, "--to", "2026-12-01").output
    assert "1 verdicts decided again" in audited(tmp_path, "--from", "2026-12-02").output
    assert "0 verdicts decided again" in audited(tmp_path, "--from", "2026-12-03").output


@pytest.mark.usefixtures("judged")
def test_the_list_ends_at_its_limit(tmp_path: Path) -> None:
    stricter = table(tmp_path, 'tue: [["08:00", "21:00"]], wed: [["08:00"', 'tue: [["13:00", "21:00"]], wed: [["13:00"')
    found = audited(tmp_path, "--rules", stricter, "--most", "1")
    assert "and 1 more; --most lists them" in found.output


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--rules", "missing.yaml"], "missing.yaml: cannot be read"),
        (["--rules", __file__], "test_audit.py: not a rule table"),
        (["--from", "yesterday"], "--from: yesterday is not a day"),
        (["--to", "9999-12-31"], "--to: 9999-12-31 is not a day"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, options: list[str], problem: str) -> None:
    assert problem in str(audited(tmp_path, *options).exception)
