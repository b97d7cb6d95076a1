"""The one HTTP client for everything outbound but SMS: it calls addresses that a merchant chose, and none inside.

It looks the name up, checks every address it got, and connects to those alone. TLS is required but in the operator's
own networks; redirects, proxies of the environment, cookies and compressed answers are not followed, used, kept or
read. Time and the size of an answer are bounded.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict
from yarl import URL

from shared.errors import ConfigurationFault
from shared.http.networks import Networks
from shared.http.outbound_addresses import is_allowed
from shared.http.outbound_names import NameLookups, NameUnknown
from shared.settings import Settings

CALL_SECONDS: Final = 5.0
"""From the lookup of the name to the end of the answer."""
MOST_ANSWER_BYTES: Final = 65_536
LONGEST_ADDRESS: Final = 2_048
_MOST_HEADERS: Final = 64
_LONGEST_WAIT_DIGITS: Final = 6
_AGENT: Final = "Followup"


class OutboundSettings(Settings):
    """Environment variables ``FOLLOWUP_OUTBOUND_…``."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_OUTBOUND_", extra="ignore", frozen=True)

    networks: str = Field(
        "",
        description="Own networks, separated by commas, to which webhooks may go although they are not public; there, "
        "http:// is allowed too.",
    )
    ca_file: Path | None = Field(
        None, description="Certificates (PEM) of authorities that are trusted besides the system's, for webhooks."
    )

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        """Refuse what is no list of networks."""
        Networks.of(value)
        return value


