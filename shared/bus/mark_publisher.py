"""A publisher's own mark: when everything committed before an instant is in the log, and publishing that.

The database is asked for the instant before the outbox is read, in a statement of its own. A commit that was answered
before then is visible to every later snapshot; one that was answered later belongs to the next mark, however long its
transaction has been open and whatever ids its rows have. So the mark is true once the log has acknowledged every row
found by the later read. If there are more rows than one round takes, the newest id is read too, and the mark is true
once no row up to it is left: what was visible then has no higher id.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from shared.bus import kafka_instruments as instruments
from shared.bus import positions
from shared.bus.errors import LogUnavailable
from shared.bus.kafka_marks import ReadWatermark
from shared.bus.kafka_producer import KafkaProducer
from shared.bus.kafka_wire import MARKS_TOPIC
from shared.bus.marks import PublisherMark, packed
from shared.db.postgres_session import SERVER_TIME, PostgresSession
from shared.db.system_tables import SystemTables
from shared.db.transaction import Row
from shared.loop import Loop
from shared.telemetry.logs import logger

EVERY_SECONDS = 0.8
"""The least time between two marks; an idle relay reads the outbox once a second, and marks each time."""
_NOTHING_NEW_SECONDS = 30.0

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A mark that is not yet known to be true."""

    mark: PublisherMark
    newest: int | None = None
    """The highest id at that moment, if one round could not take everything."""


class MarkPublisher:
    """Finds the newest true mark, and publishes it from a loop of its own, so that a mark that fails delays no event.

    Args:
        service: the publisher.
        table: its outbox.
        producer: a connection that is used for nothing else.
    """

    def __init__(self, service: str, table: sa.Table, producer: KafkaProducer) -> None:
        self.loop = Loop(f"{service}-mark", self.step)
        self._service = service
        self._table = table
        self._producer = producer
        self._watermark: tuple[SystemTables, ReadWatermark] | None = None
        self._candidate: _Candidate | None = None
        self._begun_at = float("-inf")
        self._true: PublisherMark | None = None
        self._said: PublisherMark | None = None
        self._lost: datetime | None = None

    def lost(self, noticed_at: datetime) -> None:
        """Publish from now on that the log lost acknowledged events, and when that was noticed."""
        self._lost = noticed_at
        self.loop.wake()

    def hear(self, system_tables: SystemTables, watermark: ReadWatermark) -> None:
        """Publish also up to when the service has read what others publish."""
        self._watermark = system_tables, watermark

    async def begin(self, session: PostgresSession, monotonic: float) -> None:
        """Take the instant of the next mark, if one is due; call it before the outbox is read.

        Raises:
            DatabaseUnavailable: the session is lost.
        """
        if self._candidate is None and monotonic - self._begun_at >= EVERY_SECONDS:
            self._begun_at = monotonic
            heard = await self._heard(session)
            at = (await session.rows(SERVER_TIME))[0]["at"]
            self._candidate = _Candidate(PublisherMark(self._service, at, heard))

    async def read(self, session: PostgresSession, rows: Sequence[Row], gone: Collection[int], most: int) -> None:
        """Record what one read of up to `most` rows found, and which of them are in the log or never will be.

        Raises:
            DatabaseUnavailable: the session is lost.
        """
        candidate = self._candidate
        if candidate is None:
            return
        is_full = len(rows) == most
        if is_full and candidate.newest is None:
            newest = sa.select(sa.func.max(self._table.c.id).label("newest"))
            found = (await session.rows(newest))[0]["newest"]
            candidate = self._candidate = replace(candidate, newest=int(found or 0))
        bound = candidate.newest
        if is_full and bound is not None and rows[-1]["id"] < bound:
            return
        if all(row["id"] in gone for row in rows if bound is None or row["id"] <= bound):
            self._true, self._candidate = candidate.mark, None
            self.loop.wake()

    def forget(self) -> None:
        """Drop the mark that is not yet known to be true: another process relays now."""
        self._candidate = None

    async def step(self) -> float:
        """Publish the newest true mark, once; return how long to sleep unless woken.

        Raises:
            LogUnavailable: the mark may not have been stored; a later one replaces it.
        """
        mark = None if self._true is None else replace(self._true, lost=self._lost)
        if mark is not None and mark != self._said:
            await self._producer.send_record(MARKS_TOPIC, self._service.encode(), packed(mark))
            self._said = mark
            instruments.MARKED.labels(self._service).inc()
        return _NOTHING_NEW_SECONDS

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.close()

    async def _heard(self, session: PostgresSession) -> datetime | None:
        """Return up to when the service has read everything; read before the mark's own instant."""
        if self._watermark is None:
            return None
        system_tables, watermark = self._watermark
        try:
            await watermark.look()
        except LogUnavailable as problem:
            log.debug("ends_not_known", service=self._service, error=problem.code)
        table = system_tables.positions
        rows = await session.rows(sa.select(table).where(table.c.consumer_group == positions.group_of(system_tables)))
        return watermark.heard(positions.of_rows(rows))
