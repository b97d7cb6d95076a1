"""Commands that bring a database to this version, or make a process read events again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import typer

from services import distributed, embedded
from services.cli.api_client import ClientSettings, open_client
from services.cli.options import DataOption, MerchantsOption, ServicesOption, known_services, settings_of
from services.cli.parked import redrive_all
from shared.bus import parked
from shared.bus.kafka_access import KafkaSettings
from shared.db import migrate as migrations
from shared.db.lock import FolderLock
from shared.errors import ConfigurationFault
from shared.settings import ProcessSettings
from shared.vocabulary.service_names import EVENT_SERVICES


def migrate(data: DataOption = None, service: ServicesOption = None) -> None:
    """Bring the database to this version's schema; `followup run` does this by itself.

    With FOLLOWUP_KAFKA_BOOTSTRAP set: creates the tables of each service on PostgreSQL, and the topics. With
    FOLLOWUP_ADMIN_DATABASE_URL set as well: first the roles and schemas.

    Example: followup migrate --data data
    """
    if KafkaSettings().bootstrap:
        asyncio.run(_print_each(distributed.migrate(known_services(service))))
        return
    settings = settings_of(data_dir=data)
    lock = FolderLock(settings.data_dir)
    lock.acquire()
    try:
        with migrations.sqlite_connection(settings.data_dir / embedded.DATABASE_FILE) as connection:
            migrations.upgrade(connection, embedded.schemas())
    finally:
        lock.release()
    typer.echo(f"{settings.data_dir / embedded.DATABASE_FILE} is at the newest schema.")


def relay_again(
    service: ServicesOption = None,
    since_minutes: Annotated[
        float, typer.Option(min=0.1, max=1440, help="How far back, at most as long as events are kept.")
    ] = 10.0,
) -> None:
    """After a power cut of the only Kafka broker: read and relay the last minutes again, with services running.

    Events that had arrived before are recognised by their ids and change nothing. Relayed events are kept for
    FOLLOWUP_KAFKA_KEEP_MINUTES minutes.

    Example: followup relay-again --since-minutes 10
    """
    if not KafkaSettings().bootstrap:
        raise ConfigurationFault("FOLLOWUP_KAFKA_BOOTSTRAP is not set; in embedded mode there is nothing to relay")
    if since_minutes > (kept := KafkaSettings().keep_minutes):
        typer.echo(
            f"Only the last {kept:g} minutes were kept (FOLLOWUP_KAFKA_KEEP_MINUTES); older events cannot be relayed."
        )
    asyncio.run(_print_each(distributed.relay_again(known_services(service, EVENT_SERVICES), since_minutes)))


async def _print_each(steps: AsyncIterator[str]) -> None:
    async for step in steps:
        typer.echo(step)


def redrive(merchants: MerchantsOption = None, data: DataOption = None, service: ServicesOption = None) -> None:
    """Process parked events again, in order, while everything runs.

    On Kafka and PostgreSQL without FOLLOWUP_URL, the command opens the services' databases itself.

    Example: followup redrive --service scheduler
    """
    settings, names = settings_of(merchants_dir=merchants, data_dir=data), known_services(service, EVENT_SERVICES)
    if KafkaSettings().bootstrap and not ClientSettings().url:
        asyncio.run(_redrive_distributed(settings, names))
        return
    with open_client(settings) as client:
        redrive_all(client, names)


async def _redrive_distributed(settings: ProcessSettings, names: Sequence[str]) -> None:
    """Open each service without running it, and redrive it; its next process relays what it publishes."""
    for name in names:
        async with distributed.open_service(name, settings) as opened:
            service = opened.service
            processed, still = await parked.redrive(service.units, service.system_tables, service.events)
            typer.echo(f"{service.name}: {processed} processed, {still} still parked")
