"""Processes that are forked from one that has imported everything are what `python -m` would have started."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from shared.testing import warm
from shared.testing.warm import WarmChild

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every process starts afresh")
_PROGRAM = """
import os, signal, sys
from shared.failpoints import _TRAPS
print(__name__, sys.argv[1:], os.getcwd(), sorted(os.environ), list(_TRAPS), sys.stdin.read(), end=" ")
print(len(os.listdir("/proc/self/fd")))
if sys.argv[1] == "wait":
    signal.pause()
sys.exit(int(sys.argv[1]))
"""


def start(folder: Path, *arguments: str) -> WarmChild:
    """Start the program with a module path of its own."""
    (folder / "some_program.py").write_text(_PROGRAM, encoding="utf-8")
    environment = {"FOLLOWUP_FAILPOINTS": "sender.after_call=kill"}
    with (folder / "said").open("ab") as output:
        return warm.parent().start(["some_program", *arguments], environment, output)


async def test_a_child_has_arguments_environment_folder_and_output_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONLY_OF_THE_TESTS", "x")
    child = start(tmp_path, "3", "more")
    assert await child.wait() == 3
    [said] = (tmp_path / "said").read_text("utf-8").splitlines()
    own = "__main__ ['3', 'more'] {} ['FOLLOWUP_FAILPOINTS'] ['sender.after_call']"
    assert said.startswith(own.format(tmp_path))
    assert said.endswith("  4"), "three streams, and the folder that is listed"


async def test_a_child_that_is_killed_is_known_by_its_signal_and_its_brother_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = start(tmp_path, "wait"), start(tmp_path, "wait")
    first.kill()
    assert await first.wait() == -signal.SIGKILL
    first.kill()
    assert second.returncode is None
    os.kill(second.pid, 0)
    second.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(second.wait(), 10) == -signal.SIGTERM
