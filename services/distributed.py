"""One service as a process of its own, on Kafka and PostgreSQL; it finds services by name and imports only that one.

The scheduler also gets the pure evaluation of the gate, which has no state and calls nothing, so that a dry run answers
as it does where all services share a process.
"""

import importlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.application import create_application
from shared.bus import outbox
from shared.bus.kafka_access import KafkaSettings
from shared.bus.kafka_log import KafkaLog
from shared.bus.kafka_topics import create_topics
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.no_log import NoLog
from shared.bus.relay_replay import offsets_since, republish, rewind_positions
from shared.clock import SystemClock, prefer_tzdata_wheel
from shared.config.directory import MerchantDirectory
from shared.config.moved_clock import refuse_moved_clock
from shared.db.fingerprints import check_fingerprint
from shared.db.migrate import Schema
from shared.db.postgres import READERS, WRITERS, PostgresDatabase
from shared.db.postgres_roles import provision
from shared.errors import ConfigurationFault
from shared.http.auth import operator_token
from shared.http.server import bind, limits_of, server_of
from shared.privacy import Keyring, Sealer
from shared.process import freeze_startup_objects, lower_priority
from shared.service import Runtime, Service
from shared.settings import ProcessSettings, Settings
from shared.telemetry.logs import logger

_HERE = Path(__file__).parent

_TAKES_ADVICE, _ADVICE = "scheduler", "services.compliance.gate.advice"
_WITHOUT_EVENTS = {"console"}
"""Services that read and publish no events and hold nothing encrypted: they get neither the log nor the keyring."""
_LOW_PRIORITY = {"metrics", "connectors"}
"""Services that no text waits for: they get the processor last where services share a machine."""

log = logger(__name__)


class DistributedSettings(Settings):
    """Settings that only processes of one service have."""

    section: ClassVar[str] = "distributed"

    instance: str = Field(
        "", description="A name that survives a restart (the pod's): its partitions wait for it. Empty: none."
    )
    admin_database_url: str = Field(
        "", description="Owner of the database; only `followup migrate` uses it, to make roles and schemas."
    )


class DatabaseSettings(Settings):
    """Where one service's tables are."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_<SERVICE>_", extra="ignore", frozen=True)
    section: ClassVar[str] = "distributed"

    database_url: str = Field("", description="postgresql://role:password@host/database of this service (distributed).")
    database_writers: int = Field(WRITERS, gt=0, le=100, description="Units of work that write at once.")
    database_readers: int = Field(READERS, gt=0, le=100, description="Reads at once.")

    @classmethod
    def of(cls, service: str) -> "DatabaseSettings":
        """Return the settings of one service.

        Raises:
            ConfigurationFault: the URL is not set.
        """
        prefix = f"FOLLOWUP_{service.upper()}_"
        found = cls(_env_prefix=prefix)
        if not found.database_url:
            raise ConfigurationFault(
                f"{prefix}DATABASE_URL is not set; it names PostgreSQL, as in "
                f"postgresql://followup_{service}:password@host/followup"
            )
        return found

    def database(self, service: str) -> PostgresDatabase:
        """Return the service's database, not started."""
        return PostgresDatabase(
            self.database_url, service, writers=self.database_writers, readers=self.database_readers
        )


@dataclass(slots=True)
class OpenedService:
    """One service with its database and its log, not running yet."""

    runtime: Runtime
    service: Service
    log: KafkaLog | None
    """None where the service has no events."""


def cluster_of(settings: KafkaSettings) -> KafkaCluster:
    """Return where the log is.

    Raises:
        ConfigurationFault: no broker is named, or a file it needs cannot be read.
    """
    if not settings.bootstrap:
        raise ConfigurationFault("FOLLOWUP_KAFKA_BOOTSTRAP is not set; it names a broker, as in kafka:9092")
    return KafkaCluster(
        settings.bootstrap, settings.partitions, settings.replication, settings.prefix, settings.access()
    )


def schema_of(service: str) -> Schema:
    """Return a service's tables and their history."""
    metadata = importlib.import_module(f"services.{service}.tables").metadata
    return Schema(service, metadata, _HERE / service / "migrations" / "versions")


def build_service(name: str, runtime: Runtime) -> Service:
    """Import one service by name and build it."""
    module = importlib.import_module(f"services.{name}.app")
    if name != _TAKES_ADVICE:
        service: Service = module.build(runtime)
        return service
    with_advice: Service = module.build(runtime, advice=importlib.import_module(_ADVICE).advise)
    return with_advice