class OutboundProblem(StrEnum):
    """Why a call got no answer."""

    ADDRESS_INVALID = "address_invalid"
    ADDRESS_FORBIDDEN = "address_forbidden"
    """It leads to an address that is not public and not in the operator's own networks."""
    NOT_ENCRYPTED = "not_encrypted"
    NAME_UNKNOWN = "name_unknown"
    NOT_CONNECTED = "not_connected"
    CERTIFICATE_REFUSED = "certificate_refused"
    CONNECTION_BROKEN = "connection_broken"
    """After the request may have been read: what it did is unknown."""
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What a server answered; a redirect is an answer like any other."""

    status: int
    body: bytes
    """At most `MOST_ANSWER_BYTES` of it, as they were sent; the rest was not read."""
    retry_after_seconds: int | None
    """How long the server asks to wait, if it says so in seconds."""


@dataclass(frozen=True, slots=True)
class OutboundFailure:
    """A call without an answer."""

    problem: OutboundProblem
    detail: str
    """A sentence for the one who configured the address; never quotes the address, which may hold a password."""


class OutboundClient:
    """Calls addresses from configuration; safe for addresses that an attacker chose."""

    def __init__(self, own: Networks, ca_file: Path | None = None, names: NameLookups | None = None) -> None:
        self._own = own
        self._names = names or NameLookups()
        self._tls = ssl.create_default_context()
        if ca_file is not None:
            try:
                self._tls.load_verify_locations(ca_file)
            except (OSError, ssl.SSLError) as problem:
                message = f"FOLLOWUP_OUTBOUND_CA_FILE: {ca_file} cannot be used ({type(problem).__name__})"
                raise ConfigurationFault(message + "; it holds certificates in PEM") from None

    @classmethod
    def of(cls, settings: OutboundSettings) -> "OutboundClient":
        """Return the client that the settings describe.

        Raises:
            ConfigurationFault: the file of certificates cannot be used.
        """
        return cls(Networks.of(settings.networks), settings.ca_file)

    async def post(
        self, address: str, body: bytes, headers: Mapping[str, str], owner: str, seconds: float = CALL_SECONDS
    ) -> OutboundAnswer | OutboundFailure:
        """Send a body once, in the name of a merchant, and return the answer; never retries, never raises."""
        return await self._asked("POST", address, body, headers, owner, seconds)

    async def get(
        self, address: str, headers: Mapping[str, str], owner: str, seconds: float = CALL_SECONDS
    ) -> OutboundAnswer | OutboundFailure:
        """Ask for a document once, and return the answer; never retries, never raises."""
        return await self._asked("GET", address, None, headers, owner, seconds)

    async def _asked(
        self, method: str, address: str, body: bytes | None, headers: Mapping[str, str], owner: str, seconds: float
    ) -> OutboundAnswer | OutboundFailure:
        url = _parsed(address)
        if url is None:
            return OutboundFailure(
                OutboundProblem.ADDRESS_INVALID, "it is no plain https:// address: without a name or password in it"
            )
        try:
            async with asyncio.timeout(seconds):
                found = await self._checked(url, owner)
                if isinstance(found, OutboundFailure):
                    return found
                return await self._call(method, url, found, body, headers)
        except TimeoutError:
            return OutboundFailure(OutboundProblem.TIMED_OUT, f"there was no whole answer within {seconds:g} s")
        except aiohttp.ClientConnectorCertificateError:
            return OutboundFailure(OutboundProblem.CERTIFICATE_REFUSED, "its certificate cannot be trusted")
        except aiohttp.ClientConnectorError:
            return OutboundFailure(OutboundProblem.NOT_CONNECTED, "it does not take connections, or speaks no TLS")
        except (aiohttp.ClientError, OSError, ValueError):
            return OutboundFailure(OutboundProblem.CONNECTION_BROKEN, "it broke off, or its answer is not HTTP")

    async def _checked(self, url: URL, owner: str) -> Sequence[str] | OutboundFailure:
        """Return the addresses to connect to, every one of them checked."""
        found = await self._names.addresses(url.raw_host or "", owner)
        if isinstance(found, NameUnknown):
            return OutboundFailure(OutboundProblem.NAME_UNKNOWN, found.why)
        if not found or not all(is_allowed(each, self._own) for each in found):
            return OutboundFailure(
                OutboundProblem.ADDRESS_FORBIDDEN,
                "it leads to an address that is not public; the operator can allow own networks with "
                "FOLLOWUP_OUTBOUND_NETWORKS",
            )
        if url.scheme != "https" and not all(self._own.contain(each) for each in found):
            return OutboundFailure(OutboundProblem.NOT_ENCRYPTED, "write https:// in place of http://")
        return found

    async def _call(
        self, method: str, url: URL, addresses: Sequence[str], body: bytes | None, headers: Mapping[str, str]
    ) -> OutboundAnswer:
        """Make the call on a connection of its own: no other call can have led it elsewhere."""
        connector = aiohttp.TCPConnector(
            resolver=_CheckedAddresses(addresses), use_dns_cache=False, force_close=True, ssl=self._tls
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_headers=_MOST_HEADERS,
                timeout=aiohttp.ClientTimeout(total=None),  # the caller's own covers the lookup too
            ) as session,
            session.request(
                method,
                url,
                data=body,
                headers={"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers},
                allow_redirects=False,
            ) as answer,
        ):
            return OutboundAnswer(answer.status, await _beginning(answer.content), _wait_asked(answer.headers))


class _CheckedAddresses(AbstractResolver):
    """Resolves a name to the addresses that were checked, whatever a name server says by now."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses."""
        del family
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for each in self._addresses
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _parsed(address: str) -> URL | None:
    """Return an address that can be called, without a name or password in it."""
    if len(address) > LONGEST_ADDRESS:
        return None
    try:
        url = URL(address)
        is_usable = url.scheme in {"http", "https"} and bool(url.raw_host) and bool(url.port)
    except ValueError:
        return None
    return url if is_usable and url.raw_user is None and url.raw_password is None else None


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """Return the first bytes of an answer; the connection is closed on the rest."""
    read = b""
    while len(read) < MOST_ANSWER_BYTES and (more := await content.read(MOST_ANSWER_BYTES - len(read))):
        read += more
    return read


def _wait_asked(headers: Mapping[str, str]) -> int | None:
    """Return the seconds in `Retry-After`; a date there is not read."""
    asked = headers.get("Retry-After", "").strip()
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _LONGEST_WAIT_DIGITS else None
