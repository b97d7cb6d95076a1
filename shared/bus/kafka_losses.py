"""Notices when the log lost acknowledged events, and publishes the last minutes again.

A broker acknowledges records before they are on its disk; after a power cut its log may end earlier than before. So
the relay of each service stores the highest end seen of every partition, and compares every two seconds. If a log is
shorter than it was, or gave an offset a second time, the service reads the last minutes again and relays its archive of
them once more: events that had arrived are recognised by their ids and change nothing.

If other services have published since, the log may be as long as before at the comparison. So the service that notices
a loss announces it in its marks, and every other service then does the same, once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from shared.bus import kafka_instruments as instruments
from shared.bus import positions
from shared.bus.errors import LogUnavailable
from shared.bus.kafka_client import KafkaConsumer, lone_consumer, places_of, reported
from shared.bus.kafka_marks import KafkaMarks
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.outbox import Relay
from shared.bus.port import Partition
from shared.bus.relay_replay import offsets_since, republish, rewind_positions
from shared.db.postgres_session import SERVER_TIME
from shared.db.transaction import Transaction, WritePriority
from shared.events.topics import Topic
from shared.loop import Loop
from shared.telemetry.logs import logger
from shared.unix_time import microseconds

EVERY_SECONDS: Final = 2.0
_AWAY_SECONDS: Final = 0.5
"""After the log did not answer: look sooner, to see that it came back shorter before new records have filled it."""
_LOSSES: Final = Partition("", 0)
"""Not a partition: its row holds when the newest loss was noticed that this service has answered, in microseconds."""

log = logger(__name__)


class LossWatch:
    """Runs in every process of a service; only the one that relays compares.

    Args:
        cluster: where the log is.
        relay: of this process; what it archived is published again, and its marks announce a loss.
    """

    def __init__(self, cluster: KafkaCluster, relay: Relay) -> None:
        self.loop = Loop(f"{relay.service}-losses", self.step)
        self.marks: KafkaMarks | None = None
        """The marks of other services, which also report losses."""
        self._cluster = cluster
        self._relay = relay
        self._table = relay.metadata.tables[f"{relay.service}_log_ends"]
        """The highest end seen of each partition."""
        self._known: dict[Partition, int] | None = None
        self._consumer: KafkaConsumer | None = None

    async def step(self) -> float:
        """Compare what the log holds with what it held; return the seconds until the next comparison.

        Raises:
            DatabaseUnavailable: the database is away.
            LogUnavailable: the log went away during the republishing; the next step repeats all of it.
        """
        if not self._relay.is_active:
            self._known = None
            return EVERY_SECONDS
        known = self._known = await self._remembered() if self._known is None else self._known
        given = self._relay.producer.lowest_given()
        try:
            ends = await self._ends()
        except LogUnavailable:
            await self.close()
            return _AWAY_SECONDS
        now = (await self._relay.database.read(lambda db: db.rows(SERVER_TIME)))[0]["at"]
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
            instruments.ACKNOWLEDGED_LOST.labels(self._relay.service).inc(sum(shorter.values()))
            log.error(
                "log_lost_acknowledged",
                service=self._relay.service,
                partitions=len(shorter),
                events=sum(shorter.values()),
                effect="the last minutes are read and relayed again",
            )
            self._relay.marking.lost(noticed_at)
        kept = self._relay.keep_minutes
        minutes = max(kept, 1.0)
        back_to = await offsets_since(self._cluster, minutes, microseconds(noticed_at) // 1000)
        moved = await rewind_positions(self._relay.database, self._relay.service, back_to)
        said = await republish(self._relay.database, self._cluster, self._relay.service, minutes) if kept else 0
        log.warning("log_told_again", service=self._relay.service, positions=moved, events=said)

    def _reported_since(self, answered: int) -> datetime | None:
        """Return when the newest loss was noticed that other services report and this one has not answered."""
        newest = self.marks.newest.values() if self.marks is not None else ()
        losses = [mark.lost for mark in newest if mark.lost is not None and mark.publisher != self._relay.service]
        latest = max(losses, default=None)
        return latest if latest is not None and microseconds(latest) > answered else None

    async def _remembered(self) -> dict[Partition, int]:
        return positions.of_rows(await self._relay.database.read(lambda db: db.rows(sa.select(self._table))))

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

        await self._relay.database.write(work, WritePriority.BATCHES)
        self._known = {**(self._known or {}), **changed}

    async def _ends(self) -> dict[Partition, int]:
        """Return the end of every partition.

        Raises:
            LogUnavailable: the log does not answer.
        """
        places = places_of(self._cluster, Topic)
        with reported():
            if self._consumer is None:
                self._consumer = await lone_consumer(self._cluster, client_id=f"followup-{self._relay.service}-losses")
                self._consumer.assign([*places])
                self._consumer.pause(*places)
            found = await self._consumer.end_offsets([*places])
        return {places[place]: int(end) for place, end in found.items()}
