"""PostgreSQL, one schema and one role a service: each unit of work is a transaction on a pooled connection.

What differs from SQLite: units run concurrently (so a store locks what it decides on, `fetch(…, lock=…)`), priorities
order only the units that wait for a connection, and nothing stops a unit from awaiting something else. A text cannot
hold the character NUL, and a failed statement loses its whole transaction even if the unit catches it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared import ids
from shared.db import instruments, migrate
from shared.db.migrate import Schema
from shared.db.postgres_faults import TransactionLost, helps_at_once, translated, unreachable
from shared.db.postgres_session import PostgresSession
from shared.db.postgres_statements import PostgresTransaction, json_text
from shared.db.readers import is_for_a_request
from shared.db.transaction import Transaction, WritePriority
from shared.db.write_queue import WriteQueue
from shared.errors import CommitUnknown, ConfigurationFault, DatabaseUnavailable
from shared.telemetry.logs import logger

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]

WRITERS = 8
READERS = 4
_SESSIONS = 1
"""Connections besides the writers' and readers': the relay holds one."""
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 10
_LOCK_SECONDS = 5
_IDLE_IN_TRANSACTION_SECONDS = 30
_ANSWER_SECONDS = 15
"""Longer than the server's own limits: after this the network is down, not the statement slow."""
_ROLLBACK_SECONDS = 5
_WINNER_SECONDS = 0.02
"""The winner of a deadlock may finish before the loser asks for the same rows again."""
_STATEMENTS_KEPT = 1024
_IS_OURS = "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1"
_BEGIN = "BEGIN"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

log = logger(__name__)


class PostgresDatabase:
    """One service's schema on a PostgreSQL server.

    Args:
        url: `postgresql://role:password@host/database`; the driver is added here.
        schema: the service's; every table name is looked up there and nowhere else.
        writers: how many units write at once; others wait by priority.
        readers: how many readings run at once.
    """

    dialect = "postgresql"

    def __init__(self, url: str, schema: str, *, writers: int = WRITERS, readers: int = READERS) -> None:
        self.schema = schema
        self._engine = _engine(_asyncpg(url), schema, writers + readers + _SESSIONS)
        self._writers = WriteQueue(writers)
        self._readers = WriteQueue(readers)
        self._readers_for_requests = WriteQueue(max(1, readers - 1))
        """What requests may use of them at once: one stays for the process's own loops."""
        self._is_closing = False

    async def start(self) -> None:
        """Check that the server answers and the schema belongs to this role.

        Raises:
            DatabaseUnavailable: it cannot be reached now.
            ConfigurationFault: it refuses the connection, or has no such schema.
        """
        self._is_closing = False
        try:
            async with self._connection() as (_, raw):
                is_ours = await raw.fetchval(_IS_OURS, self.schema)
        except BaseException:
            await self.stop()
            raise
        if not is_ours:
            await self.stop()
            raise ConfigurationFault(
                f"PostgreSQL has no schema {self.schema} that this role may use; run `followup migrate`"
            )

    async def stop(self) -> None:
        """Take no more work and close every connection; a unit under way keeps its own until it ends."""
        self._is_closing = True
        await self._engine.dispose()

    async def write(self, work: Work[T], priority: WritePriority) -> T:
        """Run `work` in a transaction; when this returns, it is durable.

        A unit that lost a deadlock, or was `Overtaken`, is run once more from its beginning.

        Raises:
            CommitUnknown: the connection broke during the commit; all of it is stored, or nothing.
            DatabaseUnavailable: nothing of it was stored.
        """
        async with self._writers.turn(priority):
            started_at = time.monotonic()
            result, rows = await self._run(work, _BEGIN)
        instruments.UNITS.inc()
        instruments.COMMITS.inc()
        instruments.ROWS_WRITTEN.inc(rows)
        instruments.WRITER_SECONDS.inc(time.monotonic() - started_at)
        return result

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent snapshot, without writing."""
        async with AsyncExitStack() as turns:
            if is_for_a_request():
                await turns.enter_async_context(self._readers_for_requests.turn(WritePriority.BATCHES))
            await turns.enter_async_context(self._readers.turn(WritePriority.BATCHES))
            result, _rows = await self._run(work, _BEGIN_READING)
        return result

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Yield one consistent view of everything for as long as the block lasts; nothing is written.

        Raises:
            DatabaseUnavailable: it cannot be reached now.
        """
        async with self._connection() as (connection, raw):
            await raw.execute(_BEGIN_READING)
            try:
                yield PostgresTransaction(connection, raw)
            finally:
                await _roll_back(raw)

    async def session(self) -> PostgresSession:
        """Return a connection of its own, for locks and wake-ups that outlive a transaction.

        Raises:
            DatabaseUnavailable: no connection can be had now.
        """
        connection, raw = await self._connect()
        return PostgresSession(connection, raw)

    async def upgrade(self, schemas: Sequence[Schema]) -> None:
        """Bring the schema's tables to their newest version; one process at a time, the others wait and find it done.

        Raises:
            DatabaseUnavailable: nothing was changed.
        """
        engine = self._engine.execution_options(isolation_level="READ COMMITTED")
        try:
            async with engine.begin() as connection:
                await connection.execute(
                    sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
                    {"name": f"{self.schema}.upgrade"},
                )
                await connection.run_sync(migrate.upgrade, schemas)
        except Exception as problem:
            raise translated(problem, lost=False) from problem

    async def require(self, schemas: Sequence[Schema]) -> None:
        """Check that the tables are at least as new as this code.

        Raises:
            ConfigurationFault: they are older, or not there.
            DatabaseUnavailable: it cannot be reached now.
        """
        try:
            async with self._engine.connect() as connection:
                behind = await connection.run_sync(migrate.pending, schemas)
        except Exception as problem:
            raise unreachable(problem) from problem
        if behind:
            raise ConfigurationFault(
                f"the tables of {', '.join(behind)} are older than this version; run `followup migrate`"
            )

    async def _run(self, work: Work[T], begin: str) -> tuple[T, int]:
        """Run `work` in a transaction, and once more if another unit was quicker; also count rows written."""
        try:
            return await self._run_once(work, begin)
        except Exception as problem:
            if not helps_at_once(problem):
                raise
            log.info("unit_runs_again", schema=self.schema, error=type(problem).__name__)
        await asyncio.sleep(_WINNER_SECONDS)
        try:
            return await self._run_once(work, begin)
        except Exception as problem:
            raise translated(problem, lost=False) from problem

    async def _run_once(self, work: Work[T], begin: str) -> tuple[T, int]:
        """Run `work` between `begin` and COMMIT on one connection."""
        async with self._connection() as (connection, raw):
            try:
                await raw.execute(begin)
                transaction = PostgresTransaction(connection, raw)
                result = await work(transaction)
            except BaseException as problem:
                await _roll_back(raw)
                if isinstance(problem, Exception) and not helps_at_once(problem):
                    raise translated(problem, lost=raw.is_closed()) from problem
                raise
            await _commit(raw)
            return result, transaction.rows_written

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[AsyncConnection, Any]]:
        """Lend a connection; one that broke is thrown away on return."""
        connection, raw = await self._connect()
        try:
            yield connection, raw
        finally:
            if raw.is_closed():
                await connection.invalidate()
            await connection.close()

    async def _connect(self) -> tuple[AsyncConnection, Any]:
        """Take a connection from the pool, or make one where the pool's has died meanwhile."""
        if self._is_closing:
            raise DatabaseUnavailable("the database is closing")
        connection: AsyncConnection | None = None
        try:
            connection = await self._engine.connect()
            raw = (await connection.get_raw_connection()).driver_connection
            while raw is None or raw.is_closed():
                await connection.invalidate()
                raw = (await connection.get_raw_connection()).driver_connection
        except Exception as problem:
            if connection is not None:
                await connection.close()
            raise unreachable(problem) from problem
        return connection, raw


