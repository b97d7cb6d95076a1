"""`followup run`: all services in one process; nothing of Kafka or PostgreSQL is imported."""

from services import embedded
from services.cli.options import DataOption, HostOption, MerchantsOption, PortOption, settings_of
from shared import process
from shared.telemetry import logs


def run(
    merchants: MerchantsOption = None, data: DataOption = None, port: PortOption = None, host: HostOption = None
) -> None:
    """Run all seven services in this process, on one SQLite file.

    Example: followup run --merchants merchants --data data --port 8080
    """
    settings = settings_of(merchants_dir=merchants, data_dir=data, port=port, host=host)
    logs.configure(settings.log_level, form=settings.log_format)
    process.run(embedded.serve(settings))
