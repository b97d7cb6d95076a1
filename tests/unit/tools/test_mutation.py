"""A mutant that grows without end is stopped, and counts as noticed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import ROOT
from tools.mutation import LIMIT_BYTES

_JUDGE = "import sys; from tools.mutation import is_killed; sys.exit(is_killed(None, [sys.argv[1:]]))"


@pytest.mark.parametrize(("wanted_bytes", "killed"), [(LIMIT_BYTES + 1, 1), (LIMIT_BYTES // 8, 0)])
def test_a_mutant_whose_tests_want_more_memory_than_there_is_for_it_is_killed(
    tmp_path: Path, wanted_bytes: int, killed: int
) -> None:
    # Nothing is written into what is asked for, so it takes no memory where the limit does not refuse it.
    (tmp_path / "test_greedy.py").write_text(
        f"def test_greedy() -> None:\n    assert len(bytearray({wanted_bytes})) == {wanted_bytes}\n", encoding="utf-8"
    )
    ended = subprocess.run(  # noqa: S603 - our own program, in a process of its own because it forks
        [sys.executable, "-c", _JUDGE, str(tmp_path / "test_greedy.py")],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
    )
    assert ended.returncode == killed
