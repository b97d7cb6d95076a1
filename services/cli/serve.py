"""`followup serve`: one service in a process of its own, which imports no other service."""

from typing import Annotated

import typer

from services import distributed
from services.cli.options import HostOption, MerchantsOption, PortOption, known_services, settings_of
from shared import process
from shared.telemetry import logs


def serve(
    service: Annotated[
        str, typer.Argument(help="ingest, scheduler, compliance, sender, metrics, connectors or console.")
    ],
    merchants: MerchantsOption = None,
    port: PortOption = None,
    host: HostOption = None,
) -> None:
    """Run one service in this process, on Kafka and PostgreSQL; any number may run.

    FOLLOWUP_<SERVICE>_DATABASE_URL, FOLLOWUP_KAFKA_BOOTSTRAP and FOLLOWUP_KEYRING_FILE must be set; the console needs
    FOLLOWUP_CONSOLE_SIGNING_KEY_FILE instead of the last two.

    Example: followup serve scheduler --merchants merchants --port 8082
    """
    known_services([service])
    settings = settings_of(merchants_dir=merchants, port=port, host=host)
    logs.configure(settings.log_level, form=settings.log_format)
    process.run(distributed.serve(service, settings))
