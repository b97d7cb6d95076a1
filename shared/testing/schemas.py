"""PostgreSQL for an application in a test: a schema of its own while it runs, emptied and reused by the next."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from shared.bus.local import LocalLog
from shared.db.postgres import PostgresDatabase
from shared.db.postgres_driver import connect
from shared.db.postgres_roles import ROLE_PREFIX, provision
from shared.db.transaction import Transaction, WritePriority
from shared.events.envelope import Event
from shared.testing.connected import Server

_PASSWORD = "s3cret'\""  # noqa: S105 - of a role that lives as long as a test run
_ONE_WRITER_OF_THE_LOG = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.event_log', 0))")
_EMPTY = """
DO $$
DECLARE place text; counter text; filled boolean;
BEGIN
  FOR place IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() LOOP
    EXECUTE 'SELECT EXISTS (SELECT FROM ' || place || ')' INTO filled;
    IF filled THEN EXECUTE 'DELETE FROM ' || place; END IF;
  END LOOP;
  FOR counter IN SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL
  LOOP EXECUTE 'ALTER SEQUENCE ' || quote_ident(counter) || ' RESTART'; END LOOP;
END $$
"""


class Schemas:
    """The unused schemas of one server; a new one is created if there is none."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._free: list[str] = []
        self._made: list[str] = []

    @asynccontextmanager
    async def database(self, _folder: Path, *, port: int | None = None) -> AsyncIterator[PostgresDatabase]:
        """Yield a database on an emptied schema, used by its own role; `port`: of a proxy to the server."""
        name = self._free.pop() if self._free else await self._new()
        database = PostgresDatabase(self._url(name, port), name)
        await database.start()
        try:
            await database.write(lambda tx: tx.execute(sa.text(_EMPTY)), WritePriority.BATCHES)
            yield database
        finally:
            await database.stop()
            self._free.append(name)

    async def drop(self) -> None:
        """Drop every schema and role that was created."""
        owner = await connect(self._server.address)
        for name in self._made:
            role = f"{ROLE_PREFIX}{name}"
            await owner.execute(f'DROP SCHEMA "{name}" CASCADE; DROP OWNED BY "{role}"; DROP ROLE "{role}"')
        await owner.close()

    async def _new(self) -> str:
        name = f"h{uuid4().hex[:12]}"
        await provision(self._server.address, name, _PASSWORD)
        self._made.append(name)
        return name

    @property
    def address(self) -> sa.URL:
        """Where the server is."""
        return sa.make_url(self._server.address)

    def _url(self, name: str, port: int | None) -> str:
        own = self.address.set(username=f"{ROLE_PREFIX}{name}", password=_PASSWORD)
        own = own if port is None else own.set(host="127.0.0.1", port=port)
        return own.render_as_string(hide_password=False)


class OrderedLog(LocalLog):
    """The local log where units run side by side: its rows must appear in the order of their ids.

    A unit that appends locks the log until its commit; appending is the last thing it does.
    """

    async def write(self, transaction: Transaction, events: Sequence[Event], now: datetime) -> None:
        """Append the events, after all units that appended before have committed."""
        await transaction.rows(_ONE_WRITER_OF_THE_LOG)
        await super().write(transaction, events, now)
