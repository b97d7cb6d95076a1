"""A copy of a shop's files for trying: simulated phones, a key of its own, and no way out."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from shared.config import strict_yaml
from shared.config.reader import FLOWS_FOLDER, MERCHANT_FILE
from shared.errors import ConfigurationFault
from shared.http.auth import KEY_PREFIX, key_sha256

_SCOPES: Final = ("events:write", "consents:write", "follow-ups:read", "dispatches:read", "messages:read")
_LEFT_OUT: Final = ("sources", "notify", "test_recipients")
"""Ways in and out that need secrets, and would reach somebody."""


@dataclass(frozen=True, slots=True)
class TrialShop:
    """A shop whose texts reach nobody."""

    merchant: str
    time_zone: str
    files: dict[str, bytes]
    """By their names in the merchant's folder."""
    api_key: str


def trial_shop(folder: Path) -> TrialShop:
    """Return a shop's files with every provider simulated.

    Raises:
        ConfigurationFault: the merchant's file cannot be read.
    """
    path = folder / MERCHANT_FILE
    try:
        document = strict_yaml.load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        raise ConfigurationFault(f"{path}: cannot be read; flow tests stand in a merchant's folder") from None
    if not isinstance(document, strict_yaml.Document) or not isinstance(document.value, dict):
        raise ConfigurationFault(f"{path} has errors; run `followup lint {folder}`")
    api_key = KEY_PREFIX + secrets.token_urlsafe(32)
    settings: dict[str, Any] = {name: value for name, value in document.value.items() if name not in _LEFT_OUT}
    providers = settings.get("providers")
    settings["providers"] = {name: {"kind": "simulated"} for name in providers} if isinstance(providers, dict) else {}
    settings["api_keys"] = [{"id": "flow-tests", "sha256": key_sha256(api_key), "scopes": list(_SCOPES)}]
    files = {MERCHANT_FILE: orjson.dumps(settings, option=orjson.OPT_INDENT_2)}
    for flow in sorted((folder / FLOWS_FOLDER).glob("*.yaml")):
        files[f"{FLOWS_FOLDER}/{flow.name}"] = flow.read_bytes()
    merchant, zone = settings.get("merchant", folder.name), settings.get("time_zone", "UTC")
    return TrialShop(str(merchant), str(zone), files, api_key)


def write(shop: TrialShop, target: Path) -> None:
    """Write a shop's files into an empty merchants folder."""
    for name, content in shop.files.items():
        file = target / shop.merchant / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
