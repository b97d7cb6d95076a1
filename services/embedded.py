"""All seven services and the simulated provider in one process; the only module that imports more than one service."""

import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

import services.compliance.app
import services.compliance.tables
import services.connectors.app
import services.connectors.tables
import services.console.app
import services.console.tables
import services.ingest.app
import services.ingest.tables
import services.metrics.app
import services.metrics.tables
import services.scheduler.app
import services.scheduler.tables
import services.sender.app
import services.sender.tables
from services.application import create_application
from services.compliance.gate.advice import advise
from services.console.accounts.first_user import FIRST_USER
from services.console.calls import ServiceCalls
from services.console.settings import ConsoleSettings
from services.simulator.app import Simulator
from services.simulator.config import SimulatorConfig
from shared.bus import local
from shared.bus.local import LocalLog
from shared.clock import Clock, SystemClock, prefer_tzdata_wheel
from shared.config.directory import MerchantDirectory
from shared.config.moved_clock import refuse_moved_clock
from shared.config.providers import ProviderSettings, Simulated, SimulatedAccount, Twilio
from shared.db import integrity, migrate
from shared.db.fingerprints import check_fingerprint, fingerprints_in
from shared.db.lock import FolderLock
from shared.db.migrate import Schema
from shared.db.private_file import PRIVATE
from shared.db.sqlite import SQLiteDatabase
from shared.errors import ConfigurationFault
from shared.http.auth import operator_token
from shared.http.console_tokens import TokenSigner, TokenVerifier
from shared.http.networks import is_loopback
from shared.http.server import bind, limits_of, server_of
from shared.ids import MerchantId
from shared.privacy import Keyring, Sealer, is_private_file
from shared.process import freeze_startup_objects
from shared.service import Runtime, Service
from shared.settings import ProcessSettings
from shared.telemetry.logs import logger

DATABASE_FILE = "followup.db"
SIMULATOR_FILE = "simulator.db"
KEYRING_FILE = "keyring.json"
PROCESS_FILE = "process.json"
"""Address and operator's token of the running process, for commands on the same machine (mode 0600)."""

_HERE = Path(__file__).parent

log = logger(__name__)


def schemas() -> list[Schema]:
    """Return every schema of the one database file, the log's first."""
    owned = {
        "ingest": services.ingest.tables.metadata,
        "scheduler": services.scheduler.tables.metadata,
        "compliance": services.compliance.tables.metadata,
        "sender": services.sender.tables.metadata,
        "metrics": services.metrics.tables.metadata,
        "connectors": services.connectors.tables.metadata,
        "console": services.console.tables.metadata,
    }
    own = [Schema(name, metadata, _HERE / name / "migrations" / "versions") for name, metadata in owned.items()]
    return [Schema("log", local.metadata, Path(local.__file__).parent / "migrations" / "versions"), *own]


@dataclass(slots=True)
class Application:
    """All seven services on one data folder; they run while `app` does."""

    runtime: Runtime
    app: FastAPI
    services: Sequence[Service]
    simulator: Simulator | None
    operator_token: str
    console: TokenSigner
    """Signs the console's calls."""
    created_keyring: Path | None
    """The keyring that this start made, if it did: an operator should back it up."""
    problems: Sequence[str] = field(default_factory=tuple)


@asynccontextmanager
async def open_application(
    settings: ProcessSettings, *, clock: Clock | None = None, merchants: MerchantDirectory | None = None
) -> AsyncIterator[Application]:
    """Open the data folder, bring the schema up to date, and yield the application; it runs while its app does.

    Raises:
        ConfigurationFault: a file, folder or setting is wrong; the message says which and what to do.
    """
    prefer_tzdata_wheel()
    clock = clock or SystemClock(settings.clock_file)
    directory = merchants or MerchantDirectory.load(settings.merchants_dir, os.environ)
    refuse_moved_clock(clock, directory)
    lock = FolderLock(settings.data_dir)
    lock.acquire()
    try:
        sealer, created = _sealer(settings)
        if (lost := integrity.check(settings.data_dir / DATABASE_FILE)) is not None:
            log.error("log_end_lost", detail=lost, advice="if the power did not fail, check the disk")
        with migrate.sqlite_connection(settings.data_dir / DATABASE_FILE) as connection:
            migrate.upgrade(connection, schemas())
        database = SQLiteDatabase(settings.data_dir / DATABASE_FILE, summed=True)
        await database.start()
        try:
            runtime = Runtime(settings, clock, database, LocalLog(database), sealer, directory)
            yield await create(runtime, created)
        finally:
            await database.stop()
            integrity.leave(database.path)
    finally:
        lock.release()


