"""Checks of the machine and the installation: versions, time zones, the clock."""

import importlib.metadata
import platform
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.cli.checks import CheckResult
from shared.clock import SystemClock
from shared.settings import ProcessSettings

_SAFE_SQLITE = (3, 51, 3)
_ALBERTA_OFFSET = timedelta(hours=-6)
_BUILT_AFTER = datetime(2026, 11, 1, tzinfo=UTC)
"""This release was made later, so an earlier time means that the machine's clock is wrong."""


def findings(settings: ProcessSettings) -> Iterator[CheckResult]:
    """Check what needs no file and no server."""
    yield CheckResult.fine("Python", platform.python_version())
    yield CheckResult.fine("Followup", importlib.metadata.version("followup"))
    version = tuple(map(int, sqlite3.sqlite_version.split(".")))
    old = "" if version >= _SAFE_SQLITE else " (older than 3.51.3: safe here, because only one connection writes)"
    yield CheckResult.fine("SQLite", sqlite3.sqlite_version + old)
    yield _time_zones()
    yield _clock(settings)


def _time_zones() -> CheckResult:
    """Check that the installed tzdata is in use, not an old copy of the system's."""
    alberta = datetime(2026, 12, 15, tzinfo=UTC).astimezone(ZoneInfo("America/Edmonton")).utcoffset()
    if alberta == _ALBERTA_OFFSET:
        return CheckResult.fine("time zones", f"tzdata {importlib.metadata.version('tzdata')}")
    message = (
        "an old copy is in use: America/Edmonton must be -06:00 on 2026-12-15; set PYTHONTZPATH to the empty string"
    )
    return CheckResult.wrong("time zones", message)


def _clock(settings: ProcessSettings) -> CheckResult:
    """Check that the clock is not earlier than this release; say if it is moved."""
    now = SystemClock(settings.clock_file).now()
    if now < _BUILT_AFTER:
        message = f"{now:%Y-%m-%d %H:%M} UTC is earlier than this release; set the machine's clock"
        return CheckResult.wrong("clock", message)
    moved = " (moved by FOLLOWUP_CLOCK_FILE)" if settings.clock_file else ""
    return CheckResult.fine("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC{moved}")
