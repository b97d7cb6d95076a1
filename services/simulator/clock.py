"""The provider's two clocks: the calendar for timestamps, and real time for deliveries."""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

OFFSET_FILE_VARIABLE = "FOLLOWUP_CLOCK_FILE"


class SimulatorClock:
    """Reads the wall clock; the one place in the simulator that does."""

    def __init__(self, offset_file: Path | None = None) -> None:
        named = os.environ.get(OFFSET_FILE_VARIABLE)
        self._offset_file = offset_file or (Path(named) if named else None)
        self._offset = timedelta(0)
        self._read_of: tuple[int, int] = (-1, -1)
        """Time of change and inode: two moves within one tick of the file system differ in the second."""

    def now(self) -> datetime:
        """Return the calendar instant (UTC), moved by the seconds that the offset file holds."""
        return self.elapsed() + self._current_offset()

    def elapsed(self) -> datetime:
        """Return the wall clock (UTC) without the offset: deliveries take real time, also across a restart."""
        return datetime.now(UTC)

    def _current_offset(self) -> timedelta:
        """Return the offset, reading the file again only when it has changed; an unreadable file changes nothing."""
        if self._offset_file is None:
            return self._offset
        with suppress(OSError, ValueError, OverflowError):
            found = self._offset_file.stat()
            version = (found.st_mtime_ns, found.st_ino)
            if version != self._read_of:
                self._offset = timedelta(seconds=float(self._offset_file.read_text(encoding="utf-8")))
                self._read_of = version
        return self._offset
