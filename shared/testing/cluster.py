"""The application in distributed mode as processes: replicas of each service, a provider, and an ingress."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from shared.clock import SystemClock, read_offset, write_offset
from shared.db.postgres_driver import connect
from shared.http.console_tokens import TokenSigner
from shared.privacy import Keyring
from shared.testing.connected import Server
from shared.testing.ingress import Ingress
from shared.testing.process import ENVIRONMENT, Process, free_port, simulator_process
from shared.vocabulary.service_names import SERVICES

PARTITIONS = 6
_MIGRATE_SECONDS = 60


@dataclass(slots=True)
class Cluster:
    """What a test starts, kills and starts again."""

    folder: Path
    environment: dict[str, str]
    ingress: Ingress
    clock_file: Path
    simulator_port: int
    replicas: dict[tuple[str, int], Process] = field(default_factory=dict)
    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    simulator: Process | None = None

    @property
    def clock(self) -> SystemClock:
        """The clock of every process here."""
        return SystemClock(self.clock_file)

    @property
    def prefix(self) -> str:
        """The prefix of this application's topics and groups."""
        return self.environment["FOLLOWUP_KAFKA_PREFIX"]

    @property
    def simulator_url(self) -> str:
        """The provider's address."""
        return f"http://127.0.0.1:{self.simulator_port}"

    @property
    def texts_file(self) -> Path:
        """The provider's record of every text it took."""
        return self.folder / "simulator.db"

    def jump(self, **by: float) -> None:
        """Move the clock of every process."""
        write_offset(self.clock_file, read_offset(self.clock_file) + timedelta(**by))

    async def migrate(self) -> None:
        """Lay out roles, schemas, tables and topics, as an operator does."""
        process = Process(["services.cli", "migrate"], self.folder / "migrate.log", self.environment)
        await process.start()
        code = await process.ended(_MIGRATE_SECONDS)
        if code != 0:
            raise AssertionError(f"migrate ended with {code}:\n{process.log.read_text(encoding='utf-8')[-3000:]}")

    async def start(self, service: str, replica: int = 0, **extra: str) -> Process:
        """Start a replica and wait until it answers; `extra` goes into its environment for this start only."""
        process = await self.launch(service, replica, **extra)
        await process.ready(f"{self.url_of(service, replica)}/healthz")
        return process

    async def launch(self, service: str, replica: int = 0, **extra: str) -> Process:
        """Start a replica that may well die before it answers."""
        place = (service, replica)
        port = self.ports.setdefault(place, free_port())
        process = self.replicas.get(place)
        if process is None:
            process = self.replicas[place] = Process(
                ["services.cli", "serve", service, "--port", str(port)],
                self.folder / f"{service}-{replica}.log",
                {**self.environment, "FOLLOWUP_INSTANCE": f"{service}-{replica}"},
            )
        await process.start(**extra)
        known = self.ingress.ports.setdefault(service, [])
        if port not in known:
            known.append(port)
        return process

    async def start_all(self, replicas: int = 1, **extra: str) -> None:
        """Start the provider and so many replicas of every service."""
        await self.start_simulator()
        await asyncio.gather(
            *(self.start(service, number, **extra) for service in SERVICES for number in range(replicas))
        )

    async def start_simulator(self) -> None:
        """Start the provider, on the same record as before."""
        if self.simulator is None:
            self.simulator = simulator_process(self.folder, self.simulator_port, self.ingress.url)
            self.simulator.arguments += ["--clock-file", str(self.clock_file)]
        await self.simulator.start()
        await self.simulator.ready(f"{self.simulator_url}/simulator")
        self.ingress.ports["simulator"] = [self.simulator_port]

    def url_of(self, service: str, replica: int = 0) -> str:
        """Return a replica's own address."""
        return f"http://127.0.0.1:{self.ports[service, replica]}"

    async def stop(self) -> None:
        """End everything that runs."""
        await self.ingress.stop()
        running = [*self.replicas.values(), *([self.simulator] if self.simulator else [])]
        await asyncio.gather(*(process.stop() for process in running))


@asynccontextmanager
async def cluster(
    folder: Path, postgresql: Server, kafka: Server, *, partitions: int = PARTITIONS, **settings: str
) -> AsyncIterator[Cluster]:
    """Yield an application with its own database and topics; only its ingress runs yet.

    Args:
        folder: for files and logs; merchants are read from `merchants` in it.
        postgresql: a server whose owner may make databases and roles.
        kafka: a broker.
        partitions: of each topic.
        settings: further environment of every process.
    """
    name = f"fleet_{uuid4().hex}"
    owner = await _database(postgresql.address, name)
    clock_file = folder / "clock"
    write_offset(clock_file, timedelta())
    Keyring.new().save(folder / "keyring.json")
    signer = TokenSigner.new()
    signer.save(folder / "console-key.pem")
    ingress = Ingress(free_port())
    environment = {
        **ENVIRONMENT,
        **_databases(owner, name),
        "FOLLOWUP_ADMIN_DATABASE_URL": owner,
        "FOLLOWUP_KAFKA_BOOTSTRAP": kafka.address,
        "FOLLOWUP_KAFKA_PARTITIONS": str(partitions),
        "FOLLOWUP_KAFKA_REPLICATION": "1",
        "FOLLOWUP_KAFKA_PREFIX": f"{name}.",
        "FOLLOWUP_KEYRING_FILE": str(folder / "keyring.json"),
        "FOLLOWUP_MERCHANTS_DIR": str(folder / "merchants"),
        "FOLLOWUP_CLOCK_FILE": str(clock_file),
        "FOLLOWUP_PUBLIC_URL": ingress.url,
        "FOLLOWUP_CONSOLE_PUBLIC_KEY": signer.public_key,
        "FOLLOWUP_CONSOLE_SIGNING_KEY_FILE": str(folder / "console-key.pem"),
        "FOLLOWUP_CONSOLE_SCHEDULER_URL": ingress.url,
        "FOLLOWUP_CONSOLE_METRICS_URL": ingress.url,
        **settings,
    }
    built = Cluster(folder, environment, ingress, clock_file, free_port())
    await ingress.start()
    try:
        await built.migrate()
        yield built
    finally:
        await built.stop()


async def _database(server: str, name: str) -> str:
    """Make a database and return its owner's URL."""
    connection = await connect(server)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return server.rpartition("/")[0] + f"/{name}"


def _databases(owner: str, name: str) -> Mapping[str, str]:
    """Return each service's URL: a role of its own, which `migrate` makes."""
    address = owner.partition("@")[2]
    return {
        f"FOLLOWUP_{service.upper()}_DATABASE_URL": f"postgresql://{name}_{service}:secret@{address}"
        for service in SERVICES
    }
