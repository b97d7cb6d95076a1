"""What a process answers at /metrics satisfies Prometheus' own linter."""

import os
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from services.demo.environment import running_demo

pytestmark = pytest.mark.connected


async def test_promtool_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("FOLLOWUP_REQUIRE_CONNECTED"):
            pytest.fail("promtool is required here and is not installed (Debian: apt-get install prometheus)")
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    async with running_demo(tmp_path / "demo") as running, httpx2.AsyncClient() as client:
        exposition = (await client.get(f"{running.address}/metrics")).text
    result = subprocess.run(  # noqa: S603, ASYNC221 - a short check of a text, after the application has closed
        [promtool, "check", "metrics"], input=exposition, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
