"""One attempt to sign in at the provider: kept by the browser that began it, and by nothing else (pure).

A cookie holds one secret; the state, the nonce and the proof of possession (PKCE) that the provider gets are derived
from it. Whoever comes back with a state and without its cookie began in another browser. Nothing is stored here for
somebody who has not signed in yet, so nothing can be filled.

Source: RFC 6749 section 10.12 (state), RFC 7636 (PKCE), OpenID Connect Core 1.0 section 15.5.2 (nonce).
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import orjson

ATTEMPT_SECONDS: Final = 600
"""How long somebody may take at the provider."""
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """What a browser keeps while its person is at the provider."""

    secret: str
    ends_at: int
    """Seconds since 1970."""
    invitation: str = ""
    """The code of the invitation that brought them; empty for somebody who signs in."""
    name: str = ""
    """The name they chose with it."""

    @classmethod
    def new(cls, now: datetime, invitation: str = "", name: str = "") -> Self:
        """Return a fresh attempt."""
        return cls(secrets.token_urlsafe(32), int(now.timestamp()) + ATTEMPT_SECONDS, invitation, name)

    @classmethod
    def parsed(cls, cookie: str | None, now: datetime) -> Self | None:
        """Return the attempt in a cookie; None for none, one that has ended, and anything `encoded` does not write."""
        if cookie is None or not 0 < len(cookie) <= _LONGEST:
            return None
        try:
            secret, ends_at, invitation, name = orjson.loads(base64.urlsafe_b64decode(cookie))
        except (ValueError, TypeError):
            return None
        is_whole = isinstance(ends_at, int) and all(isinstance(each, str) for each in (secret, invitation, name))
        return cls(secret, ends_at, invitation, name) if is_whole and secret and now.timestamp() < ends_at else None

    def encoded(self) -> str:
        """Return the cookie."""
        return base64.urlsafe_b64encode(orjson.dumps([self.secret, self.ends_at, self.invitation, self.name])).decode()

    @property
    def state(self) -> str:
        """What the provider hands back."""
        return self._derived(b"state")

    @property
    def nonce(self) -> str:
        """What the provider's token must repeat."""
        return self._derived(b"nonce")

    @property
    def verifier(self) -> str:
        """What proves to the provider that who began is who ends."""
        return self._derived(b"verifier")

    @property
    def challenge(self) -> str:
        """The hash of the proof (S256)."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    @property
    def used_sha256(self) -> bytes:
        """By what an attempt that was successful is known, so that it is no second time."""
        return hashlib.sha256(self._derived(b"used").encode()).digest()

    def is_answered_by(self, state: str) -> bool:
        """Return whether an answer belongs to it."""
        return hmac.compare_digest(state.encode(), self.state.encode())

    def _derived(self, purpose: bytes) -> str:
        return _base64(hmac.digest(self.secret.encode(), b"identity " + purpose, "sha256"))


def _base64(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()
