"""A sealed temporary file gives back what was written, and nothing of it rests in clear."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from services.console.imports.sealed_file import SealedFile

LONG = os.urandom(300_000)


@contextmanager
def sealed(*pieces: bytes) -> Iterator[SealedFile]:
    with closing(SealedFile()) as file:
        for piece in pieces:
            file.write(piece)
        file.finish()
        yield file


@pytest.mark.parametrize("content", [b"", b"a", LONG, LONG[: 64 * 1024], LONG[: 128 * 1024]])
def test_what_was_written_is_read_as_often_as_wanted(content: bytes) -> None:
    with sealed(content[:70_000], content[70_000:]) as file:
        for _ in range(2):
            with file.opened() as stream:
                assert stream.read() == content
        assert file.size == len(content)


def test_a_reader_says_how_far_it_is() -> None:
    with sealed(LONG) as file, file.opened() as stream:
        stream.read(100_000)
        assert stream.tell() == 100_000


def test_nothing_rests_in_clear() -> None:
    with sealed(b"+12125550123," * 10_000) as file:
        assert b"+1212555" not in os.pread(file._file.fileno(), 1_000_000, 0)


@pytest.mark.parametrize("harm", ["cut", "changed", "swapped"])
def test_a_file_that_was_harmed_does_not_open(harm: str) -> None:
    with sealed(LONG) as file:
        stored = os.pread(file._file.fileno(), 1_000_000, 0)
        first = 4 + 64 * 1024 + 16
        harmed = {
            "cut": stored[: 2 * first],
            "changed": stored[:100] + bytes([stored[100] ^ 1]) + stored[101:],
            "swapped": stored[first : 2 * first] + stored[:first] + stored[2 * first :],
        }[harm]
        os.ftruncate(file._file.fileno(), 0)
        os.pwrite(file._file.fileno(), harmed, 0)
        with pytest.raises(OSError, match="temporary file"), file.opened() as stream:
            stream.read()


def test_an_upload_that_broke_off_cannot_be_read() -> None:
    with closing(SealedFile()) as file:
        file.write(b"phone\n")
        with pytest.raises(OSError, match="did not come to its end"):
            file.opened()