async def _roll_back(raw: Any) -> None:
    """Undo the transaction, or give the connection up: the server then undoes it."""
    if raw.is_closed():
        return
    try:
        await raw.execute("ROLLBACK", timeout=_ROLLBACK_SECONDS)
    except Exception:  # noqa: BLE001 - whatever it was, a terminated connection holds no transaction
        raw.terminate()


async def _commit(raw: Any) -> None:
    """Make the transaction durable.

    Raises:
        TransactionLost: the server rolled back, because a statement had failed.
        CommitUnknown: no answer came.
    """
    try:
        status = await raw.execute("COMMIT")
    except Exception as problem:
        if raw.is_closed() or isinstance(problem, TimeoutError):
            raw.terminate()
            raise CommitUnknown(f"no answer to COMMIT: {type(problem).__name__}") from problem
        await _roll_back(raw)
        raise translated(problem, lost=False) from problem
    except BaseException:  # cancelled: the next user of the connection must not get this transaction
        raw.terminate()
        raise
    if status != "COMMIT":
        raise TransactionLost


def _asyncpg(url: str) -> URL:
    """Return the URL with the asyncpg driver: SQLAlchemy 2.1 takes a bare `postgresql://` for another one.

    Raises:
        ConfigurationFault: it is no PostgreSQL URL.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigurationFault("the database URL cannot be read; expected postgresql://role@host/database") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationFault(f"the database URL names {parsed.get_backend_name()}; expected postgresql://")
    return parsed.set(drivername="postgresql+asyncpg")


def _engine(url: URL, schema: str, connections: int) -> AsyncEngine:
    """Return an engine whose connections are set to the schema, the limits and the types."""
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT are sent explicitly: see postgres_statements
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_ANSWER_SECONDS,
        json_serializer=json_text,
        json_deserializer=orjson.loads,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _ANSWER_SECONDS,
            "statement_cache_size": _STATEMENTS_KEPT,
            "prepared_statement_cache_size": _STATEMENTS_KEPT,
            "server_settings": {
                "application_name": f"followup-{schema}",
                "search_path": _identifier(schema),
                "statement_timeout": f"{_STATEMENT_SECONDS}s",
                "lock_timeout": f"{_LOCK_SECONDS}s",
                "idle_in_transaction_session_timeout": f"{_IDLE_IN_TRANSACTION_SECONDS}s",
                "timezone": "UTC",
                "jit": "off",
            },
        },
    )
    sa.event.listen(engine.sync_engine, "connect", _teach_types)
    return engine


def _teach_types(connection: Any, _record: object) -> None:
    """Let the driver hand out Python's own UUIDs: its faster ones are unknown to orjson."""
    connection.run_async(
        lambda raw: raw.set_type_codec(
            "uuid",
            schema="pg_catalog",
            format="binary",
            encoder=lambda value: value.bytes,
            decoder=ids.of_bytes,
        )
    )


def _identifier(name: str) -> str:
    """Return a name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'
