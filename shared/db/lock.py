"""The data folder belongs to one process at a time."""

import fcntl
import os
from pathlib import Path

from shared.errors import ConfigurationFault

LOCK_FILE = "followup.lock"


class FolderLock:
    """Holds a data folder until released or the process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the folder, creating it when missing.

        Raises:
            ConfigurationFault: another process has it, or it cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as problem:
            raise ConfigurationFault(
                f"cannot write to the data folder {self._folder} ({problem.strerror}); "
                "make it writable or name another with --data"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise ConfigurationFault(
                f"the data folder {self._folder} is in use by process {holder}; stop it or name another with --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_free(self) -> bool:
        """Return whether no process holds the folder."""
        try:
            self.acquire()
        except ConfigurationFault:
            return False
        self.release()
        return True
