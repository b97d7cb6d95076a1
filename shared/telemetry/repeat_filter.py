"""Lines that a library writes again and again: the first is passed on, the rest are counted."""

import logging
from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 60.0
MOST_LINES: Final = 256
"""Different lines remembered at once; beyond that the oldest is forgotten."""


@dataclass(slots=True)
class _Seen:
    """One line, and how often it came since it was last passed on."""

    passed_at: float
    repeated: int = 0


class RepeatFilter(logging.Filter):
    """Passes a line on once a minute, with how often it occurred meanwhile.

    Lines are the same where logger, level and the text before its values are: a broker that is away fills the values
    with ports and times.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int, str], _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is passed on; its `repeated` counts the lines like it that were not."""
        key = (record.name, record.levelno, str(record.msg))
        seen = self._seen.get(key)
        if seen is not None and record.created - seen.passed_at < WINDOW_SECONDS:
            seen.repeated += 1
            return False
        record.repeated = 0 if seen is None else seen.repeated
        self._seen.pop(key, None)  # to the end: the oldest is first
        self._seen[key] = _Seen(record.created)
        if len(self._seen) > MOST_LINES:
            del self._seen[next(iter(self._seen))]
        return True
