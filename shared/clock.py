"""The clock: the only module that reads the time; everything else receives it.

`FOLLOWUP_CLOCK_FILE` names a file with an offset in seconds that every process adds, so that several
processes move together in a demo or test; it is refused when a real provider is configured.
"""

import os
import time
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from shared.zone_countries import zone_named

JUMP_TOLERANCE_SECONDS = 300.0
"""A forward jump of the wall clock beyond this holds marketing (design section 6)."""
STEADY_SECONDS = 900.0
"""After a jump marketing waits until the wall clock has kept pace with the monotonic one for this long."""
STEADY_TOLERANCE_SECONDS = 5.0
"""Two clocks that differ by less in that time keep pace."""
_OFFSET_CHECK_SECONDS = 0.05


class Clock(Protocol):
    """What services may ask about time."""

    def now(self) -> datetime:
        """Return the instant as an aware UTC datetime."""
        ...

    def machine_now(self) -> datetime:
        """Return what the machine's own clock shows, whatever a clock file adds; for comparing clocks only."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back and never jump; for timeouts only."""
        ...

    def is_trustworthy(self) -> bool:
        """Return whether the wall clock moved with the monotonic one; marketing waits while it did not."""
        ...


class SystemClock:
    """The machine's clock, plus the offset of the clock file if one is named."""

    def __init__(self, offset_file: Path | None = None) -> None:
        self.offset_file = offset_file
        self._offset = timedelta()
        self._checked_at = float("-inf")
        self._wall_origin = time.time()
        self._monotonic_origin = time.monotonic()
        self._drift = 0.0
        self._steady_since = self._monotonic_origin
        self._is_held = False

    def now(self) -> datetime:
        """Return the wall clock in UTC, moved by the offset."""
        return datetime.fromtimestamp(time.time(), UTC) + self._current_offset()

    def machine_now(self) -> datetime:
        """Return the wall clock in UTC without the offset."""
        return datetime.fromtimestamp(time.time(), UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    def move(self, offset: timedelta) -> None:
        """Move every process that reads the clock file, and this one at once.

        Raises:
            ValueError: no clock file was named; the machine's own clock is never moved.
        """
        if self.offset_file is None:
            raise ValueError("only a clock with a file can be moved")
        write_offset(self.offset_file, offset)
        self._offset, self._checked_at = offset, time.monotonic()

    def is_trustworthy(self) -> bool:
        """Return false from a jump of the wall clock until both clocks have kept pace again for a while."""
        tick = time.monotonic()
        drift = (time.time() - self._wall_origin) - (tick - self._monotonic_origin)
        if drift - self._drift > JUMP_TOLERANCE_SECONDS:
            self._is_held, self._steady_since, self._drift = True, tick, drift
        elif self._is_held and abs(drift - self._drift) > STEADY_TOLERANCE_SECONDS:
            self._steady_since, self._drift = tick, drift
        elif self._is_held and tick - self._steady_since >= STEADY_SECONDS:
            self._is_held = False
        elif not self._is_held:
            self._drift = min(drift, self._drift)
        return not self._is_held

    def _current_offset(self) -> timedelta:
        """Read the offset file again when it changed; a broken file keeps the last good offset."""
        if self.offset_file is None:
            return self._offset
        tick = time.monotonic()
        if tick - self._checked_at >= _OFFSET_CHECK_SECONDS:
            self._checked_at = tick
            self._offset = read_offset(self.offset_file, default=self._offset)
        return self._offset


def prefer_tzdata_wheel() -> None:
    """Read time zones from the locked tzdata package instead of the system's copy.

    A system copy of 2025 is an hour wrong in Alberta from 2026-11-01 on (libraries section 3).
    """
    zoneinfo.reset_tzpath(())
    zoneinfo.ZoneInfo.clear_cache()
    zone_named.cache_clear()


def read_offset(path: Path, *, default: timedelta = timedelta()) -> timedelta:
    """Return the offset a clock file holds, or `default` where it cannot be read."""
    try:
        return timedelta(seconds=float(path.read_text(encoding="ascii").strip() or "0"))
    except (OSError, ValueError, OverflowError):
        return default


def write_offset(path: Path, offset: timedelta) -> None:
    """Move every process that reads this clock file; readers never see half a number."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.write_text(f"{offset.total_seconds()}\n", encoding="ascii")
    scratch.replace(path)
