#!/usr/bin/env python3
"""Make the secrets and files that `docker compose up` needs: keyring, passwords, tokens, and a shop to try.

Run it once in the repository's root, with the project installed or in its image (docs/how-to/distributed.md). It makes
only what is missing, and overwrites nothing.
"""

import argparse
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.http.auth import KEY_PREFIX, key_sha256
from shared.http.console_tokens import TokenSigner
from shared.privacy import KEYRING_FILE_MODE, Keyring
from shared.signing import SigningKey

HERE = Path(__file__).parent
_IMAGE_USER = 10001
"""As in the Dockerfile."""
_KEY_PLACE = "{{ key_sha256 }}"


def main(arguments: list[str]) -> None:
    """Make what is missing, and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", type=Path, default=Path(".env"), help="file of settings (default: %(default)s)")
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("data/compose"),
        help="folder of secrets and merchants (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    prepare(given.env, given.state)
    sys.stdout.write(
        f"{given.env}: settings and passwords\n"
        f"{given.state}/secrets: keyring, ledger and audit keys (back them up), console key, operator token, API key\n"
        f"{given.state}/merchants: a shop to try\n"
    )


def prepare(env: Path, state: Path) -> None:
    """Make every file that is missing; if run by root, files for the containers are owned by the image's user."""
    kept = state / "secrets"
    kept.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state / "simulator").mkdir(exist_ok=True)
    if not (kept / "keyring.json").exists():
        Keyring.new().save(kept / "keyring.json")
    for name in ("ledger-key.pem", "audit-key.pem"):
        if not (kept / name).exists():
            SigningKey.new().save(kept / name)
    if not (kept / "console-key.pem").exists():
        TokenSigner.new().save(kept / "console-key.pem")
    _write_once(kept / "operator-token", secrets.token_urlsafe(32))
    _write_once(kept / "api-key", KEY_PREFIX + secrets.token_urlsafe(32))
    _write_merchants(state / "merchants", (kept / "api-key").read_text(encoding="utf-8"))
    example = (HERE.parent / ".env.example").read_text(encoding="utf-8")
    given = {**_identity(), "FOLLOWUP_CONSOLE_PUBLIC_KEY": TokenSigner.load(kept / "console-key.pem").public_key}
    _write_once(env, "\n".join(_filled(example.splitlines(), given)) + "\n")
    _append_missing(env, example.splitlines(), given)
    if os.getuid() == 0:
        for path in (kept, *kept.iterdir(), state / "simulator"):
            os.chown(path, _IMAGE_USER, _IMAGE_USER)


def _filled(lines: Iterable[str], given: Mapping[str, str]) -> Iterable[str]:
    """Yield the lines of the example with a value for each variable."""
    for line in lines:
        name, equals, _ = line.partition("=")
        if not equals or line.startswith("#"):
            yield line
        else:
            yield f"{name}={given.get(name) or secrets.token_hex(24)}"


def _append_missing(env: Path, example: Iterable[str], given: Mapping[str, str]) -> None:
    """Add the variables that a later version asks for to the settings of an earlier one."""
    known = {line.partition("=")[0] for line in env.read_text(encoding="utf-8").splitlines()}
    wanted = [line for line in example if "=" in line and not line.startswith("#")]
    missing = list(_filled((line for line in wanted if line.partition("=")[0] not in known), given))
    if missing:
        with env.open("a", encoding="utf-8") as stream:
            stream.write("\n".join(missing) + "\n")


def _identity() -> Mapping[str, str]:
    """Return the user that the containers run as: the owner of the secrets, never root."""
    user, group = (os.getuid(), os.getgid()) if os.getuid() else (_IMAGE_USER, _IMAGE_USER)
    return {"FOLLOWUP_UID": str(user), "FOLLOWUP_GID": str(group)}


def _write_merchants(target: Path, api_key: str) -> None:
    """Copy the shop to try, with the hash of its API key."""
    if target.exists():
        return
    shutil.copytree(HERE / "compose" / "merchants", target)
    for path in target.glob("*/merchant.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(_KEY_PLACE, key_sha256(api_key)), encoding="utf-8")


def _write_once(path: Path, text: str) -> None:
    """Write a file that only its owner can read, unless it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEYRING_FILE_MODE)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
