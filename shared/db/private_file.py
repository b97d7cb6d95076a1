"""Files that only their owner may read, whatever the folder, the umask and an earlier version left."""

import os
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")


def make_private(database: Path) -> None:
    """Create a database file that only its owner may read, or remove all other users' rights from the existing one.

    SQLite gives the files it makes beside it the same rights; those left there by an earlier run are seen to as well.
    """
    os.close(os.open(database, os.O_RDWR | os.O_CREAT, PRIVATE))
    for companion in _COMPANIONS:
        file = database.with_name(database.name + companion)
        if file.exists() and file.stat().st_mode & 0o077:
            file.chmod(PRIVATE)
