"""Failpoints do nothing unless armed, and then exactly what was asked, where it was asked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from shared.failpoints import failpoint

SCRIPT = "from shared.failpoints import failpoint\nfor _ in range(4): failpoint('sender.after_intent'); print('passed')"


def run(specification: str, log: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOLLOWUP_FAILPOINTS": specification, "FOLLOWUP_FAILPOINT_LOG": str(log)}
    return subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )


def test_an_unarmed_failpoint_does_nothing() -> None:
    failpoint("sender.after_intent")


def test_kill_strikes_at_the_named_visit_and_leaves_proof(tmp_path: Path) -> None:
    result = run("sender.after_intent=kill@3", tmp_path / "log")
    assert result.returncode == -signal.SIGKILL
    assert (tmp_path / "log").read_text() == "sender.after_intent\n"


def test_raise_raises_and_a_later_visit_passes(tmp_path: Path) -> None:
    result = run("sender.after_intent=raise", tmp_path / "log")
    assert "FailpointReached: sender.after_intent" in result.stderr


def test_an_unknown_name_stops_the_process_with_the_known_ones(tmp_path: Path) -> None:
    result = run("sender.nowhere=kill", tmp_path / "log")
    assert result.returncode == 1
    assert "sender.after_intent" in result.stderr
