"""A SQLite file as it is at one moment, read while a process may be writing; nothing is written."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from shared.db.sqlite_statements import SQLiteTransaction
from shared.db.transaction import Transaction
from shared.errors import ConfigurationFault

_BUSY_SECONDS = 5


@contextmanager
def sqlite_snapshot(path: Path) -> Iterator[Transaction]:
    """Yield a read transaction on a database file.

    Raises:
        ConfigurationFault: there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise ConfigurationFault(f"{path}: there is no database; choose its folder with --data")
    raw = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    engine = sa.create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    try:
        raw.execute("PRAGMA query_only = ON")
        raw.execute("PRAGMA wal_autocheckpoint = 0")
        raw.execute("BEGIN")
        with engine.connect() as connection:
            yield SQLiteTransaction(connection, raw)
    except (sqlite3.OperationalError, sa.exc.OperationalError, sqlite3.DatabaseError) as problem:
        raise ConfigurationFault(f"{path}: cannot be read ({problem})") from None
    finally:
        engine.dispose()
        raw.close()
