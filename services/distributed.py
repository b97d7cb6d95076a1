"""One service as a process of its own, on Kafka and PostgreSQL; knows the services by name alone and loads only one.

The scheduler is given the gate's pure evaluation as well, which holds no state and asks nobody: a dry run answers as it
does where all services share a process.
"""

import importlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.bus import outbox
from shared.bus.kafka_access import KafkaSettings
from shared.bus.kafka_log import KafkaLog
from shared.bus.kafka_topics import create_topics
from shared.bus.kafka_wire import KafkaCluster
from shared.bus.relay_again import read_again, say_again, starts
from shared.clock import SystemClock, prefer_tzdata_wheel
from shared.config.directory import MerchantDirectory
from shared.config.moved_clock import refuse_moved_clock
from shared.db.migrate import Schema
from shared.db.postgres import READERS, WRITERS, PostgresDatabase
from shared.db.postgres_roles import provision
from shared.errors import ConfigurationFault
from shared.housekeeping import Housekeeping
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit, operator_token
from shared.http.entrance import Entrance
from shared.http.server import bind, limits_of, server_of
from shared.privacy import Keyring, Sealer
from shared.process import freeze_startup_objects, step_back
from shared.service import Runtime, Service, check_fingerprint
from shared.settings import ProcessSettings, Settings
from shared.telemetry.health import Health
from shared.telemetry.logs import logger

_HERE = Path(__file__).parent

_ASKS_THE_GATE, _GATE = "scheduler", "services.compliance.gate.advice"
_NO_TEXT_WAITS_FOR = {"metrics"}
"""Services that let the others go first where they share a machine's cores."""

log = logger(__name__)


class DistributedSettings(Settings):
    """What a process of one service is told beside what every process is told."""

    section: ClassVar[str] = "distributed"

    instance: str = Field(
        "", description="A name that outlives a restart (the pod's): its partitions wait for it. Empty: none."
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
    database_readers: int = Field(READERS, gt=0, le=100, description="Readings at once.")

    @classmethod
    def of(cls, service: str) -> "DatabaseSettings":
        """Return a service's own.

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
class Opened:
    """One service with its database and its log, not running yet."""

    runtime: Runtime
    service: Service
    log: KafkaLog


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


def built(name: str, runtime: Runtime) -> Service:
    """Return one service on what the process gives it."""
    module = importlib.import_module(f"services.{name}.app")
    if name != _ASKS_THE_GATE:
        service: Service = module.build(runtime)
        return service
    with_advice: Service = module.build(runtime, advice=importlib.import_module(_GATE).advise)
    return with_advice


@asynccontextmanager
async def opened(name: str, settings: ProcessSettings) -> AsyncIterator[Opened]:
    """Build one service on its database and the log; its runner and loops start with `Service.running`.

    Raises:
        ConfigurationFault: a file or setting is wrong; the message says which and what to do.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
    """
    prefer_tzdata_wheel()
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
    database = DatabaseSettings.of(name).database(name)
    await database.start()
    try:
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
        service = built(name, runtime)
        await check_fingerprint(service.units, service.system_tables, sealer.fingerprint)
        yield Opened(runtime, service, kafka)
    finally:
        await database.stop()


def app_of(application: Opened) -> FastAPI:
    """Return the HTTP side of a service; the service runs while the app does."""
    runtime, service = application.runtime, application.service
    token = operator_token(runtime.settings.operator_token_file)
    keys = Keys(
        runtime.merchants,
        RateLimit(runtime.settings.requests_per_second, runtime.clock),
        token,
    )
    health = Health()
    health.add(service.name, service.readiness, service.halted)
    health.add_concern(service.name, service.concerns)
    health.add("log", application.log.readiness, application.log.halted)
    health.add_concern("log", application.log.concerns)
    housekeeping = Housekeeping(runtime, [service.system_tables])
    health.add("process", housekeeping.readiness, housekeeping.halted)
    health.add_concern("merchant files", housekeeping.concerns)
    health.add_concern("quotas", runtime.quotas.concern)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(application.log.running())
            await stack.enter_async_context(service.running())
            await stack.enter_async_context(housekeeping.running())
            yield

    return create_app(
        f"Followup {service.name}",
        service.routers,
        keys=keys,
        health=health,
        max_body_bytes=runtime.settings.max_body_bytes,
        max_webhook_body_bytes=runtime.settings.max_webhook_body_bytes,
        lifespan=lifespan,
        entrance=Entrance.of(runtime.settings, token, runtime.merchants.hosts),
    )


async def serve(name: str, settings: ProcessSettings) -> None:
    """Run one service until it is told to stop."""
    listener, settings = bind(settings)
    try:
        async with opened(name, settings) as application:
            for problem in application.runtime.merchants.problems:
                log.warning("merchant_file_problem", problem=str(problem))
            freeze_startup_objects()
            if name in _NO_TEXT_WAITS_FOR:
                step_back()
            log.info("listening", service=name, port=settings.port)
            await server_of(app_of(application), limits_of(settings)).serve(sockets=[listener])
    finally:
        listener.close()


async def migrate(names: Sequence[str]) -> AsyncIterator[str]:
    """Lay everything out and say each step: roles, schemas, tables, outboxes, topics; harmless when repeated.

    Raises:
        ConfigurationFault: something is set wrongly, or a server refuses us.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
        LogUnavailable: nor can Kafka.
    """
    cluster = cluster_of(KafkaSettings())
    owner = DistributedSettings().admin_database_url
    for name in names:
        settings = DatabaseSettings.of(name)
        if owner:
            url = urlsplit(settings.database_url)
            await provision(
                owner, name, unquote(url.password) if url.password else None, role=unquote(url.username or "") or None
            )
            yield f"{name}: role and schema are there"
        database = settings.database(name)
        await database.start()
        try:
            await database.upgrade([schema_of(name)])
            metadata, _ = outbox.metadata_of(name)
            await outbox.create(database, metadata)
        finally:
            await database.stop()
        yield f"{name}: tables are at the newest schema"
    await create_topics(cluster)
    yield f"Kafka: topics are there, {cluster.partitions} partitions each"


async def relay_again(names: Sequence[str], minutes: float) -> AsyncIterator[str]:
    """Let services read the last minutes of the log again, and say again what they relayed in them; say each step.

    Raises:
        ConfigurationFault: something is set wrongly.
        DatabaseUnavailable: PostgreSQL cannot be reached now.
        LogUnavailable: Kafka does not take it all; doing it again does no harm.
    """
    cluster = cluster_of(KafkaSettings())
    back_to = await starts(cluster, minutes, int(SystemClock().now().timestamp() * 1000))
    for name in names:
        async with _database(name) as database:
            yield f"{name}: reads {await read_again(database, name, back_to)} partitions again"
    for name in names:
        async with _database(name) as database:
            yield f"{name}: {await say_again(database, cluster, name, minutes)} events were relayed again"


@asynccontextmanager
async def _database(name: str) -> AsyncIterator[PostgresDatabase]:
    """Yield a service's database, for as long as the block lasts."""
    database = DatabaseSettings.of(name).database(name)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()
