"""One SQLite file, one writer: units run as coroutines on the writer's thread, several to a durable commit.

Only the writer writes and checkpoints (two writing connections can corrupt a WAL before SQLite 3.51.3);
readers are `query_only`. A unit may await nothing but its transaction, which never suspends here.
"""

import asyncio
import heapq
import itertools
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.pool import StaticPool

from shared.db import instruments, page_sums
from shared.db.page_sums import PageSums
from shared.db.private_file import make_private
from shared.db.readers import is_for_a_request
from shared.db.sqlite_statements import SQLiteTransaction
from shared.db.transaction import Transaction, WritePriority
from shared.db.writer_reply import WriterReply, answer
from shared.errors import DatabaseUnavailable
from shared.telemetry.logs import logger

T = TypeVar("T")
log = logger(__name__)
Work = Callable[[Transaction], Awaitable[T]]

_PAGE_BYTES = 8192
_CHECKPOINT_PAGES = 20_000
_CHECKPOINT_AGAIN_PAGES = 2_000
"""A log that a reader held open is tried again after so many more."""
_LOOK_EVERY_COMMITS = 8
"""How many commits pass between checks of the log's length; it may exceed the bounds by what they write."""
_BUSY_MILLISECONDS = 5_000
_COMMIT_UNITS = 256
_COMMIT_SECONDS = 0.02
"""A commit collects units until either bound; then one fsync makes all of them durable."""
_READERS = 2
_READERS_FOR_REQUESTS = 2
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
    }
)
"""Primary result codes that a later try may not meet; a missing column or a bad statement is a bug instead."""


