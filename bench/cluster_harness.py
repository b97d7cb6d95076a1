"""What the distributed benchmarks run on: five services, Kafka, PostgreSQL and a provider, each a process."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import asyncpg
import orjson

from bench.harness import (
    BATCH,
    PARTS_PER_SECOND,
    UNBOUNDED,
    calls_by_order_of,
    calls_of,
    flow,
    offset_to_noon,
    order,
)
from bench.measurement import cpu_seconds
from shared.clock import write_offset
from shared.testing.cluster import Cluster, cluster
from shared.testing.connected import Server, kafka, postgresql
from shared.testing.process import API_KEY, Process, free_port, write_shop
from shared.vocabulary.service_names import SERVICES

PARTITIONS = 6
_LOOK_SECONDS = 0.25
_STATES = "SELECT state, count(*) FROM scheduler.scheduler_follow_ups GROUP BY state"
ASSERTED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(slots=True)
class ClusterHarness:
    """A running application in distributed mode."""

    cluster: Cluster
    postgresql: Server
    kafka: Server
    offset: timedelta
    client: aiohttp.ClientSession
    database: "asyncpg.Connection[Any]"
    settings: dict[str, str]
    """What was asserted to hold."""

    def now(self) -> datetime:
        """Return the instant by the clock of the application."""
        return datetime.fromtimestamp(time.time(), UTC) + self.offset

    def move(self, offset: timedelta) -> None:
        """Move the clock of every process."""
        self.offset = offset
        write_offset(self.cluster.clock_file, offset)

    async def post(self, first: int, count: int, at: datetime) -> None:
        """Post orders in batches, one after the other, each answered 202: then they are on disk."""
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        for start in range(first, first + count, BATCH):
            orders = [order(number, at) for number in range(start, min(start + BATCH, first + count))]
            address = f"{self.cluster.url_of('ingest')}/v1/events"
            async with self.client.post(address, data=orjson.dumps(orders), headers=headers) as answer:
                assert answer.status == 202, await answer.text()

    async def states(self) -> dict[str, int]:
        """Return how many follow-ups are in each state."""
        return {row[0]: row[1] for row in await self.database.fetch(_STATES)}

    async def wait_for(self, state: str, count: int, seconds: float) -> dict[str, int]:
        """Wait until this many follow-ups are in a state.

        Raises:
            TimeoutError: they do not.
        """
        deadline = time.monotonic() + seconds
        while (found := await self.states()).get(state, 0) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found} after {seconds} s, {count} {state} expected")
            await self.look()
        return found

    async def look(self) -> None:
        """Wait for the next look."""
        await asyncio.sleep(_LOOK_SECONDS)

    def calls(self) -> list[float]:
        """Return when the provider accepted each text, in seconds since 1970 by its own (moved) clock."""
        return calls_of(self.cluster.texts_file)

    def calls_by_order(self) -> dict[int, float]:
        """Return when the provider accepted the text about each order."""
        return calls_by_order_of(self.cluster.texts_file)

    def pid_of(self, service: str) -> int:
        """Return a service's process."""
        return _pid(self.cluster.replicas[service, 0])

    def cpu(self) -> dict[str, float]:
        """Return the processor seconds that each part has used so far."""
        found = {name: cpu_seconds(self.pid_of(name)) for name in SERVICES}
        assert self.cluster.simulator is not None
        found["provider"] = cpu_seconds(_pid(self.cluster.simulator))
        found["postgresql"] = _family_seconds(self.postgresql)
        found["kafka"] = _family_seconds(self.kafka)
        return found


@asynccontextmanager
async def running(wait: str = "", **settings: str) -> AsyncIterator[ClusterHarness]:
    """Start everything in an empty folder, one replica of each service, and end it afterwards."""
    with TemporaryDirectory(prefix="followup-bench-") as name, postgresql(fsync=True) as database, kafka() as log:
        async with cluster(
            Path(name),
            database,
            log,
            partitions=PARTITIONS,
            FOLLOWUP_LOG_LEVEL="warning",
            **{**UNBOUNDED, **settings},
        ) as built:
            offset = offset_to_noon(datetime.now(UTC))
            write_offset(built.clock_file, offset)
            built.ports["sender", 0] = free_port()
            sender = built.url_of("sender")
            write_shop(
                built.folder,
                application=sender,
                provider=built.simulator_url,
                flow=flow(wait),
                parts_per_second=PARTS_PER_SECOND,
            )
            await built.start_all()
            owner = await asyncpg.connect(built.environment["FOLLOWUP_ADMIN_DATABASE_URL"])
            try:
                held = {name: await owner.fetchval(f"SHOW {name}") for name in ASSERTED}
                assert held == ASSERTED, held
                async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as client:
                    yield ClusterHarness(built, database, log, offset, client, owner, held)
            finally:
                await owner.close()


def _pid(process: Process) -> int:
    assert process.child is not None
    return process.child.pid


def _family_seconds(server: Server) -> float:
    """Return the processor seconds of a server and of all children it ever had."""
    assert server.process is not None
    pid = server.process.pid
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return cpu_seconds(pid) + ended + sum(cpu_seconds(int(child)) for child in children)
