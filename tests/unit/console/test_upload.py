"""An upload is read piece by piece, wherever the network cut it, and an odd one is refused in words."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, cast

import pytest
from fastapi import Request

from services.console.imports.upload import Sink, receive
from shared.http.problems import HTTPProblem

KIND = "multipart/form-data; boundary=xyz"
FIELD = b'--xyz\r\nContent-Disposition: form-data; name="scope"\r\n\r\nmarketing\r\n'
FILE = (
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a/b\\list.csv"\r\nContent-Type: text/csv\r\n\r\n'
    b"phone\r\n+12125550123\r\n--xy\r\n\r\n"
)
WHOLE = FIELD + FILE + b"--xyz--\r\n"


class Received:
    """What came of a file."""

    def __init__(self) -> None:
        self.data = b""
        self.fields: Mapping[str, str] = {}
        self.name = ""

    def write(self, data: bytes) -> None:
        self.data += data

    async def begin(self, fields: Mapping[str, str], name: str) -> Sink:
        self.fields, self.name = dict(fields), name
        return self


class Sent:
    """A request with such a body."""

    def __init__(self, pieces: Iterable[bytes], kind: str = KIND) -> None:
        self.headers = {"content-type": kind}
        self._pieces = pieces

    async def stream(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def received(pieces: Iterable[bytes], kind: str = KIND) -> Received:
    into = Received()
    await receive(cast("Request", cast("Any", Sent(pieces, kind))), into.begin)
    return into


@pytest.mark.parametrize("step", [1, 2, 7, 50, 10_000])
async def test_a_file_comes_whole_wherever_it_was_cut(step: int) -> None:
    into = await received(WHOLE[at : at + step] for at in range(0, len(WHOLE), step))
    assert into.data == b"phone\r\n+12125550123\r\n--xy\r\n"
    assert (into.fields, into.name) == ({"scope": "marketing"}, "list.csv")


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (WHOLE[:-40], KIND, "broken_off"),
        (FIELD + b"--xyz--\r\n", KIND, "no_file"),
        (FIELD + FILE + FILE + b"--xyz--\r\n", KIND, "two_files"),
        (b"no multipart at all", KIND, "no_upload"),
        (WHOLE, "application/x-www-form-urlencoded", "no_upload"),
        (WHOLE, "multipart/form-data", "no_upload"),
        (FIELD.replace(b"marketing", b"m" * 5000) + FILE + b"--xyz--\r\n", KIND, "too_large"),
        (FIELD * 12 + FILE + b"--xyz--\r\n", KIND, ""),
        (b"", KIND, "broken_off"),
    ],
)
async def test_an_odd_upload_is_refused_in_words(body: bytes, kind: str, code: str) -> None:
    if not code:  # the same field again counts once
        assert (await received([body], kind)).name == "list.csv"
        return
    with pytest.raises(HTTPProblem) as refused:
        await received([body], kind)
    assert refused.value.code == code


async def test_many_fields_are_refused_before_they_fill_the_memory() -> None:
    many = b"".join(FIELD.replace(b'"scope"', b'"f%d"' % number) for number in range(1000))
    with pytest.raises(HTTPProblem, match="too long"):
        await received([many])
