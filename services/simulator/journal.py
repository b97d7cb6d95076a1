"""One SQLite file with one writing thread; many writes share one durable commit."""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

_MOST_WRITES_IN_A_COMMIT: Final = 500
_PRIVATE: Final = 0o600
_WAIT_FOR_LOCK_SECONDS: Final = 10.0

_Write = tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]
_Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]


class Journal:
    """A database file whose writes are on disk (fsync) before their futures are done.

    Writes that arrive while a commit is under way share the next one. Each write is one statement or none, so a
    failing one leaves nothing behind and the others of its commit stand.
    """

    def __init__(self, file: Path, schema: str) -> None:
        self._file = file
        self._schema = schema
        self._writes: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="simulator-reader")
        self._read_connection: sqlite3.Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: threading.Thread | None = None

    async def start(self) -> None:
        """Open the file, make its tables and start writing."""
        self._loop = asyncio.get_running_loop()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(self._file)
        connection.executescript(self._schema)
        self._read_connection = _connect(self._file)
        self._read_connection.execute("PRAGMA query_only = ON")
        self._writer = threading.Thread(target=self._write_forever, args=(connection,), name="simulator-writer")
        self._writer.start()

    async def stop(self) -> None:
        """Commit every submitted write, then close the file."""
        if self._writer is not None:
            self._writes.put(None)
            await asyncio.to_thread(self._writer.join)
            self._writer = None
        self._readers.shutdown(wait=True)
        if self._read_connection is not None:
            self._read_connection.close()
            self._read_connection = None

    def submit(self, write: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        """Queue one write; the future is done when it is durable, with what `write` returned."""
        if self._loop is None:
            raise RuntimeError("the journal is not started")
        future: asyncio.Future[_T] = self._loop.create_future()
        self._writes.put((write, future))
        return future

    async def read(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return what `query` finds in everything committed so far, without blocking the writer."""
        connection = self._read_connection
        if self._loop is None or connection is None:
            raise RuntimeError("the journal is not started")
        return await self._loop.run_in_executor(self._readers, query, connection)

    def _write_forever(self, connection: sqlite3.Connection) -> None:
        """Commit batch after batch until the journal stops; runs in the writer thread."""
        is_stopping = False
        while not is_stopping:
            batch: list[_Write] = []
            item = self._writes.get()
            while item is not None:
                batch.append(item)
                if len(batch) == _MOST_WRITES_IN_A_COMMIT or self._writes.empty():
                    break
                item = self._writes.get()
            is_stopping = item is None
            if batch and self._loop is not None:
                self._loop.call_soon_threadsafe(_resolve_futures, _commit(connection, batch))
        connection.close()


def _connect(file: Path) -> sqlite3.Connection:
    with suppress(OSError):  # SQLite reports the problem better
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, _PRIVATE))
        for each in file.parent.glob(f"{file.name}*"):
            each.chmod(_PRIVATE)
    connection = sqlite3.connect(
        file,
        isolation_level=None,
        check_same_thread=False,  # opened by the loop's thread, then used by one other thread alone
        timeout=_WAIT_FOR_LOCK_SECONDS,
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.row_factory = sqlite3.Row
    return connection


def _commit(connection: sqlite3.Connection, batch: list[_Write]) -> list[_Outcome]:
    """Run the batch in one transaction and return the result or error of each write."""
    outcomes: list[_Outcome] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for write, future in batch:
            try:
                outcomes.append((future, write(connection), None))
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who submitted the write
                outcomes.append((future, None, error))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [(future, None, error) for _, future in batch]
    return outcomes


def _resolve_futures(outcomes: list[_Outcome]) -> None:
    """Set the results of futures, in the event loop's thread; cancelled ones are skipped."""
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