def build_services(runtime: Runtime, calls: ServiceCalls) -> list[Service]:
    """Return the seven services, in the order in which they start."""
    return [
        services.ingest.app.build(runtime),
        services.scheduler.app.build(runtime, advise),
        services.compliance.app.build(runtime),
        services.sender.app.build(runtime),
        services.metrics.app.build(runtime),
        services.connectors.app.build(runtime),
        services.console.app.build(runtime, calls),
    ]


async def create(runtime: Runtime, created_keyring: Path | None) -> Application:
    """Build the services, and the app that runs them.

    Raises:
        ConfigurationFault: the database was written with another keyring.
    """
    signer = TokenSigner.new()  # of this process, which both makes and checks the console's tokens
    calls = ServiceCalls(signer, runtime.clock, ConsoleSettings())
    built = build_services(runtime, calls)
    for service in built:
        await check_fingerprint(service.units, service.system_tables, runtime.sealer.fingerprint)
    simulator = _simulator(runtime)
    token = operator_token(runtime.settings.operator_token_file)
    around = simulator.running if simulator is not None else None
    verifier = TokenVerifier(signer.public_key, runtime.clock)
    app = create_application("Followup", runtime, built, token, around=around, console=verifier)
    calls.stay_in(app)
    app.add_route("/", _redirect_to_console, include_in_schema=False)
    if simulator is not None:
        app.router.routes.extend(simulator.routes)
    problems = [str(problem) for problem in runtime.merchants.problems]
    return Application(runtime, app, built, simulator, token, signer, created_keyring, problems)


async def _redirect_to_console(_request: Request) -> Response:
    """Answer the bare address with a redirect to the console."""
    return RedirectResponse("/console")


def _sealer(settings: ProcessSettings) -> tuple[Sealer, Path | None]:
    """Return the sealer, and the keyring's path if this start had to make one.

    Raises:
        ConfigurationFault: the keyring is missing although the database was written with one.
    """
    path = settings.keyring_file or settings.data_dir / KEYRING_FILE
    if settings.keyring_file is None and not path.exists():
        if _has_fingerprints(settings.data_dir / DATABASE_FILE):
            raise ConfigurationFault(
                f"{path} is missing, and {DATABASE_FILE} beside it was written with it: without this keyring no text "
                "can be read and every STOP would be forgotten; restore it from your backup, or name it with "
                "FOLLOWUP_KEYRING_FILE"
            )
        Keyring.new().save(path)
        return Sealer(Keyring.load(path)), path
    if settings.keyring_file is None and not is_private_file(path):
        path.chmod(PRIVATE)
        log.warning("keyring_was_readable", path=str(path), advice="others of this machine may have read it: rotate")
    return Sealer(Keyring.load(path)), None


def _has_fingerprints(database: Path) -> bool:
    """Return whether a database was written with a keyring; assume so where it cannot be read."""
    try:
        return database.exists() and bool(fingerprints_in(database))
    except sqlite3.DatabaseError:
        return True