class SQLiteDatabase:
    """A database in one file, with write priorities and a few readers."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, summed: bool = False) -> None:
        """Open nothing yet; a `summed` file has a file of page checksums beside it while it is written to."""
        self._path = path
        self._is_summed = summed
        self._sums: PageSums | None = None
        self._commits = 0
        self._condition = threading.Condition()
        self._queue: list[tuple[int, int, _Job]] = []
        self._order = itertools.count()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._readers_for_requests: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._opened: list[tuple[sa.Connection, sqlite3.Connection]] = []

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    async def start(self) -> None:
        """Open the file and start the writer."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._thread = threading.Thread(
            target=self._write_forever, args=(WriterReply(ready),), name="sqlite-writer", daemon=True
        )
        self._thread.start()
        await ready
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-reader")
        self._readers_for_requests = ThreadPoolExecutor(_READERS_FOR_REQUESTS, thread_name_prefix="sqlite-request")

    async def stop(self) -> None:
        """Finish what is queued, then close."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        for readers in (self._readers, self._readers_for_requests):
            if readers is not None:
                readers.shutdown(wait=True)
        for connection, raw in self._opened:
            connection.close()
            connection.engine.dispose()
            raw.close()
        self._opened.clear()

    async def write(self, work: Work[T], priority: WritePriority) -> T:
        """Run `work` in a transaction; when this returns, it is on disk."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._condition:
            if self._closing:
                raise DatabaseUnavailable("the database is closing")
            heapq.heappush(self._queue, (priority, next(self._order), _Job(work, WriterReply(future))))
            self._condition.notify()
        return await future

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a reader: one consistent snapshot, no writing."""
        readers = self._readers_for_requests if is_for_a_request() else self._readers
        if readers is None:
            raise DatabaseUnavailable("the database is not open")
        return await asyncio.get_running_loop().run_in_executor(readers, self._read, work)

    def _read(self, work: Work[T]) -> T:
        """Run one reading on this reader thread's own connection."""
        try:
            if not hasattr(self._local, "connection"):
                self._local.connection, self._local.raw = self._open(reader=True)
            raw: sqlite3.Connection = self._local.raw
            raw.execute("BEGIN")
            try:
                return drive(work(SQLiteTransaction(self._local.connection, raw)))
            finally:
                raw.execute("ROLLBACK")
        except (sqlite3.OperationalError, sqlalchemy.exc.OperationalError) as problem:
            raise _translated(problem) from problem

    def _open(self, *, reader: bool) -> tuple[sa.Connection, sqlite3.Connection]:
        """Open one connection without automatic transactions."""
        if not reader:
            self._begin_file()
        raw = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=512)
        raw.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        if reader:
            raw.execute("PRAGMA query_only = ON")
            raw.execute("PRAGMA wal_autocheckpoint = 0")
        else:
            raw.execute("PRAGMA synchronous = FULL")
            raw.execute(f"PRAGMA wal_autocheckpoint = {0 if self._sums else _CHECKPOINT_PAGES}")
            raw.execute("PRAGMA cache_size = -32768")
            raw.execute("PRAGMA temp_store = MEMORY")  # what a savepoint may take back: else a file, half of all writes
        engine = sa.create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
        connection = engine.connect()
        self._opened.append((connection, raw))
        return connection, raw

    def _begin_file(self) -> None:
        """Make the file private, give a new one its pages' size and every one its log, and begin the sums of its pages.

        What a crash left in the log is copied into the file before the sums begin.

        Raises:
            sqlite3.OperationalError: it cannot be opened.
        """
        try:
            make_private(self._path)
            with closing(sqlite3.connect(self._path, isolation_level=None)) as raw:
                raw.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
                raw.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                raw.execute("PRAGMA journal_mode = WAL")
            if self._is_summed and self._path.stat().st_size <= page_sums.MOST_BYTES:
                self._sums = PageSums(self._path)
        except OSError as problem:
            raise sqlite3.OperationalError(problem.strerror) from problem

    def _checkpoint(self, raw: sqlite3.Connection) -> None:
        """Copy the log into the file once it has grown long, after the sums of its pages are on disk."""
        self._commits += 1
        if self._sums is None or self._commits % _LOOK_EVERY_COMMITS:
            return
        try:
            if not self._sums.is_due(_CHECKPOINT_PAGES, _CHECKPOINT_AGAIN_PAGES):
                return
            self._sums.keep()
        except OSError:
            log.exception("page_sums_dropped", file=str(self._path))
            self._sums.drop()
            self._sums = None
            raw.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            return
        raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _write_forever(self, ready: WriterReply) -> None:
        """The writer's life: gather jobs, run each so that it can be taken back, commit, answer."""
        try:
            connection, raw = self._open(reader=False)
        except (sqlite3.OperationalError, sqlalchemy.exc.OperationalError) as problem:
            ready.fail(DatabaseUnavailable(f"{self._path}: cannot be opened for writing ({problem})"))
            return
        ready.succeed(None)
        transaction = SQLiteTransaction(connection, raw)
        while (first := self._next(wait=True)) is not None:
            self._commit_group(first, transaction, raw)
            self._checkpoint(raw)
        if self._sums is not None:
            try:
                self._sums.keep()  # the last connection to close copies the rest of the log into the file
            except OSError:
                self._sums.drop()
            self._sums.close()

    def _next(self, *, wait: bool) -> "_Job | None":
        """Return the next job by priority; None if there is none, or the database is stopping."""
        with self._condition:
            while not self._queue:
                if self._closing or not wait:
                    return None
                self._condition.wait()
            return heapq.heappop(self._queue)[2]

    def _everybody(self) -> "list[_Job]":
        """Return all waiting jobs: if not even a transaction could begin, they fail together instead of one by one."""
        with self._condition:
            waiting = [job for _, _, job in sorted(self._queue)]
            self._queue.clear()
            return waiting

    def _commit_group(self, first: "_Job", transaction: SQLiteTransaction, raw: sqlite3.Connection) -> None:
        """Run jobs until a bound is met, commit them together, and answer each; one job's failure is its own."""
        done: list[tuple[_Job, Any]] = []
        job: _Job | None = first
        begun = False
        started_at, rows = time.monotonic(), 0
        deadline = started_at + _COMMIT_SECONDS
        try:
            raw.execute("BEGIN IMMEDIATE")
            begun = True
            while job is not None:
                if done:  # the first one is taken back with the transaction: it needs no savepoint
                    raw.execute("SAVEPOINT unit")
                rows_before = raw.total_changes
                try:
                    result = drive(job.work(transaction))
                except Exception as problem:
                    if not raw.in_transaction:  # SQLite gave up the whole transaction (disk full, I/O error)
                        raise
                    _take_back(raw, is_first=not done)
                    job.reply.fail(_translated(problem))
                else:
                    if done:
                        raw.execute("RELEASE unit")
                    done.append((job, result))
                    rows += raw.total_changes - rows_before
                full = len(done) >= _COMMIT_UNITS or time.monotonic() > deadline
                job = None if full else self._next(wait=False)
            raw.execute("COMMIT")
        except Exception as problem:  # noqa: BLE001 - whatever it was, no work is stored
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            waiting = [] if begun else self._everybody()
            failure = _translated(problem)
            for each in (*(finished for finished, _ in done), *([job] if job else []), *waiting):
                each.reply.fail(failure)
            return
        instruments.COMMITS.inc()
        instruments.UNITS.inc(len(done))
        instruments.ROWS_WRITTEN.inc(rows)
        instruments.WRITER_SECONDS.inc(time.monotonic() - started_at)
        answer([(finished.reply, result) for finished, result in done])


class _Job(NamedTuple):
    """One unit of work waiting for the writer."""

    work: Work[Any]
    reply: WriterReply


def drive(awaitable: Awaitable[T]) -> T:
    """Run a coroutine that never suspends to its end, without a loop.

    Raises:
        RuntimeError: it awaited something other than its transaction.
    """
    coroutine = cast("Coroutine[Any, Any, T]", awaitable)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    coroutine.close()
    raise RuntimeError("a unit of work may await nothing but its transaction")


def _take_back(raw: sqlite3.Connection, *, is_first: bool) -> None:
    """Undo the unit at hand, and be ready for another in the same commit."""
    if is_first:
        raw.execute("ROLLBACK")
        raw.execute("BEGIN IMMEDIATE")
    else:
        raw.execute("ROLLBACK TO unit")
        raw.execute("RELEASE unit")


def _translated(problem: Exception) -> Exception:
    """Return the fault for what SQLite raised."""
    cause = problem.orig if isinstance(problem, sqlalchemy.exc.DBAPIError) else problem
    if isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode & 0xFF in _PASSING:
        return DatabaseUnavailable(f"the database cannot be used now: {cause}")
    return problem
