"""The identity provider: where it sends people, and whom it says they are.

What it publishes of itself is fetched when somebody needs it, remembered for an hour, and asked for again at most once
a minute where a token is signed by a key that is not there. Every answer is bounded in size and time, and no redirect
is followed. While it does not answer it is asked at most every ten seconds.

Source: OpenID Connect Discovery 1.0 section 4; OpenID Connect Core 1.0 section 3.1; RFC 9207 (mix-up).
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from services.console.identity.attempts import SignInAttempt
from services.console.identity.id_tokens import Expected, Identity, TokenProblem, identity_in
from services.console.identity.settings import IdentitySettings
from shared.clock import Clock
from shared.http.outbound import OutboundAnswer, OutboundClient, OutboundFailure, OutboundSettings

_KEPT_SECONDS: Final = 3_600.0
_NEW_KEYS_SECONDS: Final = 60.0
_FAILED_SECONDS: Final = 10.0
_MOST_AT_ONCE: Final = 8
_LONGEST_WORD: Final = 64
_OWNER: Final = "console"
"""In whose name names are looked up."""
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class ProviderFailure:
    """The provider could not be asked, or its answer could not be used."""

    why: str
    """For the operator; holds no value that the provider or a stranger sent, but a word of the protocol."""


@dataclass(frozen=True, slots=True)
class CodeRefused:
    """The provider takes this code no more: it was used, or is too old."""


@dataclass(frozen=True, slots=True)
class ProviderDescription:
    """What the provider publishes of itself."""

    authorization_endpoint: str
    token_endpoint: str
    keys_address: str
    takes_basic: bool
    """Whether the client's secret goes into a header, as is usual, or into the body."""
    names_itself: bool
    """Whether it repeats its issuer in every answer (RFC 9207)."""


