"""API keys: the key decides the merchant; stored as SHA-256, compared by lookup, limited per key."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.audit import Actor, ActorKind, AddressClass
from shared.clock import Clock
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.problem import did_you_mean
from shared.config.vocabulary import SCOPES
from shared.errors import ConfigurationFault
from shared.http.access import is_internal
from shared.http.console_tokens import TOKEN_PREFIX, TokenVerifier
from shared.http.problems import HTTPProblem
from shared.token_buckets import TokenBuckets
from shared.vocabulary.roles import CONSOLE_SCOPES

KEY_PREFIX = "fu_"
_SHORTEST_TOKEN = 32
MERCHANT_HEADER = "X-Followup-Merchant"
"""The merchant that a request with the operator's token is about."""
ACTOR_HEADER = "X-Followup-Actor"
"""Who acts is said by a token alone; this name may only repeat it."""
_CALLER = "followup.caller"
"""Where a request's scope holds its caller."""
_BEARER = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer fu_…`")


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request: a merchant, through one of its keys."""

    merchant: Merchant
    key_id: str
    scopes: frozenset[str]
    key_sha256: str = ""
    """Empty for the operator; of a person at the console, the hash of their name."""
    address: str = field(default="", repr=False)
    """The client's; personal, so it is stored nowhere."""
    body_sha256: str | None = None
    """The hash that the body must have; None where the caller vouches for none."""

    @property
    def is_operator(self) -> bool:
        """Whether it is the operator of this installation, and not a key of a merchant."""
        return not self.key_sha256

    @property
    def asked_by(self) -> str | None:
        """The id of the key, stored with what the request starts; None for the operator."""
        return None if self.is_operator else self.key_id

    @property
    def actor(self) -> Actor:
        """Who it is, as audit logs name it."""
        origin = AddressClass.of(self.address)
        return Actor(ActorKind.OPERATOR, self.key_id, origin) if self.is_operator else Actor.named(self.key_id, origin)

    def may(self, scope: str) -> bool:
        """Return whether the caller has a scope beside the one the route requires."""
        return scope in self.scopes


class RateLimit:
    """A token bucket per key: `per_second` requests, bursts of one second."""

    def __init__(self, per_second: int, clock: Clock) -> None:
        self._per_second = per_second
        self._buckets = TokenBuckets(clock)

    def wait_seconds(self, key: str) -> float:
        """Take a token; return 0 if there was one, else the seconds until there is."""
        tokens = self._buckets.left(key, self._per_second, self._per_second)
        if tokens < 1:
            return (1 - tokens) / self._per_second
        self._buckets.keep(key, tokens - 1)
        return 0.0


class Keys:
    """Finds the caller of a request."""

    def __init__(
        self,
        merchants: MerchantDirectory,
        limit: RateLimit,
        operator_token: str | None = None,
        console: TokenVerifier | None = None,
        operator_scopes: frozenset[str] = frozenset(SCOPES),
    ) -> None:
        self._merchants = merchants
        self._limit = limit
        self._console = console
        self._operator_token = operator_token
        """Given to commands on the same machine; acts for any merchant it names, within its scopes."""
        self._operator_scopes = operator_scopes

    def operator(self, token: str, merchant_id: str, scopes: Sequence[str], address: str = "") -> Caller | None:
        """Return the operator acting for a merchant, if the token is this process's own; one of the scopes is enough.

        Raises:
            HTTPProblem: 403 missing scope.
        """
        merchant = self._merchants.get(merchant_id)
        if self._operator_token is None or merchant is None:
            return None
        if not hmac.compare_digest(token.encode(), self._operator_token.encode()):
            return None
        if self._operator_scopes.isdisjoint(scopes):
            raise HTTPProblem(
                HTTPStatus.FORBIDDEN,
                "missing_scope",
                f"the operator's token lacks the scope {scopes[0]}; add it to FOLLOWUP_OPERATOR_SCOPES",
            )
        return Caller(merchant, "operator", self._operator_scopes, address=address)

    def caller(self, token: str, scopes: Sequence[str], address: str = "") -> Caller:
        """Return the caller that holds this key; one of the scopes is enough.

        Raises:
            HTTPProblem: 401 unknown key, 403 missing scope, 429 too many requests.
        """
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = self._merchants.by_api_key(digest) if token.startswith(KEY_PREFIX) else None
        if found is None:
            raise unauthorized()
        merchant, key = found
        if frozenset(scopes).isdisjoint(key.scopes):
            raise HTTPProblem(
                HTTPStatus.FORBIDDEN, "missing_scope", f"this key lacks the scope {scopes[0]}; add it in merchant.yaml"
            )
        self._take_turn(digest)
        return Caller(merchant, key.id, frozenset(key.scopes), digest, address)

    def person(self, token: str, scopes: Sequence[str], method: str, path: str) -> Caller:
        """Return the person at the console for whom a token was made; one of the scopes is enough.

        Raises:
            HTTPProblem: 401 no such token for this request, 403 the role lacks the scope, 429 too many requests.
        """
        call = self._console.call(token, method, path) if self._console is not None else None
        merchant = self._merchants.get(call.merchant) if call is not None else None
        if call is None or merchant is None:
            raise unauthorized()
        held = CONSOLE_SCOPES.intersection(call.scopes)
        if held.isdisjoint(scopes):
            raise HTTPProblem(
                HTTPStatus.FORBIDDEN, "missing_scope", f"this takes the scope {scopes[0]}, which is not yours"
            )
        name = key_sha256(f"{merchant.id} {call.person}")
        self._take_turn(name)
        return Caller(merchant, call.person, held, name, body_sha256=call.body_sha256)

    def _take_turn(self, name: str) -> None:
        """Count a request.

        Raises:
            HTTPProblem: 429, too many requests.
        """
        if wait := self._limit.wait_seconds(name):
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                "this key sent too many requests",
                headers={"Retry-After": str(int(wait) + 1)},
            )


class Requires:
    """A FastAPI dependency: who calls, and whether their key has a scope, or another that is enough too."""

    def __init__(self, scope: str, *or_one_of: str) -> None:
        self.scope = scope
        self._scopes = (scope, *or_one_of)

    async def __call__(  # a coroutine: a function would be run in a thread
        self, request: Request, _credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Caller:
        """Return the caller; `SignedInRoute` has found it already, before the body was read."""
        found: Caller | None = request.scope.get(_CALLER)
        caller = found or self.caller(request)
        if caller.body_sha256 is not None and hashlib.sha256(await request.body()).hexdigest() != caller.body_sha256:
            raise unauthorized()
        return caller

    def caller(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            HTTPProblem: 400, 401, 403 or 429.
        """
        keys: Keys = request.app.state.keys
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = given.strip() if scheme.lower() == "bearer" else ""
        named = request.headers.get(MERCHANT_HEADER, "")
        address = request.client.host if request.client is not None else ""
        if token.startswith(TOKEN_PREFIX):
            if not is_internal(address, request.headers.raw):
                raise unauthorized()  # before it is counted as used: a stolen one spoils nothing
            caller = keys.person(token, self._scopes, request.method, _path_as_sent(request))
            _require_own_name(request, caller.key_id)
        else:
            _require_own_name(request, None)
            caller = keys.operator(token, named, self._scopes, address) or keys.caller(token, self._scopes, address)
        if named and caller.merchant.id != named:
            raise HTTPProblem(
                HTTPStatus.FORBIDDEN,
                "wrong_merchant",
                f"this key belongs to another merchant than {MERCHANT_HEADER} names",
            )
        return caller


def _require_own_name(request: Request, person: str | None) -> None:
    """Check that a request names nobody but the person its token was made for.

    Raises:
        HTTPProblem: 400, it does.
    """
    if request.headers.get(ACTOR_HEADER, person) != person:
        raise HTTPProblem(
            HTTPStatus.BAD_REQUEST,
            "invalid_request",
            f"{ACTOR_HEADER} is not taken: leave it out; the key says who acts",
        )


class RequiresOperator(Requires):
    """A FastAPI dependency: the operator, acting for the merchant that the request names; no key will do."""

    def caller(self, request: Request) -> Caller:
        """Return the operator.

        Raises:
            HTTPProblem: 401, 403 or 429.
        """
        found = super().caller(request)
        if not found.is_operator:
            raise HTTPProblem(
                HTTPStatus.FORBIDDEN, "operators_only", "only the operator may do this, by command on the same machine"
            )
        return found


def requires(scope: str, *or_one_of: str) -> Requires:
    """Return a FastAPI dependency that yields the caller or answers 401, 403 or 429; one of the scopes is enough."""
    return Requires(scope, *or_one_of)


class SignedInRoute(APIRoute):
    """A route that authenticates before it reads a body: without a key a client learns nothing about bodies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with authentication before it."""
        handle = super().get_route_handler()
        asked = [found for found in (each.call for each in self.dependant.dependencies) if isinstance(found, Requires)]

        async def signed_in(request: Request) -> Response:
            for question in asked:
                request.scope[_CALLER] = question.caller(request)
            return await handle(request)

        return signed_in


def unauthorized() -> HTTPProblem:
    """Return the only 401 there is: it never says which part was wrong."""
    return HTTPProblem(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        "the signature or key is missing or wrong",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _path_as_sent(request: Request) -> str:
    """Return the path of a request with its query, byte for byte as the caller wrote it."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def key_sha256(token: str) -> str:
    """Return the hash of a key that a merchant file stores."""
    return hashlib.sha256(token.encode()).hexdigest()


def operator_scopes(listed: str) -> frozenset[str]:
    """Return the scopes of the operator's token, from a list with commas; all there are from an empty one.

    Raises:
        ConfigurationFault: there is no such scope.
    """
    names = [name for part in listed.split(",") if (name := part.strip())]
    for name in names:
        if name not in SCOPES:
            message = f"FOLLOWUP_OPERATOR_SCOPES: there is no scope {name}; {did_you_mean(name, SCOPES)}"
            raise ConfigurationFault(message)
    return frozenset(names or SCOPES)


def operator_token(path: Path | None) -> str:
    """Return the operator's token; a random one if no file is given.

    Raises:
        ConfigurationFault: the file cannot be read, or holds too little to be a secret.
    """
    if path is None:
        return secrets.token_urlsafe(32)
    try:
        token = path.read_text(encoding="utf-8-sig").strip()
    except OSError as problem:
        raise ConfigurationFault(f"FOLLOWUP_OPERATOR_TOKEN_FILE: {path} cannot be read ({problem.strerror})") from None
    if len(token) < _SHORTEST_TOKEN:
        raise ConfigurationFault(f"FOLLOWUP_OPERATOR_TOKEN_FILE: {path} holds fewer than {_SHORTEST_TOKEN} characters")
    return token
