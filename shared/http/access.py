"""Who may send a request at all: the host names this process answers to, and the pages for the operator alone.

A page of another site can make a browser on this machine send requests to a name of that site which resolves to this
process (DNS rebinding); pages without a login are therefore limited to known names, addresses and tokens.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from itertools import chain
from urllib.parse import urlsplit

from starlette.types import Scope

from shared.audit import AddressClass
from shared.http.instruments import DOORS_REFUSED
from shared.http.networks import Networks, is_loopback
from shared.http.problems import HTTPProblem
from shared.settings import ProcessSettings
from shared.telemetry.logs import logger

log = logger(__name__)

ANY_HOST = "*"
_LONGEST_HOST_CHARACTERS = 260
"""A name of at most 253 characters (RFC 1035 section 3.1), with its port."""
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})
_PROBES = frozenset({"/healthz", "/readyz"})
"""Called by address, by what restarts processes; they reveal nothing worth protecting."""
_SCRAPE = "/metrics"
_OPERATORS = (_SCRAPE, "/docs", "/openapi.json", "/simulator")
_MARKS_OF_A_PROXY = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"forwarded", b"via"})


def is_internal(client: str, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Return whether a request came from this machine or network and through no proxy, as the console's calls do."""
    near = AddressClass.of(client) in {AddressClass.THIS_MACHINE, AddressClass.PRIVATE}
    return near and not any(name in _MARKS_OF_A_PROXY for name, _ in headers)


class KnownHosts:
    """The host names that a request may be addressed to."""

    def __init__(self, names: Iterable[str], more: Callable[[], Iterable[str]] = tuple) -> None:
        """Accept `names` (`*.example.com` for all below, `*` for any), and those that `more` returns at each call."""
        given = {name.strip().lower().rstrip(".") for name in names} - _ANY_ADDRESS
        self._names = frozenset(name for name in given if not name.startswith("*."))
        self._endings = tuple(name[1:] for name in given if name.startswith("*."))
        self._more = more

    @classmethod
    def of(cls, settings: ProcessSettings, more: Callable[[], Iterable[str]] = tuple) -> "KnownHosts":
        """Return the hosts of the settings and of the merchants' files."""
        configured = settings.hosts.split(",")
        return cls([settings.host, urlsplit(settings.public_url).hostname or "", *configured], more)

    def know(self, host: str, own_address: str) -> bool:
        """Return whether a host is accepted; `own_address` is where the connection arrived."""
        if not host:
            return False
        if host in self._names or host == own_address or ANY_HOST in self._names or is_loopback(host):
            return True  # the cheapest checks first: every request pays for them
        return host.endswith(self._endings) or host in self._more()


@dataclass(frozen=True, slots=True)
class OperatorAccess:
    """Who may see the operator's pages: metrics, the API's description, the simulated provider."""

    token: str
    is_public: bool = False
    """This process has a public address: a request from this machine may come from a proxy."""
    scrapers: Networks = field(default_factory=Networks)
    """May read metrics without a token."""

    @classmethod
    def of(cls, settings: ProcessSettings, token: str) -> "OperatorAccess":
        """Return the access that the settings grant."""
        public = urlsplit(settings.public_url).hostname or ""
        is_public = public not in _ANY_ADDRESS and not is_loopback(public)
        return cls(token, is_public, Networks.of(settings.metrics_networks))

    def admits(self, path: str, client: str, host: str, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Return whether this caller may read this path."""
        if path == _SCRAPE and self.scrapers.contain(client):
            return True
        if is_loopback(client) and is_loopback(host) and not self.is_public:
            return not any(name in _MARKS_OF_A_PROXY for name, _ in headers)
        return any(name == b"authorization" and self._holds(value) for name, value in headers)

    def _holds(self, authorization: bytes) -> bool:
        """Return whether a header carries the token: as a bearer's, or as the password that a browser asks for."""
        scheme, _, value = authorization.partition(b" ")
        given = value.strip()
        if scheme.lower() == b"basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(given, self.token.encode())


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Both checks, made for every request."""

    hosts: KnownHosts
    operator: OperatorAccess

    @classmethod
    def of(
        cls, settings: ProcessSettings, operator_token: str, more_hosts: Callable[[], Iterable[str]] = tuple
    ) -> "AccessPolicy":
        """Return the access policy of a process."""
        return cls(KnownHosts.of(settings, more_hosts), OperatorAccess.of(settings, operator_token))

    def refusal(self, scope: Scope) -> HTTPProblem | None:
        """Return why a request is refused, or None."""
        path: str = scope["path"]
        if path in _PROBES:
            return None
        host = _host_of(scope)
        if path.startswith(_OPERATORS) and any(path == own or path.startswith(f"{own}/") for own in _OPERATORS):
            client = scope["client"][0] if scope.get("client") else ""
            if not self.operator.admits(path, client, host, scope["headers"]):
                return _OPERATORS_ALONE
            if path == _SCRAPE:
                return None  # scraped by address
        return None if self.hosts.know(host, _own_address(scope)) else _UNKNOWN_HOST


def refusal_of(scope: Scope, access: AccessPolicy | None) -> HTTPProblem | None:
    """Return why a request is refused before it is read, or None; called for each, so it is no middleware."""
    if _holds_nul(scope):
        return _UNCLEAN
    refusal = access.refusal(scope) if access is not None else None
    if refusal is not None:
        DOORS_REFUSED.labels(reason=refusal.code).inc()
        log.debug("entrance_refused", reason=refusal.code)
    return refusal


def _holds_nul(scope: Scope) -> bool:
    """Return whether path, query or a header holds a NUL, which PostgreSQL cannot store.

    Bytes that are not UTF-8 need no check: servers and parsers turn them into the replacement character.
    """
    query: bytes = scope["query_string"]
    if "\0" in scope["path"] or b"\0" in query or b"%00" in query:
        return True
    return b"\0" in b"".join(chain.from_iterable(scope["headers"]))  # every request pays for this: one search over all


@lru_cache(maxsize=1024)  # of short ones alone, see `_host_of`
def host_in(header: str) -> str:
    """Return the host of a Host header: lower case, no port, no brackets, no dot at the end."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0].rstrip(".") if text.count(":") == 1 else text.rstrip(".")


def _host_of(scope: Scope) -> str:
    """Return the host a request names; empty if it names none, two, or one that is too long."""
    found = [value for name, value in scope["headers"] if name == b"host"]
    is_one = len(found) == 1 and len(found[0]) <= _LONGEST_HOST_CHARACTERS
    return host_in(found[0].decode("latin-1")) if is_one else ""


def _own_address(scope: Scope) -> str:
    server = scope.get("server")
    return str(server[0]) if server else ""


_UNCLEAN = HTTPProblem(HTTPStatus.BAD_REQUEST, "invalid_request", "the address or a header holds a NUL character")
_UNKNOWN_HOST = HTTPProblem(
    HTTPStatus.MISDIRECTED_REQUEST,
    "unknown_host",
    "this process does not answer to the host name of this request; FOLLOWUP_PUBLIC_URL, the merchants' files and "
    "FOLLOWUP_HOSTS list the names it answers to",
)
_OPERATORS_ALONE = HTTPProblem(
    HTTPStatus.UNAUTHORIZED,
    "operator_only",
    "this page is for the operator: send the operator's token as a bearer token or as a password, or call it from the "
    "machine itself while FOLLOWUP_PUBLIC_URL names no other",
    headers={"WWW-Authenticate": 'Basic realm="operator"'},
)