@asynccontextmanager
async def open_service(name: str, settings: ProcessSettings) -> AsyncIterator[OpenedService]:
    """Build one service on its database and the log; its runner and loops start with `Service.running`.

    Raises:
        ConfigurationFault: a file or setting is wrong; the message says which and what to do.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
    """
    prefer_tzdata_wheel()
    if name in _WITHOUT_EVENTS:
        async with _open_without_events(name, settings) as opened:
            yield opened
        return
    if settings.keyring_file is None:
        raise ConfigurationFault(
            "FOLLOWUP_KEYRING_FILE is not set: all processes share one keyring; `followup keys keyring FILE` makes one"
        )
    sealer = Sealer(Keyring.load(settings.keyring_file))
    clock = SystemClock(settings.clock_file)
    directory = MerchantDirectory.load(settings.merchants_dir, os.environ)
    refuse_moved_clock(clock, directory)
    kafka_settings = KafkaSettings()
    cluster = cluster_of(kafka_settings)
    async with _database(name) as database:
        await database.require([schema_of(name)])
        kafka = KafkaLog(
            cluster,
            name,
            database,
            instance=DistributedSettings().instance or None,
            session_seconds=kafka_settings.session_seconds,
            outbox_rows=kafka_settings.outbox_rows,
            keep_minutes=kafka_settings.keep_minutes,
        )
        runtime = Runtime(settings, clock, database, kafka, sealer, directory)
        service = build_service(name, runtime)
        await check_fingerprint(service.units, service.system_tables, sealer.fingerprint)
        yield OpenedService(runtime, service, kafka)


@asynccontextmanager
async def _open_without_events(name: str, settings: ProcessSettings) -> AsyncIterator[OpenedService]:
    """Build a service that needs neither the log nor the keyring: whoever breaks into it finds neither there.

    Raises:
        ConfigurationFault: a file or setting is wrong; the message says which and what to do.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
    """
    clock = SystemClock(settings.clock_file)
    directory = MerchantDirectory.load(settings.merchants_dir, os.environ)
    refuse_moved_clock(clock, directory)
    async with _database(name) as database:
        await database.require([schema_of(name)])
        runtime = Runtime(settings, clock, database, NoLog(), Sealer(Keyring.new()), directory)
        yield OpenedService(runtime, build_service(name, runtime), None)


def create(opened: OpenedService) -> FastAPI:
    """Return the HTTP side of a service; the service runs while the app does."""
    runtime, service, log = opened.runtime, opened.service, opened.log
    token = operator_token(runtime.settings.operator_token_file)
    around = log.running if log is not None else None
    return create_application(f"Followup {service.name}", runtime, [service], token, log=log, around=around)


async def serve(name: str, settings: ProcessSettings) -> None:
    """Run one service until the process gets a signal to stop."""
    listener, settings = bind(settings)
    with listener:
        async with open_service(name, settings) as opened:
            for problem in opened.runtime.merchants.problems:
                log.warning("merchant_file_problem", problem=str(problem))
            freeze_startup_objects()
            if name in _LOW_PRIORITY:
                lower_priority()
            log.info("listening", service=name, port=settings.port)
            await server_of(create(opened), limits_of(settings)).serve(sockets=[listener])
    log.info("stopped", service=name)


async def migrate(names: Sequence[str]) -> AsyncIterator[str]:
    """Create roles, schemas, tables, outboxes and topics where they are missing, and yield a line about each.

    Raises:
        ConfigurationFault: a setting is wrong, or a server refuses the login.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
        LogUnavailable: Kafka cannot be reached now.
    """
    cluster = cluster_of(KafkaSettings())
    owner = DistributedSettings().admin_database_url
    for name in names:
        if owner:
            url = urlsplit(DatabaseSettings.of(name).database_url)
            await provision(
                owner, name, unquote(url.password) if url.password else None, role=unquote(url.username or "") or None
            )
            yield f"{name}: role and schema are there"
        async with _database(name) as database:
            await database.upgrade([schema_of(name)])
            if name not in _WITHOUT_EVENTS:
                metadata, _ = outbox.metadata_of(name)
                await outbox.create(database, metadata)
        yield f"{name}: tables are at the newest schema"
    await create_topics(cluster)
    yield f"Kafka: topics are there, {cluster.partitions} partitions each"


async def relay_again(names: Sequence[str], minutes: float) -> AsyncIterator[str]:
    """Make services read the last minutes of the log again and relay them again, and yield a line about each step.

    Raises:
        ConfigurationFault: a setting is wrong.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
        LogUnavailable: Kafka did not take everything; repeating the call is safe.
    """
    cluster = cluster_of(KafkaSettings())
    back_to = await offsets_since(cluster, minutes, int(SystemClock().now().timestamp() * 1000))
    for name in names:
        async with _database(name) as database:
            yield f"{name}: reads {await rewind_positions(database, name, back_to)} partitions again"
    for name in names:
        async with _database(name) as database:
            yield f"{name}: {await republish(database, cluster, name, minutes)} events were relayed again"


@asynccontextmanager
async def _database(name: str) -> AsyncIterator[PostgresDatabase]:
    """Yield a service's database, for as long as the block lasts."""
    database = DatabaseSettings.of(name).database(name)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()
