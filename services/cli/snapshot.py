"""A consistent read-only view of the database, whether or not processes are running."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from services.distributed import DatabaseSettings
from services.embedded import DATABASE_FILE
from shared.db.sqlite import drive
from shared.db.sqlite_snapshot import sqlite_snapshot
from shared.db.transaction import Transaction

T = TypeVar("T")

_OWNER = "compliance"
"""The service whose tables these commands read: ledger, roots and decisions."""


class Snapshot:
    """The database as it was at one moment."""

    def __init__(self, db: Transaction, runner: asyncio.Runner | None = None) -> None:
        """Take a transaction of PostgreSQL with its loop's runner, or one of a SQLite file, which never suspends."""
        self.db = db
        self._runner = runner

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Run a query on `db` and return its result."""
        return drive(question) if self._runner is None else self._runner.run(question)


@contextmanager
def snapshot(data_dir: Path) -> Iterator[Snapshot]:
    """Yield a snapshot of PostgreSQL if FOLLOWUP_COMPLIANCE_DATABASE_URL is set, else of the data folder's file.

    Raises:
        ConfigurationFault: there is no database in the folder, or it cannot be read.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
    """
    if os.environ.get(f"FOLLOWUP_{_OWNER.upper()}_DATABASE_URL"):
        database = DatabaseSettings.of(_OWNER).database(_OWNER)
        with asyncio.Runner() as runner:
            runner.run(database.start())
            try:
                with entered(runner, database.snapshot()) as db:
                    yield Snapshot(db, runner)
            finally:
                runner.run(database.stop())
    else:
        with sqlite_snapshot(data_dir / DATABASE_FILE) as db:
            yield Snapshot(db)


@contextmanager
def entered(runner: asyncio.Runner, opening: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Yield what an asynchronous context manager gives, to code that is not asynchronous."""
    opened = runner.run(opening.__aenter__())
    try:
        yield opened
    finally:
        runner.run(opening.__aexit__(None, None, None))
