"""Commands that start, upgrade or mend the process."""

import asyncio
from typing import Annotated, Any

import typer

from services import embedded
from services.cli.options import DataOption, HostOption, MerchantsOption, PortOption, settings_of
from shared import process
from shared.bus import parked
from shared.config.problem import did_you_mean
from shared.db import migrate as migrations
from shared.db.lock import FolderLock
from shared.errors import ConfigurationFault
from shared.telemetry import logs


def run(
    merchants: MerchantsOption = None, data: DataOption = None, port: PortOption = None, host: HostOption = None
) -> None:
    """Run all five services in this process, on one SQLite file.

    Example: followup run --merchants merchants --data data --port 8080
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data, port=port, host=host)
    logs.configure(settings.log_level, machine=settings.log_format == "json")
    process.run(embedded.serve(settings))


def migrate(data: DataOption = None) -> None:
    """Bring the database in the data folder to this version's schema; `followup run` does it by itself.

    Example: followup migrate --data data
    """
    settings = settings_of(data_dir=data)
    lock = FolderLock(settings.data_dir)
    lock.acquire()
    try:
        with migrations.sqlite_connection(settings.data_dir / embedded.DATABASE_FILE) as connection:
            migrations.upgrade(connection, embedded.schemas())
    finally:
        lock.release()
    typer.echo(f"{settings.data_dir / embedded.DATABASE_FILE} is at the newest schema.")


def redrive(
    merchants: MerchantsOption = None,
    data: DataOption = None,
    service: Annotated[str | None, typer.Option(help="Only this service; default all.")] = None,
) -> None:
    """Hand parked events over again, in order; stop the running process first.

    Example: followup redrive --service scheduler
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data)
    results = asyncio.run(_redrive(settings, service))
    for name, (gone, stay) in results.items():
        typer.echo(f"{name}: {gone} handed over, {stay} still parked")


async def _redrive(settings: Any, only: str | None) -> dict[str, tuple[int, int]]:
    """Open the house without running it, and redrive each service."""
    async with embedded.embedded(settings) as house:
        names = [service.name for service in house.services]
        if only is not None and only not in names:
            raise ConfigurationFault(f"there is no service {only}; {did_you_mean(only, names)}")
        return {
            service.name: await parked.redrive(service.units, service.ground, service.events)
            for service in house.services
            if service.events is not None and only in {None, service.name}
        }
