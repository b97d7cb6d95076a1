"""Notices when the log lost acknowledged events, and publishes the last minutes again.

A broker acknowledges records before they are on its disk; after a power cut its log may end earlier than before. So
the relay of each service stores the highest end seen of every partition, and compares every two seconds. If a log is
shorter than it was, or gave an offset a second time, the service reads the last minutes again and relays its archive of
them once more: events that had arrived are recognised by their ids and change nothing.

If other services have published since, the log may be as long as before at the comparison. So the service that notices
a loss announces it in its marks, and every other service then does the same, once.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from shared.bus import kafka_instruments as instruments
from shared.bus.errors import LogUnavailable
from shared.bus.kafka_client import KafkaConsumer, lone_consumer, places_of, reported
from shared.bus.kafka_marks import KafkaMarks
from shared.bus.kafka_producer import KafkaProducer
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.mark_publisher import MarkPublisher
from shared.bus.port import Partition
from shared.bus.relay_replay import offsets_since, republish, rewind_positions
from shared.db.postgres import PostgresDatabase
from shared.db.transaction import Transaction, WritePriority
from shared.events.topics import Topic
from shared.loop import Loop
from shared.telemetry.logs import logger
from shared.unix_time import instant, microseconds

EVERY_SECONDS: Final = 2.0
_AWAY_SECONDS: Final = 0.5
"""After the log did not answer: look sooner, to see that it came back shorter before new records have filled it."""
_LOSSES: Final = Partition("", 0)
"""Not a partition: its row holds when the newest loss was noticed that this service has answered, in microseconds."""

log = logger(__name__)


class LossWatch:
    """Runs in every process of a service; only the one that relays compares.

    Args:
        service: the process's own.
        cluster: where the log is.
        database: the service's.
        table: the highest end seen of each partition.
        producer: the relay's; it knows which offsets the log assigned.
        marking: announces a loss in the service's marks.
        keep_minutes: how long relayed events are archived; 0: nothing can be published again.
        is_active: whether this process relays.
    """

    def __init__(
        self,
        service: str,
        cluster: KafkaCluster,
        database: PostgresDatabase,
        table: sa.Table,
        producer: KafkaProducer,
        marking: MarkPublisher,
        keep_minutes: float,
        is_active: Callable[[], bool],
    ) -> None:
        self.loop = Loop(f"{service}-losses", self.step)
        self._is_active = is_active
        self.marks: KafkaMarks | None = None
        """The marks of other services, which also report losses."""
        self._service = service
        self._cluster = cluster
        self._database = database
        self._table = table
        self._producer = producer
        self._marking = marking
        self._minutes = keep_minutes
        self._known: dict[Partition, int] | None = None
        self._consumer: KafkaConsumer | None = None

    async def step(self) -> float:
        """Compare what the log holds with what it held; return the seconds until the next comparison.

        Raises:
            DatabaseUnavailable: the database is away.
            LogUnavailable: the log went away during the republishing; the next step repeats all of it.
        """
        if not self._is_active():
            self._known = None
            return EVERY_SECONDS
        known = self._known = await self._remembered() if self._known is None else self._known
        given = self._producer.lowest_given()
        try:
            ends = await self._ends()
        except LogUnavailable:
            await self.close()
            return _AWAY_SECONDS
        now = await self._database_time()
        shorter = {
            place: known[place] - min(end, given.get(place, end))
            for place, end in ends.items()
            if min(end, given.get(place, end)) < known.get(place, 0)
        }
        reported = self._reported_since(known.get(_LOSSES, 0))
        if shorter or reported is not None:
            await self._answer(shorter, reported or now)
        changed = {place: end for place, end in ends.items() if known.get(place) != end}
        if shorter or reported is not None:
            changed[_LOSSES] = microseconds(reported or now)
        await self._remember(changed)
        return EVERY_SECONDS

    async def close(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _answer(self, shorter: Mapping[Partition, int], noticed_at: datetime) -> None:
        """Read and publish the last minutes again; if this service noticed the loss, announce it in its marks."""
        if shorter:
            instruments.ACKNOWLEDGED_LOST.labels(self._service).inc(sum(shorter.values()))
            log.error(
                "log_lost_acknowledged",
                service=self._service,
                partitions=len(shorter),
                events=sum(shorter.values()),
                effect="the last minutes are read and relayed again",
            )
            self._marking.lost(noticed_at)
        minutes = max(self._minutes, 1.0)
        back_to = await offsets_since(self._cluster, minutes, microseconds(noticed_at) // 1000)
        moved = await rewind_positions(self._database, self._service, back_to)
        said = await republish(self._database, self._cluster, self._service, minutes) if self._minutes else 0
        log.warning("log_told_again", service=self._service, positions=moved, events=said)

    def _reported_since(self, answered: int) -> datetime | None:
        """Return when the newest loss was noticed that other services report and this one has not answered."""
        newest = self.marks.newest.values() if self.marks is not None else ()
        losses = [mark.lost for mark in newest if mark.lost is not None and mark.publisher != self._service]
        latest = max(losses, default=None)
        return latest if latest is not None and microseconds(latest) > answered else None

    async def _database_time(self) -> datetime:
        wanted: sa.Select[Any] = sa.select(
            sa.literal_column("(extract(epoch from clock_timestamp()) * 1000000)::bigint").label("at")
        )
        return instant(int((await self._database.read(lambda db: db.rows(wanted)))[0]["at"]))

    async def _remembered(self) -> dict[Partition, int]:
        rows = await self._database.read(lambda db: db.rows(sa.select(self._table)))
        return {Partition(row["topic"], row["partition"]): int(row["next_offset"]) for row in rows}

    async def _remember(self, changed: Mapping[Partition, int]) -> None:
        """Store how far the log reaches now, in the database and in memory."""
        if not changed:
            return
        rows = [
            {"topic": place.topic, "partition": place.number, "next_offset": end}
            for place, end in sorted(changed.items())
        ]

        async def work(db: Transaction) -> None:
            await db.upsert(self._table, rows)

        await self._database.write(work, WritePriority.BATCHES)
        self._known = {**(self._known or {}), **changed}

    async def _ends(self) -> dict[Partition, int]:
        """Return the end of every partition.

        Raises:
            LogUnavailable: the log does not answer.
        """
        places = places_of(self._cluster, Topic)
        with reported():
            if self._consumer is None:
                self._consumer = await lone_consumer(self._cluster, client_id=f"followup-{self._service}-losses")
                self._consumer.assign([*places])
                self._consumer.pause(*places)
            found = await self._consumer.end_offsets([*places])
        return {places[place]: int(end) for place, end in found.items()}
