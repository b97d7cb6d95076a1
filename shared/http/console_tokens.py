"""The token that the console makes for one call in the name of one person, and how a service checks it.

Ed25519 (RFC 8032): services hold the public half, so that only the console can make one. A token is good for one
request, once, for a minute: it names the method, the path with its query, and the hash of the body. Each process
remembers the ids it has seen; a replica that has not seen one takes it, within that minute, for the same request only.
"""

import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.clock import Clock
from shared.errors import ConfigurationFault
from shared.signing import SigningKey

TOKEN_PREFIX: Final = "fc_"  # noqa: S105 - how tokens begin
"""Tells a token from an API key."""
TOKEN_SECONDS: Final = 60
_CLOCKS_APART_SECONDS: Final = 5
_LONGEST_TOKEN: Final = 4096
_MOST_REMEMBERED: Final = 100_000
"""Ids of a minute; more calls than that are refused."""
_PURPOSE: Final = b"followup console call\n"
"""Keeps a signature from being valid for anything else."""


class ConsoleCall(BaseModel):
    """What a token says: who may do what, once, until when."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    call_id: str = Field(min_length=16, max_length=64)
    ends_at: int
    """Seconds since 1970."""
    person: str = Field(min_length=1, max_length=100)
    """Stored with what the call does: `user:anna`, or the id of an API key."""
    merchant: str
    scopes: list[str]
    method: str
    path: str
    """With its query, as sent."""
    body_sha256: str


class TokenSigner:
    """Makes tokens; only the console has one."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @classmethod
    def new(cls) -> Self:
        """Return a signer with a fresh key."""
        return cls(SigningKey.new())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the signer whose key a file holds (PKCS 8).

        Raises:
            ConfigurationFault: the file is missing, unreadable, or not such a key.
        """
        return cls(SigningKey.load(path, "FOLLOWUP_CONSOLE_SIGNING_KEY_FILE"))

    def save(self, path: Path) -> None:
        """Write the key to a new file that only its owner can read; never overwrites one."""
        self._key.save(path)

    @property
    def public_key(self) -> str:
        """The public half: 32 bytes as 64 hex digits."""
        return self._key.public_key

    def derived(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose of the console's own, the same as long as its key is."""
        return self._key.derived(purpose)

    def token(
        self, now: datetime, *, person: str, merchant: str, scopes: Collection[str], method: str, path: str, body: bytes
    ) -> str:
        """Return a token for one request; `path` with its query, as it will be sent."""
        call = ConsoleCall(
            call_id=secrets.token_urlsafe(16),
            ends_at=int(now.timestamp()) + TOKEN_SECONDS,
            person=person,
            merchant=merchant,
            scopes=sorted(scopes),
            method=method,
            path=path,
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
        said = call.model_dump_json().encode()
        return f"{TOKEN_PREFIX}{_text(said)}.{_text(self._key.signed(_PURPOSE + said))}"


@dataclass(slots=True)
class TokenVerifier:
    """Checks tokens against the console's public key, and takes each once."""

    public_key: str
    """64 hex digits; empty: no token is taken."""
    clock: Clock
    _key: Ed25519PublicKey | None = field(init=False, default=None)
    _seen: OrderedDict[str, int] = field(init=False, default_factory=OrderedDict)
    """Ids and the seconds at which they end, oldest first."""

    def __post_init__(self) -> None:
        """Read the key.

        Raises:
            ConfigurationFault: it is not one.
        """
        if self.public_key:
            try:
                self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public_key))
            except ValueError:
                raise ConfigurationFault("FOLLOWUP_CONSOLE_PUBLIC_KEY: not 64 hex digits of a public key") from None

    def call(self, token: str, method: str, path: str) -> ConsoleCall | None:
        """Return what a token says, if it is genuine, new, and made for this request; None otherwise."""
        said = self._said(token)
        if said is None:
            return None
        now = int(self.clock.now().timestamp())
        remaining = said.ends_at - now
        if not 0 < remaining <= TOKEN_SECONDS + _CLOCKS_APART_SECONDS or (said.method, said.path) != (method, path):
            return None
        while self._seen and next(iter(self._seen.values())) <= now - _CLOCKS_APART_SECONDS:
            self._seen.popitem(last=False)
        if said.call_id in self._seen or len(self._seen) >= _MOST_REMEMBERED:
            return None
        self._seen[said.call_id] = said.ends_at
        return said

    def _said(self, token: str) -> ConsoleCall | None:
        """Return what a genuine token says, whatever the time and the request."""
        if self._key is None or not token.startswith(TOKEN_PREFIX) or len(token) > _LONGEST_TOKEN:
            return None
        first, _, second = token.removeprefix(TOKEN_PREFIX).partition(".")
        try:
            said, signature = _bytes(first), _bytes(second)
            self._key.verify(signature, _PURPOSE + said)
            return ConsoleCall.model_validate(orjson.loads(said))
        except (InvalidSignature, ValidationError, ValueError, binascii.Error):
            return None


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
