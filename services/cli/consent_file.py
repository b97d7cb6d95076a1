"""Consent files as people have them: any spreadsheet's CSV, read line by line however long it is.

Nothing of a row is ever repeated in a complaint about it: a report of refused rows holds no numbers.
"""

import codecs
import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

from shared.errors import ConfigurationFault

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS: Final = ",;\t|"
_SEPARATOR_LINE: Final = "sep="
"""What Excel writes first to say which sign parts its columns."""
_WITHDRAWAL: Final = frozenset({"to", "event", "scope", "captured_at"})
"""What is read of a row that is broken."""
_MOST_LINES: Final = 200
"""How many lines one row may have: a long wording in quotes."""
_LONGEST_LINE: Final = 1_000_000
"""In characters; no row of a consent file comes near, and a file without line ends is none."""
_NAMES: Final[Mapping[str, str]] = {
    "phone": "to",
    "phone_number": "to",
    "mobile": "to",
    "mobile_phone": "to",
    "cell": "to",
    "cell_phone": "to",
    "telephone": "to",
    "number": "to",
    "default_address_phone": "to",
    "address_phone": "to",
    "billing_phone": "to",
    "shipping_phone": "to",
    "consented_at": "captured_at",
    "status": "event",
    "form_url": "source",
    "source_url": "source",
    "ip_address": "ip",
}
"""Other names of our columns."""
COLUMNS: Final = (
    "to", "scope", "event", "level", "captured_at", "expires_at", "method", "source", "disclosure", "evidence", "ip",
    "user_agent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Record:
    """One row, and the line it ends on."""

    values: Sequence[str]
    end: int
    trouble: str = ""
    """Why its last value cannot be trusted, nor that there are no more."""


def _records(stream: TextIO, read: int, delimiter: str) -> Iterator[_Record]:
    """Yield the rows of a file; `read` lines were read before.

    A quote that nothing closes would swallow every row after it. So where a row has not ended after as many lines as
    a wording may have, its first line stands alone, and the next one begins anew.
    """
    number, waiting = read, deque[str]()

    def pull() -> str:
        return waiting.popleft() if waiting else stream.readline(_LONGEST_LINE)

    while line := pull():
        number += 1
        held, quotes, size = [line], line.count('"'), len(line)
        while quotes % 2 and len(held) < _MOST_LINES and size < _LONGEST_LINE and (more := pull()):
            held.append(more)
            quotes, size = quotes + more.count('"'), size + len(more)
        try:
            if quotes % 2:
                raise csv.Error("opens a quote that nothing closes")  # noqa: TRY301 - read on below, as for the others
            values = next(csv.reader(held, delimiter=delimiter, strict=True), [])
        except csv.Error as problem:
            waiting.extendleft(reversed(held[1:]))
            alone = next(csv.reader([line.partition(delimiter + '"')[0]], delimiter=delimiter), [])
            yield _Record(alone, number, f"not CSV: line {number}: {problem}")
            continue
        number += len(held) - 1
        yield _Record(values, number)


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One row, and the line of the file it ends on."""

    number: int
    row: Mapping[str, Any] | None
    trouble: str = ""
    """Why there is no row."""


@dataclass(slots=True)
class ConsentFile:
    """A file, opened; `ignored` names the columns that mean nothing to us."""

    path: Path
    defaults: Mapping[str, str]
    encoding: str | None = None
    """None: by its byte order mark, else UTF-8."""
    ignored: Sequence[str] = field(default=(), init=False)

    def lines(self, on_bytes: Callable[[int], None]) -> Iterator[ConsentRow]:
        """Yield every row; `on_bytes` hears how far the file was read.

        Raises:
            ConfigurationFault: the file cannot be read, or its first line names no column for the number.
        """
        encoding = self.encoding or _encoding(self.path)
        try:
            # What is no text of this encoding comes through marked, and costs its own row only.
            with self.path.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
                yield from self._rows(stream, encoding, on_bytes)
        except OSError as problem:
            raise ConfigurationFault(f"{self.path}: cannot be read ({problem.strerror})") from None
        except (LookupError, UnicodeError):
            raise ConfigurationFault(f"{self.path}: is not {encoding}; name its encoding with --encoding") from None

    def _rows(self, stream: TextIO, encoding: str, on_bytes: Callable[[int], None]) -> Iterator[ConsentRow]:
        first, read, said = stream.readline(_LONGEST_LINE), 1, ""
        mark = first.strip().strip("\ufeff").strip('"')
        if mark.casefold().startswith(_SEPARATOR_LINE):
            said = mark[len(_SEPARATOR_LINE) :][:1]
            first, read = stream.readline(_LONGEST_LINE), 2
        delimiter = said or max(_DELIMITERS, key=first.count)
        names = self._header(next(csv.reader([first], delimiter=delimiter), []))
        for record in _records(stream, read, delimiter):
            on_bytes(stream.buffer.tell())
            if record.trouble or any(value.strip() for value in record.values):
                yield from self._of_a_row(record, names, encoding)

    def _header(self, header: Sequence[str]) -> list[str | None]:
        plain = [name.strip().strip("\ufeff").casefold().replace(" ", "_").replace("-", "_") for name in header]
        names = [_NAMES.get(name, name) for name in plain]
        self.ignored = [name for name in names if name and name not in COLUMNS]
        if "to" not in names:
            raise ConfigurationFault(
                f"{self.path}: the first line names no column for the number; call it phone. Known columns: phone, "
                + ", ".join(COLUMNS[1:])
            )
        return [name if name in COLUMNS else None for name in names]

    def _of_a_row(self, record: _Record, names: Sequence[str | None], encoding: str) -> Iterator[ConsentRow]:
        """Yield a line for each number of a row; an empty second column is nobody."""
        known, values = list(names), record.values
        if record.trouble:  # a withdrawal needs no more; a permission is refused for lack of its proof
            known = [name if name in _WITHDRAWAL else None for name in names]
            values = values[: len(names)]
        numbers = [place for place, name in enumerate(known) if name == "to"]
        filled = [place for place in numbers if place < len(values) and values[place].strip()] or numbers[:1]
        for place in filled:
            own = [None if name == "to" and other != place else name for other, name in enumerate(known)]
            line = self._line(record.end, own, values, encoding)
            if record.trouble and (line.row is None or not {"to", "event"} <= line.row.keys()):
                line = ConsentRow(record.end, None, record.trouble)
            yield line

    def _line(self, number: int, names: Sequence[str | None], values: Sequence[str], encoding: str) -> ConsentRow:
        if any(value.strip() for value in values[len(names) :]):
            return ConsentRow(number, None, f"has {len(values)} values for {len(names)} columns: is a quote missing?")
        named = {name: value.strip() for name, value in zip(names, values, strict=False) if name and value.strip()}
        if any("\udc80" <= letter <= "\udcff" for value in named.values() for letter in value):
            return ConsentRow(number, None, f"holds bytes that are not {encoding}; name the encoding with --encoding")
        if any("\0" in value for value in named.values()):
            return ConsentRow(
                number, None, "holds a NUL character; is the file UTF-16? name its encoding with --encoding"
            )
        row: dict[str, Any] = {**self.defaults, **named}
        if (proof := named.get("evidence")) is not None:
            row["evidence"] = _evidence(proof)
        return ConsentRow(number, row)


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as problem:
        raise ConfigurationFault(f"{path}: cannot be read ({problem.strerror})") from None
    return next((encoding for mark, encoding in _BOMS if start.startswith(mark)), "utf-8")


def _evidence(text: str) -> dict[str, Any]:
    """Return evidence as an object: the JSON one it is, or a note."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return value if isinstance(value, dict) else {"note": text}