def _simulator(runtime: Runtime) -> Simulator | None:
    """Return the simulated provider, or None where no merchant's provider points at this process."""
    accounts: dict[str, str] = {}
    inbound: dict[str, str] = {}
    answering: set[str] = set()
    here = runtime.settings.public_url
    bases = {here, runtime.settings.local_address}
    for merchant in runtime.merchants.merchants:
        for name, provider in merchant.config.providers.items():
            login = _simulated_login(runtime, merchant.id, name, provider)
            if login is None:
                continue
            account, token = login
            accounts[account] = token
            public = str(provider.public_url or here).rstrip("/")
            for number in merchant.config.numbers:
                if number.provider == name:
                    bases.add(public)
                    inbound[number.number] = f"{public}/v1/providers/{name}/{merchant.id}/replies"
                    if number.answers_keywords == "provider":
                        answering.add(number.number)
    if not accounts:
        return None
    return Simulator(
        SimulatorConfig(
            data_file=runtime.settings.data_dir / SIMULATOR_FILE,
            accounts=accounts,
            inbound_urls=inbound,
            answers_keywords=frozenset(answering),
            callback_prefixes=tuple(sorted({f"{base}/v1/providers/" for base in bases})),
            clock_file=runtime.clock.offset_file if isinstance(runtime.clock, SystemClock) else None,
        )
    )


def _simulated_login(
    runtime: Runtime, merchant: MerchantId, name: str, provider: ProviderSettings
) -> tuple[str, str] | None:
    """Return the account and token that a provider uses at this process, or None where it points elsewhere."""
    if isinstance(provider, Simulated) and provider.base_url is None:
        simulated = SimulatedAccount.of(provider, merchant, name, runtime.sealer, os.environ)
        return simulated.sid, simulated.token
    base_url = str(provider.base_url).rstrip("/") if isinstance(provider, Twilio) and provider.base_url else None
    if isinstance(provider, Twilio) and base_url == runtime.settings.public_url:
        return provider.account_sid, provider.auth_token.resolve(os.environ)
    return None


@asynccontextmanager
async def process_file(application: Application) -> AsyncIterator[None]:
    """Write the process's address and the operator's token to a file while it runs, for commands on this machine."""
    settings = application.runtime.settings
    note = settings.data_dir / PROCESS_FILE
    descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    note.chmod(PRIVATE)  # a file left by a crash keeps its mode
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(
            {
                "url": settings.local_address,
                "token": application.operator_token,
                "merchants": [merchant.id for merchant in application.runtime.merchants.merchants],
            },
            stream,
        )
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def warn_of_exposure(application: Application) -> None:
    """Log what is exposed where other machines can reach the process."""
    settings = application.runtime.settings
    if is_loopback(settings.host):
        return
    log.warning(
        "reachable_from_other_machines",
        host=settings.host,
        advice="put a reverse proxy with TLS in front; metrics, docs and phones ask for the operator's token: see docs",
    )
    if application.simulator is not None:
        log.warning(
            "simulated_provider_reachable",
            path="/simulator",
            advice="the operator's token reads and writes as every phone here; use it for trials, not with real people",
        )


async def tell_of_first_user(application: Application) -> None:
    """Print the one-time link that makes the first user: to a terminal alone, so that no log holds it."""
    if not sys.stderr.isatty():
        return
    code = await services.console.app.sessions_of(application.runtime).first_user_code()
    if code is not None:
        address = application.runtime.settings.address
        sys.stderr.write(f"First user of the console (once, within 15 minutes): {address}{FIRST_USER}?code={code}\n")


async def serve(settings: ProcessSettings) -> None:
    """Run all seven services until the process gets a signal to stop."""
    listener, settings = bind(settings)
    with listener:
        async with open_application(settings) as application:
            for problem in application.problems:
                log.warning("merchant_file_problem", problem=problem)
            if application.created_keyring is not None:
                log.warning("keyring_created", path=str(application.created_keyring), advice="back it up: see docs")
            warn_of_exposure(application)
            await tell_of_first_user(application)
            async with process_file(application):
                freeze_startup_objects()
                log.info("listening", url=settings.public_url, console=f"{settings.public_url}/console")
                await server_of(application.app, limits_of(settings)).serve(sockets=[listener])
    log.info("stopped")
