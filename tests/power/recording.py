"""What a run writes to its disk, call by call.

The statements of the application's writer are run again through a VFS that notes every write, truncation and sync.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import apsw

CHECKPOINT_PAGES: Final = 60
"""Far fewer than in service, so that a short run is checkpointed often."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a writer; the provider's database is outside the system and loses nothing."""

    of: Literal["application", "provider"]
    sql: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """So many things of a kind were acknowledged; from now on they must be stored."""

    what: Literal["events", "texts", "stops"]
    number: int


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at a place of a file; on the disk for sure only once the file was synced."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file was cut to a size."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything written to a file before this is on the disk."""

    file: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A file was removed."""

    file: str


Report: TypeAlias = Statement | Acknowledged
Operation: TypeAlias = Write | Truncate | Sync | Delete | Report


class _File(apsw.VFSFile):
    def __init__(self, base: str, name: Any, flags: Any, noted: list[Operation], files: set[str]) -> None:
        super().__init__(base, name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "")
        self._name = path.name
        self._noted = noted if self._name in files else []

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        self._noted.append(Write(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        self._noted.append(Truncate(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._noted.append(Sync(self._name))


class _Recorder(apsw.VFS):
    def __init__(self, noted: list[Operation], files: set[str]) -> None:
        super().__init__("followup-recorder", "")
        self._noted = noted
        self._files = files

    def xOpen(self, name: Any, flags: Any) -> _File:  # noqa: N802 - SQLite's name
        return _File("", name, flags, self._noted, self._files)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - SQLite's own signature
        super().xDelete(filename, syncdir)
        if Path(filename).name in self._files:
            self._noted.append(Delete(Path(filename).name))


def operations(database: Path, reported: Sequence[Report], *, synchronous: str = "FULL") -> list[Operation]:
    """Run the application's statements on a database through a recording VFS, and return all operations in order."""
    noted: list[Operation] = []
    files = {database.name + suffix for suffix in ("", "-wal", "-journal")}
    recorder = _Recorder(noted, files)
    connection = apsw.Connection(str(database), vfs="followup-recorder")
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # a VFS written in Python has no shared memory
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        for each in reported:
            if isinstance(each, Statement) and each.of == "application":
                _run(connection, each.sql)
            else:
                noted.append(each)
    finally:
        connection.close(force=True)
        recorder.unregister()
    return noted


def _run(connection: apsw.Connection, sql: str) -> None:
    verb = sql.lstrip().partition(" ")[0].upper()
    if verb == "SELECT":
        return
    with suppress(apsw.ConstraintError):  # refused in the run itself as well
        connection.execute(sql).fetchall()
