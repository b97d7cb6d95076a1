"""Consent files as people have them: any spreadsheet's CSV, read line by line however long it is.

Nothing of a row is ever repeated in a complaint about it: a report of refused rows holds no numbers.
"""

import codecs
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

from shared.errors import ConfigurationFault

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS: Final = ",;\t|"
_NAMES: Final[Mapping[str, str]] = {
    "phone": "to",
    "phone_number": "to",
    "mobile": "to",
    "number": "to",
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
class Line:
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

    def lines(self, on_bytes: Callable[[int], None]) -> Iterator[Line]:
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

    def _rows(self, stream: TextIO, encoding: str, on_bytes: Callable[[int], None]) -> Iterator[Line]:
        first = stream.readline()
        delimiter = max(_DELIMITERS, key=first.count)
        names = self._header(next(csv.reader([first], delimiter=delimiter), []))
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        while True:
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as problem:
                yield Line(reader.line_num + 1, None, f"not CSV: {problem}")
                continue
            on_bytes(stream.buffer.tell())
            if any(value.strip() for value in values):
                yield self._line(reader.line_num + 1, names, values, encoding)

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

    def _line(self, number: int, names: Sequence[str | None], values: Sequence[str], encoding: str) -> Line:
        if len(values) > len(names):
            return Line(number, None, f"has {len(values)} values for {len(names)} columns: is a quote missing?")
        named = {name: value.strip() for name, value in zip(names, values, strict=False) if name and value.strip()}
        if any("\udc80" <= letter <= "\udcff" for value in named.values() for letter in value):
            return Line(number, None, f"holds bytes that are not {encoding}; name the encoding with --encoding")
        row: dict[str, Any] = {**self.defaults, **named}
        if (proof := named.get("evidence")) is not None:
            row["evidence"] = _evidence(proof)
        return Line(number, row)


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
