"""Files of any length: rows go through one batch at a time, so memory does not grow with the file."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from services.cli.api_client import APIClient
from services.cli.consents import ConsentImport
from shared.consent_file import ConsentFile
from shared.testing.make_compliance import merchants_folder
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the command opens the file of an embedded application")
HEADER = "phone,scope,level,captured_at,disclosure\n"
MEBIBYTE = 1024 * 1024


class CountingAPI:
    """Takes every batch and keeps none."""

    rows = 0
    longest = 0

    def post(self, _merchant: str, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.rows += len(body["rows"])
        self.longest = max(self.longest, len(body["rows"]))
        return {"recorded": len(body["rows"]), "repeated": 0, "refused": []}


def written(folder: Path, rows: int) -> Path:
    """Write a file of consents, every number another one."""
    path = folder / f"consents-{rows}.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write(HEADER)
        stream.writelines(lines(rows))
    return path


def lines(rows: int) -> Iterator[str]:
    for number in range(rows):
        phone = f"+1{212 + number // 1_000_000 * 100}{2_000_000 + number % 1_000_000}"
        yield f'{phone},marketing,pewc,2026-01-05T10:00:00Z,"Yes, text me offers."\n'


def peak_bytes(path: Path) -> tuple[int, CountingAPI]:
    """Import a file into an application that keeps nothing; return the peak memory, and the application."""
    harness = CountingAPI()
    job = ConsentImport(cast("APIClient", harness), "acme", lambda _row: None)
    tracemalloc.start()
    for line in ConsentFile(str(path), lambda: path.open("rb"), {"scope": "marketing"}).lines(lambda _read: None):
        job.add(line)
    job.send()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, harness


def test_fifty_thousand_rows_take_no_more_memory_than_five_thousand(tmp_path: Path) -> None:
    short, _ = peak_bytes(written(tmp_path, 5_000))
    long, harness = peak_bytes(written(tmp_path, 50_000))
    assert (harness.rows, harness.longest <= 500) == (50_000, True)
    assert long < short * 1.2
    assert long < 10 * MEBIBYTE


PROGRAM = """
import resource, sys
from typer.testing import CliRunner
from services.cli.app import app
result = CliRunner().invoke(app, sys.argv[1:])
print(" ".join(result.output.split())[-200:])
print(result.exit_code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def imported(folder: Path, rows: int) -> tuple[str, int]:
    """Import a file with the shipped command in a process of its own; return what it said and its peak in KiB."""
    folder.mkdir()
    merchants_folder(folder)
    (folder / "data").mkdir()
    options = ["--merchant", "acme", "--merchants", str(folder / "merchants"), "--data", str(folder / "data")]
    command = [sys.executable, "-c", PROGRAM, "consents", "import", str(written(folder, rows)), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))  # noqa: S603 - our own command
    said, (code, peak) = done.stdout.rsplit("\n", 2)[0], done.stdout.split("\n")[-2].split()
    assert code == "0", done.stdout + done.stderr
    return said, int(peak)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_a_million_rows_enter_the_ledger_in_the_memory_of_twenty_thousand(tmp_path: Path) -> None:
    _said, short = imported(tmp_path / "short", 20_000)
    said, long = imported(tmp_path / "long", 1_000_000)
    assert "1000000 recorded in the ledger, 0 were already there, 0 refused" in said
    assert long < short * 1.25
