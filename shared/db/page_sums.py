"""A checksum for each page of a running SQLite file, so that a byte changed before a crash is seen after it.

SQLite keeps sums over its write-ahead log and none over its pages. Before the log is copied into the file, the sums of
what will be copied are written beside it and synced, one aligned word a page. Whatever a crash or a power cut leaves,
each page is then either in the log, which has its own sums, or matches its checksum: a page's word is old or new, never
torn, and where it may be either the log still holds the page.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from shared.db.private_file import PRIVATE

SUMS_SUFFIX: Final = ".pages"
MOST_BYTES: Final = 4 * 1024**3
"""A larger file is left to `followup doctor`: reading it would hold up start and stop."""
_MAGIC: Final = b"followup pages 1"
_WORD: Final = struct.Struct("<I")
_LOG_HEAD: Final = struct.Struct(">8I")
_FRAME_HEAD: Final = struct.Struct(">4I")
_FRAME_HEAD_BYTES: Final = 24
_PLACE: Final = struct.Struct(">2I")
"""A frame's page, and the size of the file after its commit or 0."""
_PAGE_SIZE: Final = slice(16, 18)
_FRAMES_AT_ONCE: Final = 64
_BLOCK_BYTES: Final = 4096
_MOST_PAGE_BYTES: Final = 65_536
"""Encoded as 1 in two bytes."""


