"""Programs that the tests of the deployment run: skipped with a message where missing, a failure where required."""

import os
import shutil
import subprocess

import pytest

from shared.testing.connected import REQUIRED_VARIABLE


def program(name: str, *, package: str) -> str:
    """Return where a program is."""
    found = shutil.which(name)
    if found is None:
        said = f"{name} is not installed (Debian: apt-get install {package})"
        if os.environ.get(REQUIRED_VARIABLE):
            pytest.fail(f"{REQUIRED_VARIABLE} is set, but {said}")
        pytest.skip(said)
    return found


def run(*command: str) -> str:
    """Run a command to its end; return what it wrote, and fail if it does."""
    done = subprocess.run(  # noqa: S603 - our own command line
        command, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
