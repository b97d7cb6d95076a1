"""`followup init`: the files of a first shop, ready to run against the simulated provider."""

import json
import os
import re
import secrets
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import MerchantsOption, settings_of
from shared.config.lint import schemas
from shared.config.model import SLUG
from shared.errors import ConfigurationFault
from shared.http.auth import KEY_PREFIX, key_sha256

SCHEMAS_FOLDER = ".schemas"
"""Beside the shops; read by editors alone."""
_TRIGGER = "followup trigger purchase --to +12025550123 --amount 49.90 --consent all --merchant {merchant}{given}"
_FILES = ("merchant.yaml", "flows/order-thank-you.yaml", "tests/order-thank-you.yaml")


def init(
    merchant: Annotated[str, typer.Argument(help="The shop's short name: lower-case letters, digits, hyphens.")],
    brand: Annotated[
        str | None, typer.Option(help="The shop's name in texts (default: made from the short name).")
    ] = None,
    merchants: MerchantsOption = None,
) -> None:
    """Make the files of a first shop: a merchant, a flow, its tests, and an API key.

    Existing files are not changed. Texts go to the simulated provider, so no account is needed. The key is also written
    to .env, which only you can read; schemas for editors are put beside the shops.

    Example: followup init harbor --brand "Harbor Books"
    """
    if not re.fullmatch(SLUG, merchant):
        raise ConfigurationFault(f"{merchant}: a merchant's name may have lower-case letters, digits and inner hyphens")
    settings = settings_of(merchants_dir=merchants)
    folder = settings.merchants_dir / merchant
    if folder.exists():
        raise ConfigurationFault(f"{folder} exists and was not changed; choose another name, or edit the files there")
    token = KEY_PREFIX + secrets.token_urlsafe(32)
    filled = {
        "merchant": merchant,
        "brand": _quoted(brand or merchant.replace("-", " ").title()),
        "address": settings.address,
        "key_sha256": key_sha256(token),
    }
    for name in _FILES:
        _write(folder, name, filled if name == "merchant.yaml" else {})
    for name, schema in schemas().items():
        _save(settings.merchants_dir / SCHEMAS_FOLDER / f"{name}.json", f"{json.dumps(schema, indent=2)}\n")
    _save_unless_there(Path(".gitignore"), ".env\n/data/\n", 0o644)
    in_file = _save_unless_there(Path(".env"), f"FOLLOWUP_API_KEY={token}\n", 0o600)
    typer.echo(f"Made {folder}/merchant.yaml, a flow, and its tests.\n")
    kept = "it is also in .env, which only you can read" if in_file else ".env exists and was not changed"
    typer.echo(f"API key (shown this once; keep it as a secret; {kept}):\n  {token}\n")
    given = "" if merchants is None else f" --merchants {merchants}"
    typer.echo(f"Next:\n  followup test{given}\n  followup run{given}")
    typer.echo(f"and, while that runs, in another terminal:\n  {_TRIGGER.format(merchant=merchant, given=given)}")


def _write(folder: Path, name: str, filled: dict[str, str]) -> None:
    text = (files("services.cli") / "first_shop" / name).read_text(encoding="utf-8")
    for field, value in filled.items():
        text = text.replace("{{ " + field + " }}", value)
    up = "/".join([".."] * (1 + name.count("/")))
    kind = {"flows": "flow", "tests": "tests"}.get(name.partition("/")[0], "merchant")
    _save(folder / name, f"# yaml-language-server: $schema={up}/{SCHEMAS_FOLDER}/{kind}.json\n{text}")


def _save(target: Path, text: str) -> None:
    """Write a file.

    Raises:
        ConfigurationFault: it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise ConfigurationFault(f"{target}: cannot be written ({problem.strerror})") from None


def _save_unless_there(target: Path, text: str, mode: int) -> bool:
    """Write a file where there is none; return whether it did.

    Raises:
        ConfigurationFault: it cannot be written.
    """
    try:
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    except OSError as problem:
        raise ConfigurationFault(f"{target}: cannot be written ({problem.strerror})") from None
    with os.fdopen(made, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _quoted(text: str) -> str:
    """Return a text as a YAML string.

    Raises:
        ConfigurationFault: it is empty or contains a character that cannot be printed.
    """
    if not text.isprintable() or not text.strip():
        raise ConfigurationFault("a brand is one line of printable characters")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
