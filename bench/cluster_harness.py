"""What the distributed benchmarks run on: five services, Kafka, PostgreSQL and a provider, each a process."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import asyncpg

from bench.harness import PARTS_PER_SECOND, UNBOUNDED, RunningApplication, flow, offset_to_noon
from bench.measurement import cpu_seconds
from shared.clock import write_offset
from shared.testing.cluster import Cluster, cluster
from shared.testing.connected import Server, kafka, postgresql
from shared.testing.process import free_port, write_shop
from shared.vocabulary.service_names import SERVICES

PARTITIONS = 6
_STATES = "SELECT state, count(*) FROM scheduler.scheduler_follow_ups GROUP BY state"
ASSERTED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(slots=True, kw_only=True)
class ClusterHarness(RunningApplication):
    """A running application in distributed mode."""

    cluster: Cluster
    postgresql: Server
    kafka: Server
    database: "asyncpg.Connection[Any]"
    settings: dict[str, str]
    """What was asserted to hold."""
    look_seconds: float = 0.25

    async def states(self) -> dict[str, int]:
        """Return how many follow-ups are in each state."""
        return {row[0]: row[1] for row in await self.database.fetch(_STATES)}

    def pid_of(self, service: str) -> int:
        """Return a service's process."""
        return self.cluster.replicas[service, 0].pid

    def cpu(self) -> dict[str, float]:
        """Return the processor seconds that each part has used so far."""
        found = {name: cpu_seconds(self.pid_of(name)) for name in SERVICES}
        assert self.cluster.simulator is not None
        found["provider"] = cpu_seconds(self.cluster.simulator.pid)
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
                    yield ClusterHarness(
                        cluster=built,
                        postgresql=database,
                        kafka=log,
                        database=owner,
                        settings=held,
                        client=client,
                        events_address=f"{built.url_of('ingest')}/v1/events",
                        offset=offset,
                        clock_file=built.clock_file,
                        texts_file=built.texts_file,
                    )
            finally:
                await owner.close()


def _family_seconds(server: Server) -> float:
    """Return the processor seconds of a server and of all children it ever had."""
    assert server.process is not None
    pid = server.process.pid
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return cpu_seconds(pid) + ended + sum(cpu_seconds(int(child)) for child in children)
