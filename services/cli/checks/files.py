"""Checks of the merchants folder and the data folder: everything that would stop `followup run` from starting."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from services import embedded
from services.cli.checks import CheckResult
from shared.clock import SystemClock
from shared.config.directory import MerchantDirectory
from shared.config.lint import lint as lint_files
from shared.config.moved_clock import refuse_moved_clock
from shared.config.problem import Severity
from shared.db.fingerprints import fingerprints_in
from shared.db.lock import FolderLock
from shared.errors import ConfigurationFault, Fault
from shared.privacy import Keyring, Sealer
from shared.settings import ProcessSettings

_LEAST_FREE_BYTES = 1_000_000_000
_BUSY_SECONDS = 5
_OTHERS_BITS = 0o077
_MERCHANTS_LISTED = 10


def merchant_findings(settings: ProcessSettings) -> Iterator[CheckResult]:
    """Check the merchants folder as a start does, with its secrets and the clock."""
    folder = settings.merchants_dir
    if not folder.is_dir():
        message = f"there is no folder {folder}; choose one with --merchants, or make a first shop with `followup init`"
        yield CheckResult.wrong("merchant files", message)
        return
    errors = [problem for problem in lint_files(folder) if problem.severity is Severity.ERROR]
    message = f"{len(errors)} errors" + (f"; `followup lint {folder}` lists them" if errors else "")
    yield CheckResult("merchant files", not errors, message)
    if errors:
        return
    try:
        directory = MerchantDirectory.load(folder, os.environ)
        refuse_moved_clock(SystemClock(settings.clock_file), directory)
    except Fault as fault:
        yield CheckResult.wrong("merchants", fault.detail)
        return
    warnings = "".join(f"; {problem}" for problem in directory.problems)
    yield CheckResult.fine("merchants", f"{len(directory.merchants)} would be in force{warnings}")
    yield CheckResult.fine("destinations", _destinations(directory))


def _destinations(directory: MerchantDirectory) -> str:
    """Return the countries each merchant may send to, for the first ten merchants."""
    listed = [
        f"{merchant.id} texts {', '.join(sorted(merchant.config.destinations())) or 'no country'}"
        for merchant in directory.merchants[:_MERCHANTS_LISTED]
    ]
    return "; ".join(listed) + "; policies.destinations in merchant.yaml adds countries"


def data_findings(settings: ProcessSettings) -> Iterator[CheckResult]:
    """Check the data folder of embedded mode: free space, lock, keyring, database, port."""
    folder = settings.data_dir
    yield _room(folder)
    is_running = folder.is_dir() and not FolderLock(folder).is_free()
    if is_running:
        yield CheckResult.fine("process", "one runs on this data folder; see `followup status`")
    else:
        yield _port(settings)
    yield from _keyring_and_database(settings)


def _room(folder: Path) -> CheckResult:
    """Check that the folder can be written to and has free space."""
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return CheckResult.wrong(
            "data folder", f"cannot write to {nearest}; make it writable, or choose another with --data"
        )
    free = shutil.disk_usage(nearest).free
    message = f"{folder}: {free / 1e9:.1f} GB free"
    return CheckResult(
        "data folder",
        free >= _LEAST_FREE_BYTES,
        message if free >= _LEAST_FREE_BYTES else f"{message}; free some space",
    )


def _port(settings: ProcessSettings) -> CheckResult:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as problem:
            message = (
                f"cannot listen on {settings.host}:{settings.port} ({problem.strerror}); choose another with --port"
            )
            return CheckResult.wrong("port", message)
    return CheckResult.fine("port", f"{settings.host}:{settings.port} is free")


def _keyring_and_database(settings: ProcessSettings) -> Iterator[CheckResult]:
    """Check that the database was written with this keyring, and is not damaged."""
    path = settings.keyring_file or settings.data_dir / embedded.KEYRING_FILE
    database = settings.data_dir / embedded.DATABASE_FILE
    if not path.exists() and not database.exists() and settings.keyring_file is None:
        yield CheckResult.fine("keyring", f"{path} will be made at the first start; back it up then")
        yield CheckResult.fine("database", f"{database} will be made at the first start")
        return
    try:
        fingerprint = Sealer(Keyring.load(path)).fingerprint
    except ConfigurationFault as fault:
        yield CheckResult.wrong("keyring", fault.detail)
        return
    others = path.stat().st_mode & _OTHERS_BITS
    message = f"{path} can be read by others; run chmod 600 {path}" if others else str(path)
    yield CheckResult("keyring", not others, message)
    if database.exists():
        yield _database(database, fingerprint)


def _database(path: Path, fingerprint: str) -> CheckResult:
    """Check the database file without writing: undamaged, and written with this keyring."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as raw:
            [(wholeness,)] = raw.execute("PRAGMA quick_check(1)").fetchall()
        known = fingerprints_in(path)
    except sqlite3.DatabaseError as problem:
        return CheckResult.wrong("database", f"{path} cannot be read ({problem}); restore it from a backup")
    if wholeness != "ok":
        return CheckResult.wrong("database", f"{path} is damaged ({wholeness}); restore it from a backup")
    if known - {fingerprint}:
        message = "the database was written with another keyring; restore that one"
        return CheckResult.wrong("database", f"{path}: {message}")
    return CheckResult.fine("database", f"{path}: {path.stat().st_size / 1e6:.1f} MB, undamaged")
