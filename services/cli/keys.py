"""`followup keys`: API keys of merchants; the keyring, a new key in it, and re-encryption of stored data with it."""

import asyncio
import importlib
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import DataOption, MerchantsOption, settings_of
from shared.bus.kafka_access import KafkaSettings
from shared.config.model import SLUG
from shared.config.problem import did_you_mean
from shared.config.vocabulary import SCOPES
from shared.db.lock import FolderLock
from shared.db.reseal import MOST_NAMED, ResealProgress, Sealed, resealed
from shared.errors import ConfigurationFault
from shared.http.auth import KEY_PREFIX, key_sha256
from shared.privacy import Keyring
from shared.service import Runtime
from shared.settings import ProcessSettings
from shared.vocabulary.service_names import EVENT_SERVICES

_KEYRING_FILE = "keyring.json"

keys = typer.Typer(help="API keys of merchants' own systems, and the keyring.", no_args_is_help=True)


@keys.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="What the key is for, e.g. shop-backend.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="A scope; repeat for more (default: follow-ups, events, consents).")
    ] = None,
) -> None:
    """Print a new API key once, and the line to paste under `api_keys:` in merchant.yaml.

    Example: followup keys new shop-backend --scope follow-ups:write --scope follow-ups:read
    """
    if not re.fullmatch(SLUG, name):
        raise ConfigurationFault(f"{name}: a key's name may have lower-case letters, digits and inner hyphens")
    for each in scope or []:
        if each not in SCOPES:
            raise ConfigurationFault(f"{each} is not a scope; {did_you_mean(each, SCOPES)}")
    scopes = scope or ["follow-ups:write", "follow-ups:read", "events:write", "consents:write"]
    token = KEY_PREFIX + secrets.token_urlsafe(32)
    typer.echo(f"Key (shown this once; keep it as a secret):\n  {token}\n")
    listed = ", ".join(f'"{each}"' for each in scopes)
    typer.echo(f'Line for merchant.yaml:\n  - {{id: {name}, sha256: "{key_sha256(token)}", scopes: [{listed}]}}')


@keys.command("keyring")
def new_keyring(path: Annotated[Path, typer.Argument(help="The file to create; it must not exist.")]) -> None:
    """Make a keyring: the keys that derive recipient ids and encrypt personal data; all processes share one.

    Example: followup keys keyring /run/secrets/keyring.json
    """
    if path.exists():
        raise ConfigurationFault(
            f"{path} exists; a keyring is never overwritten, because every recorded STOP depends on it"
        )
    Keyring.new().save(path)
    typer.echo(f"{path} holds a new keyring. Back it up: without it no text can be read and every STOP is forgotten.")


@keys.command()
def rotate(
    merchants: MerchantsOption = None,
    data: DataOption = None,
    *,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="Distributed: add the key for decryption only; nothing is encrypted with it yet."
        ),
    ] = False,
) -> None:
    """Add an encryption key, make it active, and re-encrypt stored data with it; recipient ids do not change.

    In one process: stop it, rotate, start it. Distributed: `--prepare`, restart all, rotate, restart all, `reseal`.
    Old keys stay in the keyring: the log has data encrypted with them for a week, the ledger's evidence permanently.

    Example: followup keys rotate --data data
    Example: followup keys rotate --prepare
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data)
    if KafkaSettings().bootstrap:
        path = settings.keyring_file
        if path is None:
            raise ConfigurationFault("FOLLOWUP_KEYRING_FILE is not set; it names the keyring that all processes share")
        typer.echo(_rotation_step(path, prepare=prepare))
        return
    if prepare:
        raise ConfigurationFault("--prepare is for distributed mode; one process needs no preparation")
    path = settings.keyring_file or settings.data_dir / _KEYRING_FILE
    lock = FolderLock(settings.data_dir)
    lock.acquire()
    try:
        Keyring.load(path).rotated().replace(path)
    finally:
        lock.release()
    typer.echo(f"{path} has a new encryption key. Back the keyring up again.")
    _print_progress(asyncio.run(_embedded(settings)))


@keys.command()
def reseal(merchants: MerchantsOption = None, data: DataOption = None) -> None:
    """Re-encrypt with the active key what older keys encrypted; after an interruption, run it again to finish.

    In one process: stop it first. Distributed: the services may run, if each was restarted since the key became active.

    Example: followup keys reseal --data data
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data)
    _print_progress(asyncio.run((_distributed if KafkaSettings().bootstrap else _embedded)(settings)))


def _rotation_step(path: Path, *, prepare: bool) -> str:
    """Take one step of a rotation in distributed mode, and return a sentence about the next.

    Raises:
        ConfigurationFault: another step must come first.
    """
    ring = Keyring.load(path)
    if prepare:
        if ring.is_prepared:
            raise ConfigurationFault(f"{path} has a prepared key; restart every process, then `followup keys rotate`")
        ring.prepared().replace(path)
        return f"{path} has a new key, not used for encryption yet: restart every process, then `followup keys rotate`"
    if not ring.is_prepared:
        raise ConfigurationFault(f"{path} has no prepared key; begin with `followup keys rotate --prepare`")
    ring.activated().replace(path)
    return f"the new key of {path} is active: restart every process, then `followup keys reseal`"


async def _embedded(settings: ProcessSettings) -> ResealProgress:
    from services import embedded  # noqa: PLC0415 - slow to import, and `keys new` needs none of it

    async with embedded.open_application(settings) as application:
        return await _all(application.runtime, EVENT_SERVICES)


async def _distributed(settings: ProcessSettings) -> ResealProgress:
    from services import distributed  # noqa: PLC0415 - slow to import, and `keys new` needs none of it

    total = ResealProgress()
    for name in EVENT_SERVICES:
        async with distributed.open_service(name, settings) as application:
            found = await _all(application.runtime, [name])
        total.looked_at += found.looked_at
        total.resealed += found.resealed
        total.unreadable += found.unreadable
        total.named += found.named
    return total


async def _all(runtime: Runtime, services: Sequence[str]) -> ResealProgress:
    return await resealed(
        runtime.units,
        runtime.sealer,
        {table: columns for name in services for table, columns in sealed_of(name).items()},
        lambda table, so_far: typer.echo(
            f"{table.name}: {so_far.looked_at} rows read, {so_far.resealed} values re-encrypted", err=True
        ),
    )


def sealed_of(service: str) -> Sealed:
    """Return the encrypted columns of a service that may be re-encrypted."""
    found: Sealed = importlib.import_module(f"services.{service}.sealed").SEALED
    return found


def _print_progress(progress: ResealProgress) -> None:
    for place in progress.named[:MOST_NAMED]:
        typer.echo(f"cannot be decrypted: {place}", err=True)
    typer.echo(
        f"{progress.resealed} values re-encrypted, {progress.unreadable} cannot be decrypted and were left unchanged"
    )
    raise typer.Exit(1 if progress.unreadable else 0)
