"""YAML without surprises: `no`, `on` and `10:00` are words, a key occurs once, and every value has its line.

The scalar rules are those of YAML 1.2's core schema, narrowed: only ``true`` and ``false`` are booleans, only
``null``, ``~`` and nothing are null, numbers have no leading zero or plus, and dates stay text. Anchors, aliases,
merge keys and tags are refused: a configuration file has each value once, where it is read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from shared.config.problem import Problem, Severity

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Path: TypeAlias = tuple[str | int, ...]

LARGEST_FILE_CHARACTERS = 256 * 1024
DEEPEST_NESTING_LEVELS = 30

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+\Z")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content, and the line (from 1) of each key or item."""

    file: str
    value: Value
    lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest key or item around it.

        Parts of the path that the file does not have (names of union members, say) are passed over.
        """
        return self.lines.get(self._found(path), 1)

    def name_of(self, path: Path) -> str | None:
        """Return the key of `path` in the file, without list positions."""
        return next((part for part in reversed(self._found(path)) if isinstance(part, str)), None)

    def error(self, path: Path, message: str, fix: str = "") -> Problem:
        """Return a mistake at a path that keeps the file from taking effect."""
        return Problem(self.file, self.line_of(path), message, fix)

    def warning(self, path: Path, message: str, fix: str) -> Problem:
        """Return a mistake at a path that does not."""
        return Problem(self.file, self.line_of(path), message, fix, Severity.WARNING)

    def _found(self, path: Path) -> Path:
        here: Path = ()
        for part in path:
            if (*here, part) in self.lines:
                here = (*here, part)
        return here


class _Refused(Exception):
    def __init__(self, line: int, message: str, fix: str) -> None:
        super().__init__(message)
        self.line, self.message, self.fix = line, message, fix


def load(text: str, file: str) -> Document | Problem:
    """Return the document that a file's text holds, or the first problem that prevents it."""
    if len(text) > LARGEST_FILE_CHARACTERS:
        return Problem(file, 1, f"the file is larger than {LARGEST_FILE_CHARACTERS // 1024} KiB", "split it")
    try:
        return _Reader(text).document(file)
    except _Refused as refused:
        return Problem(file, refused.line, refused.message, refused.fix)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = problem.problem or problem.context or "cannot be read"
        return Problem(file, mark.line + 1 if mark else 1, f"not valid YAML: {said}", _yaml_fix(said))
    except yaml.YAMLError:
        return Problem(file, 1, "not valid YAML: it holds characters that YAML forbids", "save it as UTF-8 text")


def _yaml_fix(said: str) -> str:
    if "mapping values are not allowed" in said:
        return "put the value in quotes; it contains ': '"
    if "tab" in said or "cannot start any token" in said:
        return "indent with spaces, and quote a value that starts with a special character"
    return "check indentation and quotes on this line and the one above"


class _Reader:
    """Turns the parser's events into plain values, recording their lines."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=_LOADER))
        self._lines: dict[Path, int] = {}

    def document(self, file: str) -> Document:
        event = self._next()
        if isinstance(event, yaml.StreamStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return Document(file, None, {(): 1})
        first = self._next()
        self._lines[()] = _line(first)
        value = self._value(first, ())
        self._next()  # the document's end
        extra = self._next()
        if isinstance(extra, yaml.DocumentStartEvent):
            raise _Refused(_line(extra), "a second document starts here", "keep one document in a file")
        return Document(file, value, self._lines)

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _value(self, event: yaml.Event, path: Path) -> Value:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(_line(event), "anchors and aliases are not allowed", "write the value out in each place")
        if len(path) > DEEPEST_NESTING_LEVELS:
            raise _Refused(_line(event), f"nested deeper than {DEEPEST_NESTING_LEVELS} levels", "flatten it")
        if getattr(event, "tag", None):
            raise _Refused(_line(event), "tags such as '!' are not allowed", "put the value in quotes")
        match event:
            case yaml.ScalarEvent():
                return _scalar(event)
            case yaml.SequenceStartEvent():
                return self._sequence(path)
            case _:
                return self._mapping(path)

    def _sequence(self, path: Path) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*path, len(items))
            self._lines[here] = _line(event)
            items.append(self._value(event, here))
        return items

    def _mapping(self, path: Path) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _Refused(_line(event), "a key must be one word", "quote the value, or use 'name: value'")
            key, line = event.value, _line(event)
            if key == "<<":
                raise _Refused(line, "merge keys are not allowed", "write the fields out")
            here = (*path, key)
            if key in entries:
                first = self._lines[here]
                raise _Refused(line, f"'{key}' occurs twice, first on line {first}", "remove one of the two")
            self._lines[here] = line
            entries[key] = self._value(self._next(), here)
        return entries


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _scalar(event: yaml.ScalarEvent) -> bool | int | float | str | None:
    text: str = event.value
    if event.style:  # quoted or a block: text, whatever it looks like
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return float(text)
    return text
