"""Consent files: the CSV of any spreadsheet, read line by line however long the file is.

Error messages never quote a row's values: a report of refused rows contains no phone numbers.
"""

import codecs
import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any, BinaryIO, Final, TextIO

import orjson

from shared.errors import ConfigurationFault

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS: Final = ",;\t|"
_SEPARATOR_LINE: Final = "sep="
"""Excel's first line, which names the column separator."""
_WITHDRAWAL: Final = frozenset({"to", "event", "scope", "captured_at"})
"""The only columns read from a malformed row."""
_MOST_LINES: Final = 200
"""The most lines of one row, such as a long disclosure in quotes."""
LONGEST_ROW: Final = 110_000
"""Characters of a row's values: as JSON, with what a batch holds beside it, still within one request."""
_LONGEST_VALUE_IN_DOUBT: Final = 500
"""Characters that are read of each value of a row which is not taken for a permission."""
_LONGEST_LINE: Final = 1_000_000
"""In characters; longer than any row of a consent file, so that a file without line ends is not read whole."""
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
"""Other column names that are accepted."""
COLUMNS: Final = (
    "to", "scope", "event", "level", "captured_at", "expires_at", "method", "source", "disclosure", "evidence", "ip",
    "user_agent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Record:
    """One CSV record, and the line it ends on."""

    values: Sequence[str]
    end: int
    trouble: str = ""
    """Why its last value may be wrong and values may be missing; empty for a well-formed record."""


def _records(stream: TextIO, read: int, delimiter: str) -> Iterator[_Record]:
    """Yield the rows of a file; `read` lines were read before.

    An unclosed quote would swallow every row after it. Therefore, if a row has not ended after the most lines a row may
    have, its first line is treated as a malformed row, and reading continues with the next line.
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
                raise csv.Error("opens a quote that is never closed")  # noqa: TRY301 - read on below, as for the others
            values = next(csv.reader(held, delimiter=delimiter, strict=True), [])
        except csv.Error as problem:
            waiting.extendleft(reversed(held[1:]))
            yield _Record(
                _values(line.partition(delimiter + '"')[0], delimiter), number, f"not CSV: line {number}: {problem}"
            )
            continue
        number += len(held) - 1
        yield _Record(values, number)


def _values(line: str, delimiter: str) -> list[str]:
    """Return the values of one line; none if one is longer than any value may be."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One row, and the line of the file it ends on."""

    number: int
    row: Mapping[str, Any] | None
    trouble: str = ""
    """Why there is no row; empty when there is one."""


@dataclass(slots=True)
class ConsentFile:
    """A consent file; `ignored` holds the unknown columns, once reading has begun."""

    name: str
    """As problems call it."""
    opened: Callable[[], BinaryIO]
    """Opens it from its beginning; asked twice."""
    defaults: Mapping[str, str]
    encoding: str | None = None
    """None: by its byte order mark, else UTF-8."""
    ignored: Sequence[str] = field(default=(), init=False)

    def lines(self, on_bytes: Callable[[int], None]) -> Iterator[ConsentRow]:
        """Yield every row; `on_bytes` is called with the number of bytes read so far.

        Raises:
            ConfigurationFault: the file cannot be read, or its first line has no column for the number.
        """
        try:
            encoding = self.encoding or self._found_encoding()
            # Bytes that are not valid in this encoding become surrogates, so that only their own row is refused.
            with TextIOWrapper(self.opened(), encoding, errors="surrogateescape", newline="") as stream:
                yield from self._rows(stream, encoding, on_bytes)
        except OSError as problem:
            raise ConfigurationFault(f"{self.name}: cannot be read ({problem.strerror})") from None
        except (LookupError, UnicodeError):
            raise ConfigurationFault(f"{self.name}: is not {encoding}; save it as UTF-8") from None

    def _found_encoding(self) -> str:
        """Return the encoding that the file's byte order mark says."""
        with self.opened() as stream:
            start = stream.read(4)
        return next((encoding for mark, encoding in _BOMS if start.startswith(mark)), "utf-8")

    def _rows(self, stream: TextIO, encoding: str, on_bytes: Callable[[int], None]) -> Iterator[ConsentRow]:
        first, read, said = stream.readline(_LONGEST_LINE), 1, ""
        mark = first.strip().strip("\ufeff").strip('"')
        if mark.casefold().startswith(_SEPARATOR_LINE):
            said = mark[len(_SEPARATOR_LINE) :][:1]
            first, read = stream.readline(_LONGEST_LINE), 2
        delimiter = said or max(_DELIMITERS, key=first.count)
        names = self._header(_values(first, delimiter))
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
                f"{self.name}: the first line has no column for the number; call it phone. Known columns: phone, "
                + ", ".join(COLUMNS[1:])
            )
        return [name if name in COLUMNS else None for name in names]

    def _of_a_row(self, record: _Record, names: Sequence[str | None], encoding: str) -> Iterator[ConsentRow]:
        """Yield one consent row for each number in a record; empty number columns are skipped."""
        known, values, trouble = list(names), record.values, record.trouble
        if not trouble and sum(map(len, values)) > LONGEST_ROW:
            trouble = f"its values are longer than {LONGEST_ROW:,} characters together"
        if trouble:  # enough for a withdrawal; a permission is refused, because its evidence was not read
            known = [name if name in _WITHDRAWAL else None for name in names]
            values = [value[:_LONGEST_VALUE_IN_DOUBT] for value in values[: len(names)]]
        numbers = [place for place, name in enumerate(known) if name == "to"]
        filled = [place for place in numbers if place < len(values) and values[place].strip()] or numbers[:1]
        for place in filled:
            own = [None if name == "to" and other != place else name for other, name in enumerate(known)]
            line = self._line(record.end, own, values, encoding)
            if trouble and (line.row is None or not {"to", "event"} <= line.row.keys()):
                line = ConsentRow(record.end, None, trouble)
            yield line

    def _line(self, number: int, names: Sequence[str | None], values: Sequence[str], encoding: str) -> ConsentRow:
        if any(value.strip() for value in values[len(names) :]):
            return ConsentRow(number, None, f"has {len(values)} values for {len(names)} columns: is a quote missing?")
        named = {name: value.strip() for name, value in zip(names, values, strict=False) if name and value.strip()}
        if any("\udc80" <= letter <= "\udcff" for value in named.values() for letter in value):
            return ConsentRow(
                number, None, f"contains bytes that are not {encoding}; save the file as UTF-8, or name its encoding"
            )
        if any("\0" in value for value in named.values()):
            return ConsentRow(
                number, None, "contains a NUL character; is the file UTF-16? save it as UTF-8, or name its encoding"
            )
        row: dict[str, Any] = {**self.defaults, **named}
        if (proof := named.get("evidence")) is not None:
            row["evidence"] = _evidence(proof)
        return ConsentRow(number, row)


def _evidence(text: str) -> dict[str, Any]:
    """Return the evidence: the text's JSON object, or the text as a note."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    return value if isinstance(value, dict) else {"note": text}
