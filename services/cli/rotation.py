"""`followup keys rotate` and `followup keys reseal`: a new sealing key, and everything that rests sealed under it."""

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.bus.kafka_access import KafkaSettings
from shared.db.lock import FolderLock
from shared.db.resealing import MOST_NAMED, PlaceOf, ResealProgress, Sealed, resealed
from shared.errors import ConfigurationFault
from shared.privacy import Keyring
from shared.service import Runtime
from shared.settings import ProcessSettings
from shared.vocabulary.service_names import SERVICES

_KEYRING_FILE = "keyring.json"


def rotate(
    merchants: MerchantsOption = None,
    data: DataOption = None,
    *,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Distributed: add the key, so that all can open with it; nobody seals yet."),
    ] = False,
) -> None:
    """Add a sealing key, make it the active one, and seal again under it what rests; the key that names people stays.

    In one process: stop it, rotate, start it. Distributed: `--prepare`, restart all, rotate, restart all, `reseal`.
    Old keys stay in the keyring: the log holds what they sealed for a week, the evidence in the ledger for ever.

    Example: followup keys rotate --data data
    Example: followup keys rotate --prepare
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data)
    if KafkaSettings().bootstrap:
        path = settings.keyring_file
        if path is None:
            raise ConfigurationFault("FOLLOWUP_KEYRING_FILE is not set; it names the keyring that all processes share")
        typer.echo(_step(path, prepare=prepare))
        return
    if prepare:
        raise ConfigurationFault("--prepare is for several processes; one process needs no preparation")
    path = settings.keyring_file or settings.data_dir / _KEYRING_FILE
    lock = FolderLock(settings.data_dir)
    lock.acquire()
    try:
        Keyring.load(path).rotated().replace(path)
    finally:
        lock.release()
    typer.echo(f"{path} has a new sealing key. Back the keyring up again.")
    _tell(asyncio.run(_embedded(settings)))


def reseal(merchants: MerchantsOption = None, data: DataOption = None) -> None:
    """Seal again under the active key what rests under older ones; stopped half-way, it goes on where it is needed.

    In one process: stop it first. Distributed: the services may run; each has restarted since the key became active.

    Example: followup keys reseal --data data
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data)
    _tell(asyncio.run((_distributed if KafkaSettings().bootstrap else _embedded)(settings)))


def _step(path: Path, *, prepare: bool) -> str:
    """Take the next step of a rotation that several processes share, and say what comes after it.

    Raises:
        ConfigurationFault: it is another step's turn.
    """
    ring = Keyring.load(path)
    if prepare:
        if ring.is_prepared:
            raise ConfigurationFault(f"{path} has a prepared key; restart every process, then `followup keys rotate`")
        ring.prepared().replace(path)
        return f"{path} has a new key that nobody seals with yet: restart every process, then `followup keys rotate`"
    if not ring.is_prepared:
        raise ConfigurationFault(f"{path} has no prepared key; begin with `followup keys rotate --prepare`")
    ring.activated().replace(path)
    return f"the new key of {path} is the active one: restart every process, then `followup keys reseal`"


async def _embedded(settings: ProcessSettings) -> ResealProgress:
    from services import embedded  # noqa: PLC0415 - the house is large, and `keys new` answers at once without it

    async with embedded.open_application(settings) as application:
        return await _all(application.runtime, SERVICES)


async def _distributed(settings: ProcessSettings) -> ResealProgress:
    from services import distributed  # noqa: PLC0415 - the house is large, and `keys new` answers at once without it

    total = ResealProgress()
    for name in SERVICES:
        async with distributed.open_service(name, settings) as application:
            found = await _all(application.runtime, [name])
        total.looked_at += found.looked_at
        total.resealed += found.resealed
        total.unreadable += found.unreadable
        total.named += found.named
    return total


async def _all(runtime: Runtime, services: Sequence[str]) -> ResealProgress:
    def note(table: sa.Table, progress: ResealProgress) -> None:
        typer.echo(
            f"{table.name}: {progress.looked_at} rows looked at, {progress.resealed} values sealed again", err=True
        )

    sealed: dict[sa.Table, Mapping[str, PlaceOf]] = {}
    for name in services:
        sealed |= sealed_of(name)
    return await resealed(runtime.units, runtime.sealer, sealed, note)


def sealed_of(service: str) -> Sealed:
    """Return the columns of a service that rest sealed and may be sealed again."""
    found: Sealed = importlib.import_module(f"services.{service}.sealed").SEALED
    return found


def _tell(progress: ResealProgress) -> None:
    for place in progress.named[:MOST_NAMED]:
        typer.echo(f"does not open: {place}", err=True)
    typer.echo(f"{progress.resealed} values sealed again, {progress.unreadable} do not open and stay as they are")
    raise typer.Exit(1 if progress.unreadable else 0)
