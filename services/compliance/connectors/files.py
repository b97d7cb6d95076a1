"""Registers in files: one number a line, kept sorted in 16 bytes each, read again when the file changes."""

import csv
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from services.compliance.gate.inputs import LineType
from shared.errors import ConfigurationFault
from shared.phone import E164
from shared.telemetry.logs import logger

SCRUB: Final = timedelta(days=31)
"""The oldest a do-not-call list may be (47 CFR 64.1200(c)(2)(i)(D))."""
_NANP_DIGITS: Final = 10
_LINES: Final = tuple(LineType)

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Content:
    """Numbers in order, with a value each; 16 bytes a number."""

    numbers: "array[int]"
    values: "array[int]"
    changed: tuple[int, int]
    """Time and size of the file when it was read."""


class NumberFile:
    """A file of numbers; `value` computes the value of a number from the other fields of its line."""

    def __init__(self, path: Path, value: Callable[[Sequence[str]], int | None]) -> None:
        self._path = path
        self._value = value
        self._content = self._read()

    def value_of(self, number: E164) -> int | None:
        """Return the value of a number; None if it is not in the file."""
        key, numbers = int(number[1:]), self._content.numbers
        place = bisect_left(numbers, key)
        found = place < len(numbers) and numbers[place] == key
        return self._content.values[place] if found else None

    def reload_if_changed(self) -> bool:
        """Read the file again if it changed; if it cannot be read, the last good content stays in use."""
        try:
            if _state(self._path) == self._content.changed:
                return False
            self._content = self._read()
        except (OSError, ConfigurationFault) as problem:
            log.warning("number_file_unreadable", path=str(self._path), why=type(problem).__name__)
            return False
        log.info("number_file_read", path=str(self._path), numbers=len(self._content.numbers))
        return True

    def age(self, now: datetime) -> timedelta:
        """Return how long ago the file was written."""
        return now - datetime.fromtimestamp(self._content.changed[0] / 1e9, UTC)

    def _read(self) -> _Content:
        try:
            changed = _state(self._path)
            with self._path.open(encoding="utf-8-sig", newline="") as stream:
                entries, unread = _entries(csv.reader(stream), self._value)
        except (OSError, UnicodeDecodeError, csv.Error) as problem:
            raise ConfigurationFault(f"{self._path}: cannot be read ({problem})") from None
        if unread:
            log.warning("number_file_lines_unread", path=str(self._path), lines=unread)
        ordered = sorted(entries.items())
        numbers, values = array("Q", (key for key, _ in ordered)), array("q", (value for _, value in ordered))
        return _Content(numbers, values, changed)


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _entries(lines: Iterator[list[str]], value: Callable[[Sequence[str]], int | None]) -> tuple[dict[int, int], int]:
    """Return the numbers of a file with their values, and how many lines are unreadable; a heading is none."""
    found: dict[int, int] = {}
    unread = 0
    for place, fields in enumerate(fields for fields in lines if fields):
        number, rest = _number(fields)
        known = value(rest) if number is not None else None
        if number is not None and known is not None:
            found[number] = max(known, found.get(number, known))
        elif place:
            unread += 1
    return found, unread


def _number(fields: Sequence[str]) -> tuple[int | None, Sequence[str]]:
    """Return a line's number and its other fields; the national registry writes the area code as its own field."""
    first = fields[0].strip().removeprefix("+")
    if len(first) == _NANP_DIGITS - 7 and len(fields) > 1 and len(fields[1].strip()) == 7:  # noqa: PLR2004 - 7 digits
        first, fields = first + fields[1].strip(), fields[1:]
    if not (first.isascii() and first.isdigit()):
        return None, fields
    return int(f"1{first}" if len(first) == _NANP_DIGITS else first), fields[1:]


class DoNotCallFile(NumberFile):
    """A do-not-call list: ``+12125550123``, or ``212,5550123`` as the national registry writes it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, lambda _rest: 1)

    def is_listed(self, number: E164) -> bool:
        """Return whether the number is listed."""
        return self.value_of(number) is not None


class ReassignedFile(NumberFile):
    """Reassigned numbers: ``+12125550123,2026-10-01``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _day)

    def reassigned_at(self, number: E164) -> datetime | None:
        """Return the end of the day on which the number was last reassigned."""
        seconds = self.value_of(number)
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class LineTypeFile(NumberFile):
    """Kinds of lines: ``+12125550123,landline``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _line)

    def line_of(self, number: E164) -> LineType:
        """Return the kind of line."""
        place = self.value_of(number)
        return LineType.UNKNOWN if place is None else _LINES[place]


def _day(rest: Sequence[str]) -> int | None:
    try:
        day = datetime.strptime(rest[0].strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return None
    return int((day + timedelta(days=1)).timestamp())


def _line(rest: Sequence[str]) -> int | None:
    word = rest[0].strip().casefold() if rest else ""
    return next((place for place, line in enumerate(_LINES) if line.value == word), None)
