"""`followup doctor`: checks everything that a start needs, without starting."""

import asyncio
import os
import re
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
    every: Annotated[bool, typer.Option("--settings", help="List every setting, not only those that are set.")] = False,
) -> None:
    """Check this machine, the files, and everything that `run` or `serve` needs; list the settings.

    Checks what a start checks, and writes nothing: files, secrets, keyring, database, port, disk, clock; PostgreSQL,
    Kafka and the providers' logins where they are configured. Exits with 0 when all is fine, else with 1.

    Example: followup doctor
    Example: followup doctor --merchants merchants --data data --offline
    """
    console = Console()
    settings = settings_of(merchants_dir=merchants, data_dir=data, port=port)
    found = asyncio.run(_examine(console, settings, offline=offline))
    known = [(entry, os.environ.get(entry.variable)) for entry in every_setting()]
    shown = [(entry, value) for entry, value in known if every or value is not None]
    if shown:
        table = Table("variable", "value", "what it is", title="Settings", title_justify="left")
        for entry, value in shown:
            words = f"[dim]{escape(str(entry.default))}[/]" if value is None else escape(without_password(value))
            table.add_row(entry.variable, words, entry.help)
        console.print(table)
    if len(shown) < len(known):
        console.print(f"{len(known) - len(shown)} settings have their defaults: followup doctor --settings lists them")
    wrong = sum(not finding.is_fine for finding in found)
    console.print("all is fine" if not wrong else f"{wrong} to fix, listed at the top", soft_wrap=True)
    raise typer.Exit(1 if wrong else 0)


def without_password(value: str) -> str:
    """Return a setting without the password of an address in it."""
    return re.sub(r"(://[^:/@\s]*:).+@", r"\1•••@", value)


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
