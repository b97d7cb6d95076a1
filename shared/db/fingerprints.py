"""Which keyrings named the people of a SQLite file: looked up without opening it for writing."""

import sqlite3
from contextlib import closing
from pathlib import Path

_SUFFIX = "_fingerprints"
_BUSY_SECONDS = 5


def fingerprints_in(path: Path) -> frozenset[str]:
    """Return the fingerprints that a database holds; none where nobody was named in it yet.

    Raises:
        sqlite3.DatabaseError: the file cannot be read, or is no database.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as raw:
        names = [str(row[0]) for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in names if name.endswith(_SUFFIX)]
        return frozenset(str(row[0]) for name in tables for row in raw.execute(f'SELECT fingerprint FROM "{name}"'))  # noqa: S608 - a name from the file's own schema