class IdentityProvider:
    """One provider, as its settings name it.

    Args:
        issuer: exactly as the provider writes it.
        client_id: what the provider calls the console.
        secret: the client's; empty for a client without one.
        outbound: reaches it.
        clock: of the process.
    """

    def __init__(self, issuer: str, client_id: str, secret: str, outbound: OutboundClient, clock: Clock) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._secret = secret
        self._outbound = outbound
        self._clock = clock
        self._lock = asyncio.Lock()
        self._described: tuple[ProviderDescription | ProviderFailure, float] | None = None
        self._keys: tuple[Sequence[Mapping[str, Any]], float] | None = None
        self._at_once = 0

    @classmethod
    def of(cls, settings: IdentitySettings, clock: Clock) -> Self:
        """Return the provider that the settings name.

        Raises:
            ConfigurationFault: the client has no id, or a file cannot be read.
        """
        outbound = OutboundClient.of(OutboundSettings())
        return cls(settings.issuer, settings.client_id, settings.secret(), outbound, clock)

    async def address(self, attempt: SignInAttempt, back: str) -> str | ProviderFailure:
        """Return the address at the provider that a browser is sent to, to come back at `back`."""
        found = await self._description()
        if isinstance(found, ProviderFailure):
            return found
        query = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self._client_id,
            "redirect_uri": back,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(found.authorization_endpoint).query else "?"
        return f"{found.authorization_endpoint}{joint}{urlencode(query)}"

    async def identity_of(
        self, code: str, attempt: SignInAttempt, back: str, named_issuer: str | None
    ) -> Identity | TokenProblem | CodeRefused | ProviderFailure:
        """Return whom the provider says somebody is who came back with a code.

        Args:
            code: works once, at the provider.
            attempt: of the browser that came back.
            back: where it came back, exactly as the provider was told.
            named_issuer: who answers, if the answer says so: another provider's answer is not handed on to this one.
        """
        found = await self._description()
        if isinstance(found, ProviderFailure):
            return found
        if named_issuer != self.issuer and (named_issuer is not None or found.names_itself):
            return TokenProblem.WRONG_ISSUER
        if self._at_once >= _MOST_AT_ONCE:
            return ProviderFailure("too many people come back from it at this moment")
        self._at_once += 1
        try:
            token = await self._token(found, code, attempt, back)
            if not isinstance(token, str):
                return token
            return await self._identity_in(found, token, attempt)
        finally:
            self._at_once -= 1

    async def _identity_in(
        self, found: ProviderDescription, token: str, attempt: SignInAttempt
    ) -> Identity | TokenProblem | ProviderFailure:
        """Return whom a token names; its key is looked for once more where it is not known."""
        expected = Expected(self.issuer, self._client_id, attempt.nonce)
        for oldest_seconds in (_KEPT_SECONDS, _NEW_KEYS_SECONDS):
            keys = await self._known_keys(found.keys_address, oldest_seconds)
            if isinstance(keys, ProviderFailure):
                return keys
            named = identity_in(token, keys, expected, self._clock.now())
            if named is not TokenProblem.UNKNOWN_KEY:
                return named
        return TokenProblem.UNKNOWN_KEY

    async def _token(
        self, found: ProviderDescription, code: str, attempt: SignInAttempt, back: str
    ) -> str | CodeRefused | ProviderFailure:
        """Return the ID token that a code is exchanged for."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": attempt.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self._secret and found.takes_basic:
            both = f"{quote_plus(self._client_id)}:{quote_plus(self._secret)}"  # RFC 6749 section 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form |= {"client_id": self._client_id} | ({"client_secret": self._secret} if self._secret else {})
        answer = await self._outbound.post(found.token_endpoint, urlencode(form).encode(), headers, _OWNER)
        if isinstance(answer, OutboundFailure):
            return ProviderFailure(f"its token endpoint: {answer.detail}")
        said = _object_in(answer)
        if answer.status == _OK and said is not None and isinstance(said.get("id_token"), str):
            token: str = said["id_token"]
            return token
        problem = _word(said.get("error") if said is not None else None)
        if problem == "invalid_grant":
            return CodeRefused()
        return ProviderFailure(f"its token endpoint answered {answer.status} {problem}".rstrip())

    async def _description(self) -> ProviderDescription | ProviderFailure:
        """Return what the provider publishes, fetched at most once an hour, or every ten seconds while it fails."""
        async with self._lock:
            if self._described is not None:
                found, at = self._described
                kept = _FAILED_SECONDS if isinstance(found, ProviderFailure) else _KEPT_SECONDS
                if self._clock.monotonic() - at < kept:
                    return found
            address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            said = await self._fetched(address, "its discovery document")
            described = said if isinstance(said, ProviderFailure) else _described(said, self.issuer)
            self._described = (described, self._clock.monotonic())
            return described

    async def _known_keys(self, address: str, oldest_seconds: float) -> Sequence[Mapping[str, Any]] | ProviderFailure:
        """Return the provider's keys, no older than so many seconds."""
        async with self._lock:
            if self._keys is not None and self._clock.monotonic() - self._keys[1] < oldest_seconds:
                return self._keys[0]
            said = await self._fetched(address, "its keys")
            if isinstance(said, ProviderFailure):
                return said
            listed = said.get("keys")
            keys = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
            self._keys = (keys, self._clock.monotonic())
            return keys

    async def _fetched(self, address: str, what: str) -> Mapping[str, Any] | ProviderFailure:
        """Return a JSON object that the provider publishes."""
        answer = await self._outbound.get(address, {"Accept": "application/json"}, _OWNER)
        if isinstance(answer, OutboundFailure):
            return ProviderFailure(f"{what}: {answer.detail}")
        said = _object_in(answer)
        if answer.status != _OK or said is None:
            return ProviderFailure(f"{what}: it answered {answer.status}, or no JSON object of at most 64 KiB")
        return said


def _described(said: Mapping[str, Any], issuer: str) -> ProviderDescription | ProviderFailure:
    """Return what a discovery document says; it must be this issuer's own."""
    if said.get("issuer") != issuer:
        return ProviderFailure("its discovery document names another issuer; FOLLOWUP_CONSOLE_OIDC_ISSUER is exact")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    addresses = [said.get(name) for name in names]
    if not all(isinstance(each, str) and _may_be_called(each, issuer) for each in addresses):
        return ProviderFailure(f"its discovery document lacks usable addresses of {', '.join(names)}")
    methods = said.get("token_endpoint_auth_methods_supported")
    takes_basic = not isinstance(methods, list) or "client_secret_basic" in methods
    names_itself = said.get("authorization_response_iss_parameter_supported") is True
    authorization, token, keys = map(str, addresses)
    return ProviderDescription(authorization, token, keys, takes_basic, names_itself)


def _may_be_called(address: str, issuer: str) -> bool:
    """Return whether people and secrets may be sent to an address: encrypted, unless the issuer itself is not."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    is_plain = not parts.fragment and parts.username is None and bool(parts.hostname) and address.isascii()
    return (
        is_plain and not any(each.isspace() for each in address) and parts.scheme in {"https", urlsplit(issuer).scheme}
    )


def _object_in(answer: OutboundAnswer) -> Mapping[str, Any] | None:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None


def _word(given: object) -> str:
    """Return a word of the protocol, such as `invalid_client`; nothing else is kept of what a provider says."""
    is_word = isinstance(given, str) and len(given) <= _LONGEST_WORD and given.replace("_", "").isalpha()
    return str(given) if is_word and str(given).isascii() else ""
