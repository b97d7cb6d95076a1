"""Reads an uploaded file piece by piece, however large it is: the fields of its form first, then the file."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from shared.http.problems import HTTPProblem

_MOST_FIELD_BYTES: Final = 4_096
_MOST_FIELDS: Final = 10
_LONGEST_NAME: Final = 200


class Sink(Protocol):
    """Takes the bytes of a file."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""


Begin = Callable[[Mapping[str, str], str], Awaitable[Sink]]
"""Is asked when the file begins, with the fields before it and its name; may refuse it."""


@dataclass(slots=True)
class _Parts:
    """What the parser has said since it was asked last."""

    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    pieces: list[bytes] = field(default_factory=list)
    has_ended: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _name: str = ""
    _is_file: bool = False
    _data: bytearray = field(default_factory=bytearray)

    def begin_part(self) -> None:
        self._name, self._is_file = "", False
        self._data.clear()

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")[:_LONGEST_NAME]
            name = options.get(b"filename")
            if name is not None:
                if self.file_name is not None:
                    raise _refused("two_files", "choose one file at a time")
                self._is_file = True
                self.file_name = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2][:_LONGEST_NAME]
        self._header.clear()
        self._value.clear()

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.pieces.append(data[start:end])
            return
        self._data += data[start:end]
        if len(self._data) > _MOST_FIELD_BYTES or len(self.fields) >= _MOST_FIELDS:
            raise _refused("too_large", "a field of this form is too long")

    def end_part(self) -> None:
        if not self._is_file:
            self.fields[self._name] = self._data.decode("utf-8", "replace")

    def end(self) -> None:
        self.has_ended = True


async def receive(request: Request, begin: Begin) -> Mapping[str, str]:
    """Read a form with one file to its end, and return its fields.

    Raises:
        HTTPProblem: 415 it is no such form, 422 it holds no file or more than one, or ends early; what `begin` raises.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "no_upload", "send the form with a file")
    parts, sink = _Parts(), None
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": parts.begin_part,
            "on_part_data": parts.part_data,
            "on_part_end": parts.end_part,
            "on_header_field": parts.header_field,
            "on_header_value": parts.header_value,
            "on_header_end": parts.end_header,
            "on_end": parts.end,
        },
    )
    try:
        async for piece in request.stream():
            parser.write(piece)
            if parts.pieces and sink is None:
                sink = await begin(parts.fields, parts.file_name or "file.csv")
            for data in parts.pieces:
                if sink is not None:
                    sink.write(data)
            parts.pieces.clear()
    except MultipartParseError:
        raise _refused("no_upload", "the upload could not be read; choose the file again") from None
    except ClientDisconnect:
        raise _refused("broken_off", "the upload did not come to its end") from None
    if not parts.has_ended:
        raise _refused("broken_off", "the upload did not come to its end; choose the file again")
    if sink is None:
        raise _refused("no_file", "choose a file that is not empty")
    return parts.fields


def _refused(code: str, words: str) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, code, words)
