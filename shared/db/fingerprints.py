"""Which keyring derived the recipient ids of a database; starting with another one would forget every STOP."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from shared.db.system_tables import SystemTables
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import ConfigurationFault

_SUFFIX = "_fingerprints"
_BUSY_SECONDS = 5


def fingerprints_in(path: Path) -> frozenset[str]:
    """Return the fingerprints in a SQLite file, opened read-only; none if it holds no recipients yet.

    Raises:
        sqlite3.DatabaseError: the file cannot be read, or is no database.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as raw:
        names = [str(row[0]) for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in names if name.endswith(_SUFFIX)]
        return frozenset(str(row[0]) for name in tables for row in raw.execute(f'SELECT fingerprint FROM "{name}"'))  # noqa: S608 - a name from the file's own schema


async def check_fingerprint(units: UnitOfWorkRunner, system_tables: SystemTables, fingerprint: str) -> None:
    """Check that the hash key is the one that derived this database's recipient ids; store it on the first start.

    Raises:
        ConfigurationFault: the key differs; every STOP in the database would be forgotten.
    """

    async def work(uow: UnitOfWork) -> str:
        query = sa.select(system_tables.fingerprints.c.fingerprint).order_by(system_tables.fingerprints.c.first_seen_at)
        known = await uow.db.rows(query)
        if known:
            return str(known[0]["fingerprint"])
        # Two replicas may start for the first time at once; with two keys, the earlier one counts.
        await uow.db.insert_new(system_tables.fingerprints, [{"fingerprint": fingerprint, "first_seen_at": uow.now}])
        return str((await uow.db.rows(query))[0]["fingerprint"])

    known = await units.run(work, WritePriority.BATCHES)
    if known != fingerprint:
        raise ConfigurationFault(
            f"{system_tables.service}: this keyring's hash key is not the one that named the people in this database; "
            "restore the original keyring (FOLLOWUP_KEYRING_FILE), or every STOP would be forgotten"
        )
