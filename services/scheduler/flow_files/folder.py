"""The flow files of merchants' folders: read, saved and deleted by name, never through a link, never half.

A name is that of a flow (lower case letters, digits, hyphens), so that no path can be meant. Saving compares what is
there with what the writer began from, writes beside it, waits for the disk, and renames.
"""

import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.config.model import SLUG
from shared.config.reader import FLOWS_FOLDER

MOST_FLOWS: Final = 200
"""Of one merchant: more are not added here."""
LARGEST_BYTES: Final = 256 * 1024
_SLUG: Final = re.compile(SLUG)
_NEW_MODE: Final = 0o644
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class FlowFile:
    """What a file holds."""

    text: str
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "FlowFile":
        """Return the file of these bytes; what is no UTF-8 is replaced, as it cannot be edited anyway."""
        return cls(content.decode("utf-8", "replace"), hashlib.sha256(content).hexdigest())


class ChangedMeanwhile(Exception):
    """The file is not what the writer began from; it may be gone, or new."""


class NotWritable(Exception):
    """This process cannot write there: a read-only folder, a link, too many files, or another writer at work."""


class FlowFolder:
    """The merchants' folders. Its methods wait for the disk: call them in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, merchant: str, flow: str) -> FlowFile | None:
        """Return the file of a flow; None where there is none, or one that leads out of the merchants' folder."""
        if not (_SLUG.fullmatch(merchant) and _SLUG.fullmatch(flow)):
            return None
        path = self._root / merchant / FLOWS_FOLDER / f"{flow}.yaml"
        try:
            if not path.resolve().is_relative_to(self._root.resolve()) or path.stat().st_size > LARGEST_BYTES:
                return None
            return FlowFile.of(path.read_bytes())
        except (OSError, RuntimeError):
            return None

    def is_writable(self, merchant: str) -> bool:
        """Return whether files can be saved here."""
        own = self._root / merchant
        flows = own / FLOWS_FOLDER
        place = flows if os.path.lexists(flows) else own
        return bool(_SLUG.fullmatch(merchant)) and not (own.is_symlink() or flows.is_symlink()) and _may_write(place)

    def save(self, merchant: str, flow: str, text: str, base: str | None) -> FlowFile:
        """Save a file, and return it when the disk has it.

        What is already there counts as saved, so that a repeat is the same as once.

        Args:
            merchant: whose.
            flow: its name.
            text: what it shall hold.
            base: the SHA-256 of what the writer began from; None: there was no file.

        Raises:
            ChangedMeanwhile: it holds something else.
            NotWritable: it cannot be saved here.
        """
        wanted = FlowFile.of(text.encode())
        with self._opened(merchant, create=True) as folder:
            name, known = f"{_checked(flow)}.yaml", _known(folder, f"{_checked(flow)}.yaml")
            if known is not None and known[0] == wanted.sha256:
                return wanted
            if (known[0] if known else None) != base:
                raise ChangedMeanwhile
            if known is None and len(os.listdir(folder)) >= MOST_FLOWS:  # noqa: PTH208 - of a descriptor, which no path is
                raise NotWritable(f"a shop has at most {MOST_FLOWS} flows here")
            _replace(folder, name, text.encode(), known[1] if known else _NEW_MODE)
        return wanted

    def delete(self, merchant: str, flow: str, base: str) -> None:
        """Delete a file; one that is gone counts as deleted.

        Raises:
            ChangedMeanwhile: it holds something else.
            NotWritable: it cannot be deleted here.
        """
        with self._opened(merchant, create=False) as folder:
            name = f"{_checked(flow)}.yaml"
            known = _known(folder, name)
            if known is None:
                return
            if known[0] != base:
                raise ChangedMeanwhile
            try:
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
            except OSError as problem:
                raise NotWritable(problem.strerror or "it cannot be deleted") from None

    @contextmanager
    def _opened(self, merchant: str, *, create: bool) -> Iterator[int]:
        """Yield the folder of a merchant's flows, locked against other writers; no part of the way may be a link."""
        opened: list[int] = []
        try:
            opened.append(os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            opened.append(os.open(_checked(merchant), _FOLDER, dir_fd=opened[-1]))
            if create:
                _make(FLOWS_FOLDER, opened[-1])
            opened.append(os.open(FLOWS_FOLDER, _FOLDER, dir_fd=opened[-1]))
            fcntl.flock(opened[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield opened[-1]
        except OSError as problem:
            raise NotWritable(problem.strerror or "the folder cannot be written") from None
        finally:
            for descriptor in reversed(opened):
                os.close(descriptor)


def _may_write(place: Path) -> bool:
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
        os.fsync(folder)
    except FileExistsError:
        return


def _checked(name: str) -> str:
    if not _SLUG.fullmatch(name):
        raise NotWritable("this is no name of a flow: lower case letters, digits and hyphens")
    return name


def _known(folder: int, name: str) -> tuple[str, int] | None:
    """Return the hash and the mode of a file; None where there is none."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_BYTES:
            raise NotWritable("it is no file, or one that is too large to be edited here")
        return hashlib.sha256(file.read()).hexdigest(), stat.S_IMODE(found.st_mode)


def _replace(folder: int, name: str, content: bytes, mode: int) -> None:
    """Write a file beside the old one, wait for the disk, and put it in its place."""
    beside = f".{name}.{secrets.token_hex(8)}"  # a name that the reader of flows passes over
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, mode, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(beside, dir_fd=folder)
        raise
    os.fsync(folder)
