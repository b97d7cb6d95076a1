"""Commands about files, settings and keys."""

import importlib.metadata
import os
import platform
import re
import secrets
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from services.cli.options import MerchantsOption, settings_of
from shared.config.lint import lint as lint_files
from shared.config.model import SCOPE, SLUG
from shared.config.problem import Severity
from shared.errors import ConfigurationFault
from shared.http.auth import KEY_PREFIX, key_sha256
from shared.privacy import Keyring
from shared.settings_index import every_setting

keys = typer.Typer(help="API keys of a merchant's own systems, and the house's keyring.", no_args_is_help=True)

_SAFE_SQLITE = (3, 51, 3)
_ALBERTA_OFFSET = timedelta(hours=-6)


@keys.callback()
def _keys() -> None:
    """Hold the commands together."""


@keys.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="What the key is for, e.g. shop-backend.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="A scope; repeat for more [default: follow-ups, events, consents].")
    ] = None,
) -> None:
    """Print a new API key once, and the line to paste under `api_keys:` in merchant.yaml.

    Example: followup keys new shop-backend --scope follow-ups:write --scope follow-ups:read
    """
    if not re.fullmatch(SLUG, name):
        raise ConfigurationFault(f"{name}: a key's name has lower case letters, digits and inner hyphens")
    for each in scope or []:
        if not re.fullmatch(SCOPE, each):
            raise ConfigurationFault(f"{each}: a scope reads like follow-ups:write or metrics:read")
    scopes = scope or ["follow-ups:write", "follow-ups:read", "events:write", "consents:write"]
    token = KEY_PREFIX + secrets.token_urlsafe(32)
    typer.echo(f"Key (shown this once; keep it as a secret):\n  {token}\n")
    listed = ", ".join(f'"{each}"' for each in scopes)
    typer.echo(f'Line for merchant.yaml:\n  - {{id: {name}, sha256: "{key_sha256(token)}", scopes: [{listed}]}}')


@keys.command("keyring")
def new_keyring(path: Annotated[Path, typer.Argument(help="The file to make; it must not exist.")]) -> None:
    """Make a keyring: the keys that name people and seal what rests. Every process of a house needs the same one.

    Example: followup keys keyring /run/secrets/keyring.json
    """
    if path.exists():
        raise ConfigurationFault(f"{path} exists; a keyring is never overwritten, for every STOP depends on it")
    Keyring.new().save(path)
    typer.echo(f"{path} holds a new keyring. Back it up: without it no text can be read and every STOP is forgotten.")


def lint(merchants: Annotated[Path, typer.Argument(help="The merchants folder.")] = Path("merchants")) -> None:
    """Explain every mistake in the merchant and flow files, with file, line and mend.

    Example: followup lint merchants/
    """
    problems = lint_files(merchants)
    for problem in problems:
        typer.echo(str(problem))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    typer.echo(f"{len(errors)} errors, {len(problems) - len(errors)} warnings")
    raise typer.Exit(1 if errors else 0)


def doctor(merchants: MerchantsOption = None) -> None:
    """Check this machine and list every setting with its value.

    Example: followup doctor
    """
    console = Console()
    settings = settings_of(merchants_dir=merchants)
    well = True
    for name, (fine, finding) in _checks(settings.merchants_dir).items():
        well = well and fine
        console.print(f"[{'green' if fine else 'yellow'}]{'ok ' if fine else 'see'}[/] {name}: {finding}")
    table = Table("variable", "value", "what it is", title="Settings", title_justify="left")
    for entry in every_setting():
        value = os.environ.get(entry.variable)
        table.add_row(entry.variable, value if value is not None else f"[dim]{entry.default}[/]", entry.help)
    console.print(table)
    raise typer.Exit(0 if well else 1)


def _checks(merchants: Path) -> dict[str, tuple[bool, str]]:
    """Return what was looked at: whether it is fine, and what was found."""
    version = tuple(map(int, sqlite3.sqlite_version.split(".")))
    alberta = datetime(2026, 12, 15, tzinfo=UTC).astimezone(ZoneInfo("America/Edmonton")).utcoffset()
    checks = {
        "Python": (True, platform.python_version()),
        "Followup": (True, importlib.metadata.version("followup")),
        "SQLite": (
            True,
            sqlite3.sqlite_version
            + ("" if version >= _SAFE_SQLITE else " (older than 3.51.3: safe here, since one connection alone writes)"),
        ),
        "time zones": (
            alberta == _ALBERTA_OFFSET,
            f"tzdata {importlib.metadata.version('tzdata')}"
            if alberta == _ALBERTA_OFFSET
            else "an old copy is in use: America/Edmonton must be -06:00 on 2026-12-15; set PYTHONTZPATH to nothing",
        ),
    }
    if merchants.is_dir():
        errors = [problem for problem in lint_files(merchants) if problem.severity is Severity.ERROR]
        checks["merchant files"] = (not errors, f"{len(errors)} errors; `followup lint {merchants}` lists them")
    else:
        checks["merchant files"] = (False, f"there is no folder {merchants}; name one with --merchants")
    return checks