class PageSums:
    """Keeps the sums of one file while it is written to; used by its writer alone."""

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._file = sums_of(database)
        self._generation: tuple[int, int] | None = None
        self._kept = 0
        """Frames of this generation of the log whose sums are on disk."""
        self._stream: BinaryIO | None = None
        self._words = bytearray(b"".join(map(_WORD.pack, _computed(database))))
        """What the file of sums holds after its head: the sums of the file as it is now."""
        _write_all(self._words, self._file)

    def is_due(self, frames: int, again: int) -> bool:
        """Return whether the log has grown to so many frames, or by `again` since a reader prevented a copy.

        Costs a dozen reads.
        """
        if (log := self._held_log()) is None:
            return False
        number, _page, generation = _in_use(log)
        return number >= (max(frames, self._kept + again) if generation == self._generation else frames)

    def keep(self) -> None:
        """Write down the sums of what the log holds and sync them; after this it may be copied into the file.

        Raises:
            OSError: they cannot be written; the file is to go on without sums.
        """
        if (log := self._held_log()) is None:
            return
        number, page, generation = _in_use(log)
        if generation != self._generation:
            self._generation, self._kept = generation, 0
        newest, self._kept = _summed(log, page, self._kept, number)
        if newest:
            self._write(newest)

    def _write(self, newest: Mapping[int, int]) -> None:
        """Write the sums of some pages, a block of the file at a time."""
        self._words.extend(bytes(max(0, max(newest) * _WORD.size - len(self._words))))
        for place, word in newest.items():
            _WORD.pack_into(self._words, (place - 1) * _WORD.size, word)
        blocks = {(place - 1) * _WORD.size // _BLOCK_BYTES for place in newest}
        with self._file.open("r+b") as sums:
            for start in sorted(block * _BLOCK_BYTES for block in blocks):
                sums.seek(len(_MAGIC) + start)
                sums.write(self._words[start : start + _BLOCK_BYTES])
            sums.flush()
            os.fsync(sums.fileno())

    def close(self) -> None:
        """Let the log go."""
        if self._stream is not None:
            self._stream.close()

    def _held_log(self) -> BinaryIO | None:
        """Return the log once it has a frame; the writer's own connection keeps it in its place."""
        if self._stream is None and self._log.exists():
            self._stream = self._log.open("rb")
        if self._stream is None or os.fstat(self._stream.fileno()).st_size <= _LOG_HEAD.size:
            return None
        return self._stream

    def drop(self) -> None:
        """Continue without checksums: incomplete ones must not be compared."""
        self.close()
        self._file.unlink(missing_ok=True)


def sums_of(database: Path) -> Path:
    """Return the path of a file's checksums."""
    return database.with_name(f"{database.name}{SUMS_SUFFIX}")


def changed_page(database: Path, whole_frames: int) -> int | None:
    """Return the first page that differs from its checksum; None if all agree, or there are no checksums.

    Args:
        database: the file; no connection is open: closing the file again would release SQLite's locks on it.
        whole_frames: how many frames SQLite takes from the log; what they hold is read from there.
    """
    try:
        words = sums_of(database).read_bytes()
    except OSError:
        return None
    if words[: len(_MAGIC)] != _MAGIC:
        return 0
    logged: Mapping[int, int] = {}
    log_file = database.with_name(f"{database.name}-wal")
    if log_file.exists() and log_file.stat().st_size > _LOG_HEAD.size:
        with log_file.open("rb") as log:
            _, page, _ = _in_use(log)
            logged, _ = _summed(log, page, 0, whole_frames)
    known = struct.unpack(f"<{(len(words) - len(_MAGIC)) // _WORD.size}I", words[len(_MAGIC) :])
    for place, word in enumerate(_computed(database), start=1):
        if place not in logged and (place > len(known) or known[place - 1] != word):
            return place
    return None


def _write_all(words: bytearray, file: Path) -> None:
    """Write the sums of a whole file, at once or not at all."""
    fresh = file.with_name(f"{file.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(_MAGIC)
        stream.write(words)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def _computed(database: Path) -> Iterator[int]:
    with database.open("rb") as stream:
        page = int.from_bytes(stream.read(18)[_PAGE_SIZE], "big")
        stream.seek(0)
        while content := stream.read(_MOST_PAGE_BYTES if page == 1 else page):
            yield zlib.crc32(content)


def _in_use(log: BinaryIO) -> tuple[int, int, tuple[int, int]]:
    """Return how many frames the log's present generation has, the size of a page, and the generation.

    Frames of earlier generations follow them with other salts, so a binary search finds the boundary.
    """
    _magic, _version, page, _sequence, *salts, _first, _second = _LOG_HEAD.unpack(
        os.pread(log.fileno(), _LOG_HEAD.size, 0)
    )
    generation = (salts[0], salts[1])
    low, high = 0, (os.fstat(log.fileno()).st_size - _LOG_HEAD.size) // (page + _FRAME_HEAD_BYTES)
    while low < high:
        middle = (low + high) // 2
        place = _LOG_HEAD.size + middle * (page + _FRAME_HEAD_BYTES)
        if _FRAME_HEAD.unpack(os.pread(log.fileno(), _FRAME_HEAD.size, place))[2:] == generation:
            low = middle + 1
        else:
            high = middle
    return low, page, generation


def _summed(log: BinaryIO, page: int, first: int, end: int) -> tuple[dict[int, int], int]:
    """Return the newest sum of each page that frames hold, and the frame after the last commit.

    What follows the last commit will be overwritten. The log is read from its end, because of a page that was
    written often only the newest state counts; in blocks, since each look lets another thread have the interpreter;
    and not mapped, because a long one would count as the process's memory.
    """
    newest: dict[int, int] = {}
    committed = first
    size = page + _FRAME_HEAD_BYTES
    for begin in reversed(range(first, end, _FRAMES_AT_ONCE)):
        count = min(_FRAMES_AT_ONCE, end - begin)
        block = memoryview(os.pread(log.fileno(), count * size, _LOG_HEAD.size + begin * size))
        for number in reversed(range(count)):
            place, after = _PLACE.unpack_from(block, number * size)
            if after and committed == first:
                committed = begin + number + 1
            if committed > first and place not in newest:
                newest[place] = zlib.crc32(block[number * size + _FRAME_HEAD_BYTES : (number + 1) * size])
    return newest, committed
