"""Checks at each start that a SQLite file is as it was closed: finds damage that SQLite itself would accept silently.

SQLite has no checksum over its pages, and silently ends its reading of a write-ahead log at the first frame that does
not add up. So a clean stop leaves the file's SHA-256 beside it, and a start after an unclean one compares each page
with the sum that its writer left, and looks at the log: a damaged frame before a later commit cannot be the work of a
power cut, because each commit is synced before the next one is begun.
"""

import hashlib
import os
import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from shared.db.page_sums import MOST_BYTES, changed_page, sums_of
from shared.db.private_file import PRIVATE
from shared.errors import ConfigurationFault

SUM_SUFFIX: Final = ".sum"
MOST_BYTES_CHECKED: Final = 256 * 1024**2
_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_BIG_ENDIAN_MAGIC: Final = 0x377F0683
_NEWEST_FRAME: Final = slice(16, 20)
"""Where the shared memory stores how many frames of the log are valid (walformat, native byte order)."""
_RESTORE: Final = "stop, keep a copy of the folder, and restore the file from a backup"
_ATOMIC_BYTES: Final = 512
"""A disk writes so many bytes, at such a boundary, whole or not at all."""
_SECTOR_BYTES: Final = 4096
"""A commit may repeat its last frame to fill the sector it ends in."""
_WORD: Final = 0xFFFFFFFF


def check(database: Path) -> str | None:
    """Check a file before anything writes to it, and return what was lost at its end, if anything.

    Raises:
        ConfigurationFault: it was changed or damaged since it was written.
    """
    if not database.exists() or not database.stat().st_size:
        return None
    log, left = database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}{SUM_SUFFIX}")
    has_log = log.exists() and log.stat().st_size > 0
    sums = sums_of(database)
    is_clean = left.exists() and not has_log
    lost = None
    if is_clean:
        _compare(database, left)
    else:
        if has_log:  # without it, another program closed the file since, and copied the log into it
            lost = _look_at_log(database, log)
            _compare_pages(database)
        if database.stat().st_size <= MOST_BYTES_CHECKED:
            _check_pages(database)
    for stale in (left, sums):  # what writes to the file next begins new ones
        stale.unlink(missing_ok=True)
    _sync_folder(database.parent)
    return lost


