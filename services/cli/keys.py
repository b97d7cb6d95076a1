"""`followup keys`: API keys of merchants, and the keyring."""

import re
import secrets
from pathlib import Path
from typing import Annotated

import typer

from services.cli import rotation
from shared.config.model import SLUG
from shared.config.problem import did_you_mean
from shared.config.vocabulary import SCOPES
from shared.errors import ConfigurationFault
from shared.http.auth import KEY_PREFIX, key_sha256
from shared.privacy import Keyring

keys = typer.Typer(help="API keys of merchants' own systems, and the keyring.", no_args_is_help=True)


@keys.callback()
def _keys() -> None:
    """Group the commands."""


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


keys.command("rotate")(rotation.rotate)
keys.command("reseal")(rotation.reseal)
