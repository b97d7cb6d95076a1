"""A small identity provider for tests: discovery, keys, codes and signed tokens, on a port of this machine.

It is strict where a real one is: a code works once, for the client and the address it was made for, and only with the
proof (PKCE) that belongs to it. What it signs can be changed by a test.
"""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from shared.clock import Clock
from tests.web_receiver import ReceivedRequest, WebReceiver, receiving

CLIENT, SECRET = "followup", "the client's secret: +/="
SUBJECT = "248289761001"
_BASIC = "Basic " + base64.b64encode(urlencode({CLIENT: SECRET}).replace("=", ":", 1).encode()).decode()


@cache
def key(name: str) -> PrivateKeyTypes:
    """Return a key of a test run: `rsa…` or `ec…`."""
    return (
        rsa.generate_private_key(65_537, 2_048) if name.startswith("rsa") else ec.generate_private_key(ec.SECP256R1())
    )


def public_jwk(name: str) -> dict[str, Any]:
    """Return the public half of a key as a provider publishes it."""
    algorithm = jwt.get_algorithm_by_name("RS256" if name.startswith("rsa") else "ES256")
    public: Any = key(name).public_key()
    return {**orjson.loads(algorithm.to_jwk(public)), "kid": name, "use": "sig"}


@dataclass(slots=True)
class IdentityServer:
    """What it knows, and how it errs."""

    receiver: WebReceiver
    clock: Clock
    signs_with: str = "rsa-1"
    published: list[str] = field(default_factory=lambda: ["rsa-1", "ec-1"])
    claims: dict[str, Any] = field(default_factory=dict)
    """In place of what it would say; None: not at all."""
    said: dict[str, Any] = field(default_factory=dict)
    """In place of what its discovery document would say."""
    token_of: Callable[[Mapping[str, Any]], str] | None = None
    """Makes another token of the claims."""
    is_down: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return self.receiver.url("")

    def asked(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(request.line.split(" ")[1] == path for request in self.receiver.requests)

    def authorize(self, address: str) -> str:
        """Return where a browser is sent back to whose person agrees at the address that it was sent to."""
        parts = urlsplit(address)
        given = dict(parse_qsl(parts.query, strict_parsing=True))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        assert (given["response_type"], given["scope"], given["client_id"]) == ("code", "openid", CLIENT)
        assert given["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = given
        return f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}"

    def answer(self, request: ReceivedRequest) -> bytes:
        """Answer a request over the wire."""
        if self.is_down:
            return _answered(503, {})
        match request.line.split(" ")[1]:
            case "/.well-known/openid-configuration":
                return _answered(200, self._description() | self.said)
            case "/keys":
                return _answered(200, {"keys": [public_jwk(name) for name in self.published]})
            case "/token":
                return self._exchange(request)
            case _:
                return _answered(404, {})

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def _exchange(self, request: ReceivedRequest) -> bytes:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if request.headers.get("authorization") != _BASIC:
            return _answered(401, {"error": "invalid_client"})
        begun = self.codes.get(form["code"], {})
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        is_good = begun.get("redirect_uri") == form["redirect_uri"] and begun["code_challenge"] == challenge.decode()
        if not is_good or begun.pop("is_used", ""):
            return _answered(400, {"error": "invalid_grant"})
        begun["is_used"] = "yes"
        return _answered(200, {"token_type": "Bearer", "id_token": self.token(begun["nonce"])})

    def token(self, nonce: str) -> str:
        """Return an ID token."""
        now = int(self.clock.now().timestamp())
        usual = {"iss": self.issuer, "aud": CLIENT, "sub": SUBJECT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        if self.token_of is not None:
            return self.token_of(claims)
        algorithm = "RS256" if self.signs_with.startswith("rsa") else "ES256"
        return jwt.encode(claims, key(self.signs_with), algorithm, {"kid": self.signs_with})  # type: ignore[arg-type] # signs


def _answered(status: int, said: Mapping[str, Any]) -> bytes:
    body = orjson.dumps(said)
    return b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


@asynccontextmanager
async def identity_server(clock: Clock) -> AsyncIterator[IdentityServer]:
    """Yield a provider that listens."""
    async with receiving() as receiver:
        server = IdentityServer(receiver, clock)
        receiver.answer = server.answer
        yield server
