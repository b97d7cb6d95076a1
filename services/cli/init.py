"""`followup init`: the files of a first shop, ready to run against the simulated provider."""

import re
import secrets
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import MerchantsOption, settings_of
from shared.config.model import SLUG
from shared.errors import ConfigurationFault
from shared.http.auth import KEY_PREFIX, key_sha256

_FILES = ("merchant.yaml", "flows/order-thank-you.yaml")


def init(
    merchant: Annotated[str, typer.Argument(help="The shop's short name: lower-case letters, digits, hyphens.")],
    brand: Annotated[
        str | None, typer.Option(help="The shop's name in texts (default: made from the short name).")
    ] = None,
    merchants: MerchantsOption = None,
) -> None:
    """Make the files of a first shop: a merchant, a flow, and an API key.

    Existing files are not changed. Texts go to the simulated provider, so no account is needed.

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
    typer.echo(f"Made {folder}/merchant.yaml and a flow.\n")
    typer.echo(f"API key (shown this once; keep it as a secret):\n  {token}\n")
    given = "" if merchants is None else f" --merchants {merchants}"
    typer.echo(f"Next:\n  followup lint {settings.merchants_dir}\n  followup run{given}")


def _write(folder: Path, name: str, filled: dict[str, str]) -> None:
    text = (files("services.cli") / "first_shop" / name).read_text(encoding="utf-8")
    for field, value in filled.items():
        text = text.replace("{{ " + field + " }}", value)
    target = folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise ConfigurationFault(f"{target}: cannot be written ({problem.strerror})") from None


def _quoted(text: str) -> str:
    """Return a text as a YAML string.

    Raises:
        ConfigurationFault: it is empty or contains a character that cannot be printed.
    """
    if not text.isprintable() or not text.strip():
        raise ConfigurationFault("a brand is one line of printable characters")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
