"""`followup doctor`: checks everything that a start needs, without starting."""

import asyncio
import os
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.checks import CheckResult, files, machine, servers
from services.cli.options import DataOption, MerchantsOption, PortOption, settings_of
from shared.bus.kafka_access import KafkaSettings
from shared.settings import ProcessSettings, every_setting


def doctor(
    merchants: MerchantsOption = None,
    data: DataOption = None,
    port: PortOption = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Connect to no server; check this machine only.")] = False,
) -> None:
    """Check this machine, the files, and everything that `run` or `serve` needs; list every setting.

    Checks what a start checks, and writes nothing: files, secrets, keyring, database, port, disk, clock; PostgreSQL,
    Kafka and the providers' logins where they are configured. Exits with 0 when all is fine, else with 1.

    Example: followup doctor
    Example: followup doctor --merchants merchants --data data --offline
    """
    console = Console()
    settings = settings_of(merchants_dir=merchants, data_dir=data, port=port)
    found = asyncio.run(_examine(console, settings, offline=offline))
    table = Table("variable", "value", "what it is", title="Settings", title_justify="left")
    for entry in every_setting():
        value = os.environ.get(entry.variable)
        table.add_row(entry.variable, escape(value) if value is not None else f"[dim]{entry.default}[/]", entry.help)
    console.print(table)
    wrong = sum(not finding.is_fine for finding in found)
    console.print("all is fine" if not wrong else f"{wrong} to fix, listed at the top", soft_wrap=True)
    raise typer.Exit(1 if wrong else 0)


async def _examine(console: Console, settings: ProcessSettings, *, offline: bool) -> list[CheckResult]:
    """Check everything, printing each result as it is found."""
    found: list[CheckResult] = []

    def report(finding: CheckResult) -> None:
        found.append(finding)
        mark = "[green]ok [/]" if finding.is_fine else "[yellow]see[/]"
        console.print(f"{mark} {finding.subject}: {escape(finding.message)}", soft_wrap=True)

    for finding in (*machine.findings(settings), *files.merchant_findings(settings)):
        report(finding)
    if not KafkaSettings().bootstrap:
        for finding in files.data_findings(settings):
            report(finding)
    if not offline:
        async for finding in servers.findings(settings):
            report(finding)
    return found