def leave(database: Path) -> None:
    """Store what a closed file holds, for the next start to compare; nothing if its log is still there."""
    log = database.with_name(f"{database.name}-wal")
    if log.exists() or not database.exists() or database.stat().st_size > MOST_BYTES:
        return
    left = database.with_name(f"{database.name}{SUM_SUFFIX}")
    left.unlink(missing_ok=True)
    descriptor = os.open(left, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(orjson.dumps({"bytes": database.stat().st_size, "sha256": _sum(database)}))


def _sync_folder(folder: Path) -> None:
    """See that what was deleted stays deleted: an old sum that a power cut brings back would speak of an old file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compare(database: Path, left: Path) -> None:
    if database.stat().st_size > MOST_BYTES:
        return
    try:
        said = orjson.loads(left.read_bytes())["sha256"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        said = None
    if said != _sum(database):
        raise ConfigurationFault(
            f"{database} is not as the last clean stop left it ({left.name} has another sum): a byte of it was "
            f"changed. If you put a backup in its place, delete {left.name}; else {_RESTORE}"
        )


def _compare_pages(database: Path) -> None:
    whole = _whole_frames(database)
    if whole is None or database.stat().st_size > MOST_BYTES or (page := changed_page(database, whole)) is None:
        return
    raise ConfigurationFault(
        f"page {page} of {database} is not as it was written ({sums_of(database).name} has another sum): a byte of it "
        f"was changed. If you put a backup in its place, delete {sums_of(database).name}; else {_RESTORE}"
    )


def _sum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_pages(database: Path) -> None:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as raw:
        try:
            [(said,)] = raw.execute("PRAGMA quick_check(1)").fetchall()
        except sqlite3.OperationalError:
            return  # cannot be opened now: the next one to open it reports that
        except sqlite3.DatabaseError as problem:
            said = str(problem)
    if said != "ok":
        raise ConfigurationFault(f"{database} is damaged, or no database ({said}): {_RESTORE}")


@dataclass(frozen=True, slots=True)
class _Frame:
    commits: bool
    salts: tuple[int, int]


def _look_at_log(database: Path, log: Path) -> str | None:
    """Return what the end of the log lost, if anything.

    Raises:
        ConfigurationFault: the log is damaged where it had been synced.
    """
    with log.open("rb") as stream:
        head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size or not any(head):
        return None  # never synced: nothing of it was acknowledged
    magic, _version, page, _sequence, *salts, first, second = _HEADER.unpack(head)
    is_big = magic == _BIG_ENDIAN_MAGIC
    frames = _frames(log, page, (first, second), big=is_big)
    if (first, second) != _checksum(head[:24], big=is_big):
        if log.stat().st_size > _HEADER.size:
            raise ConfigurationFault(f"{log}: the head of the write-ahead log is damaged: {_RESTORE}")
        return None
    whole = _whole_frames(database) or 0
    rest = [frame for frame in frames[whole:] if frame.salts[0] == salts[0] or frame.salts[1] == salts[1]]
    if not rest:
        return None  # what is there was checkpointed long ago
    commits = [place for place, frame in enumerate(rest) if frame.commits]
    said = f"{log}: frame {whole + 1} is damaged, and {len(rest) - 1} stand behind it"
    if commits and commits[0] + 1 + _SECTOR_BYTES // page + 1 < len(rest):
        raise ConfigurationFault(f"{said}, later commits among them, so no power cut did this: {_RESTORE}")
    return f"{said}: the last commit was torn by a power cut, or lost to a damaged disk"


def _frames(log: Path, page: int, sums: tuple[int, int], *, big: bool) -> list[_Frame]:
    """Return the heads of all frames a log has room for.

    A head lies in one sector, and then all of it is of one time; or a power cut may have left its first bytes as an
    earlier round of the log wrote them, and then it counts as a commit only where its checksum proves it.
    """
    size = _FRAME.size + page
    found = []
    with log.open("rb") as stream:
        for place in range((log.stat().st_size - _HEADER.size) // size if page else 0):
            start = _HEADER.size + place * size
            stream.seek(start)
            head = stream.read(_FRAME.size)
            _number, after, *salts, first, second = _FRAME.unpack(head)
            is_torn = after != 0 and start // _ATOMIC_BYTES != (start + _FRAME.size - 1) // _ATOMIC_BYTES
            if is_torn:
                partial = _checksum(head[:8], sums, big=big)
                is_torn = (first, second) != _checksum(stream.read(page), partial, big=big)
            found.append(_Frame(after != 0 and not is_torn, (salts[0], salts[1])))
            sums = (first, second)
    return found


def _whole_frames(database: Path) -> int | None:
    """Return how many frames SQLite itself takes from the log; None if it cannot be read; nothing is checkpointed."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as raw:
        try:
            raw.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError:
            return None
        except sqlite3.DatabaseError as problem:
            raise ConfigurationFault(f"{database} is damaged, or no database ({problem}): {_RESTORE}") from None
        memory = database.with_name(f"{database.name}-shm").read_bytes()[_NEWEST_FRAME]
    return int.from_bytes(memory, "little" if struct.pack("=I", 1)[0] else "big")


def _checksum(text: bytes, sums: tuple[int, int] = (0, 0), *, big: bool) -> tuple[int, int]:
    """Return the checksum of the log's own kind (https://www.sqlite.org/fileformat2.html#checksum_algorithm)."""
    words = struct.unpack(f"{'>' if big else '<'}{len(text) // 4}I", text)
    first, second = sums
    for place in range(0, len(words), 2):
        first = (first + words[place] + second) & _WORD
        second = (second + words[place + 1] + first) & _WORD
    return first, second
