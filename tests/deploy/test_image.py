"""The image: what the Dockerfile promises, and that every dependency has a wheel."""

import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.deploy.documents import ROOT

LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
FINAL = LINES[max(index for index, line in enumerate(LINES) if line.startswith("FROM ")) :]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PACKAGES: Mapping[str, Any] = {package["name"]: package for package in LOCK["package"]}


def instruction(name: str) -> str:
    """Return the one instruction of this name in the final stage."""
    [found] = [line.removeprefix(name).strip() for line in FINAL if line.startswith(f"{name} ")]
    return found


def test_the_process_runs_as_an_unprivileged_user() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instruction("USER"))


def test_the_process_is_followup_itself_and_hears_signals() -> None:
    assert instruction("ENTRYPOINT") == '["followup"]'
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_health_is_asked_at_the_port_of_the_process() -> None:
    assert "/healthz" in instruction("HEALTHCHECK")


def test_no_compiler_and_no_package_manager_runs_in_the_final_stage() -> None:
    assert not any(re.search(r"\b(apt|apt-get|pip|uv|gcc)\b", line) for line in FINAL)


def test_the_locked_time_zones_win() -> None:
    assert re.search(r"PYTHONTZPATH=\s", instruction("ENV"))


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    copied = [
        source for line in LINES if line.startswith("COPY ") and "--from" not in line for source in line.split()[1:-1]
    ]
    kept = [
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    assert {source.rstrip("/") for source in copied} == set(kept)
    assert all((ROOT / source).exists() for source in copied)


def needed() -> set[str]:
    """Return the packages that the application needs, through and through."""
    found: set[str] = set()
    waiting = ["followup"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for dependency in PACKAGES[name].get("dependencies", ()):
            waiting.append(dependency["name"])
            extras = PACKAGES[dependency["name"]].get("optional-dependencies", {})
            waiting += [each["name"] for extra in dependency.get("extra", ()) for each in extras.get(extra, ())]
    return found - {"followup"}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_package_has_a_wheel_for_the_images_python(machine: str) -> None:
    [python] = [line.partition("=")[2].partition("-")[0] for line in LINES if line.startswith("ARG PYTHON=")]
    version = "cp" + python.replace(".", "")
    fitting = [f"*-{version}-{version}-*", "*-abi3-*", "*-py3-none-*", "*-py2.py3-none-*"]
    built = [
        name
        for name in sorted(needed())
        if not any(
            fnmatch(wheel, pattern) and (wheel.endswith("-any.whl") or ("manylinux" in wheel and machine in wheel))
            for wheel in (each["url"].rsplit("/", 1)[-1] for each in PACKAGES[name].get("wheels", ()))
            for pattern in fitting
        )
    ]
    assert built == []
