"""The only module that imports Twilio's own library; itself imported on first use, because it takes 33 MB.

Its asynchronous client ignores the timeout it is built with, loses response headers, and retries POST when asked
for retries; this subclass sends once, with our timeouts, and records the answer (library 9.13.0, checked 2026-11-21).
"""

import base64
import functools
import hmac
from collections.abc import Mapping
from contextvars import ContextVar
from itertools import chain
from typing import Any

import aiohttp
import twilio.rest.api  # noqa: F401 - the client would import it inside the first call, for half a second
from twilio.base.exceptions import TwilioException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from yarl import URL

from services.sender.providers.provider import CALL_TIMEOUT_SECONDS, CONNECT_TIMEOUT_SECONDS
from services.sender.sending.answer_classification import BrokenCall, CallResult, HttpAnswer

_MOST_CONNECTIONS = 0  # no limit: a pool that makes a call wait would start it after its intent grew old
_KEEPALIVE_SECONDS = 4.0  # less than servers keep a silent connection: no race with their closing it
_TIMEOUT = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
_FORM = "application/x-www-form-urlencoded"
_NOTHING = "{}"
"""The body that the library parses: the real one is recorded, and parsing it twice would only cost time."""
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Name lookup, refusal, TLS, and timeouts of any of these: raised before a request is written."""

_results: ContextVar[list[CallResult]] = ContextVar("seen")


class _Transport(AsyncTwilioHttpClient):  # type: ignore[misc]  # the library is untyped
    """Sends once, to the configured host, and records the result."""

    def __init__(self, base_url: str | None) -> None:
        super().__init__(pool_connections=False, timeout=CALL_TIMEOUT_SECONDS, max_retries=None)
        self._origin = URL(base_url).origin() if base_url else None
        self._opened: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - ours holds for every call
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002 - a redirected POST could send twice
    ) -> Any:
        """Make one request; its result is recorded before it is returned or raised."""
        results = _results.get()
        sent = dict(headers or {})
        if auth:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        form = _texts(data)
        if form is not None:
            sent["Content-Type"] = _FORM
        try:
            async with self._session().request(
                method,
                _target(self._origin, url),
                params=_texts(params),
                data=None if form is None else _encoded(form),
                headers=sent,
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                results.append(HttpAnswer(answer.status, body, {k.lower(): v for k, v in answer.headers.items()}))
                return TwilioResponse(answer.status, _NOTHING, answer.headers)
        except _NOT_CONNECTED as problem:
            results.append(BrokenCall(_reason_of(problem), bytes_written=False))
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            results.append(BrokenCall(_reason_of(problem), bytes_written=True))
            raise

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    def _session(self) -> aiohttp.ClientSession:
        """Return the session, created inside the running loop on first use."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=_MOST_CONNECTIONS, ttl_dns_cache=60, keepalive_timeout=_KEEPALIVE_SECONDS
                ),
                timeout=_TIMEOUT,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._opened


class TwilioAccount:
    """One account, called through the library."""

    def __init__(self, account_sid: str, auth_token: str, base_url: str | None) -> None:
        self._transport = _Transport(base_url)
        self._client = Client(account_sid, auth_token, http_client=self._transport)
        self._validator = RequestValidator(auth_token)
        self._mac = hmac.new(auth_token.encode(), digestmod="sha1")  # copied for each request: its key is ready

    async def create(self, parameters: Mapping[str, object]) -> CallResult:
        """Create a message, once, and return the result as it was recorded, not as the library parses it."""
        return await self._observe(self._client.messages.create_async(**parameters))

    async def list_page(self, to: str, page_size: int) -> CallResult:
        """Ask for the newest messages to a number; no date filter, which would hide those still queued."""
        return await self._observe(self._client.messages.page_async(to=to, page_size=page_size))

    async def fetch(self, sid: str) -> CallResult:
        """Ask for one message."""
        return await self._observe(self._client.messages(sid).fetch_async())

    async def sent_page(self, filters: Mapping[str, object]) -> CallResult:
        """Ask for a page of the messages that were sent within a time, by us or to us."""
        return await self._observe(self._client.messages.page_async(**filters))

    def is_signed(self, url: str, form: Mapping[str, str], signature: str) -> bool:
        """Return whether the account's token signed this request.

        The library computes two signatures a request, for the address with and without its port; where the address
        as it stands was signed, as it nearly always is, one does.

        Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
        """
        signed = url + "".join(chain.from_iterable(sorted(form.items())))
        mac = self._mac.copy()
        mac.update(signed.encode())
        return hmac.compare_digest(base64.b64encode(mac.digest()), signature.encode()) or bool(
            self._validator.validate(url, dict(form), signature)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    @staticmethod
    async def _observe(call: Any) -> CallResult:
        results: list[CallResult] = []
        token = _results.set(results)
        try:
            await call
        except (TwilioException, aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
            pass  # the recorded result says more than the exception, which drops the headers
        finally:
            _results.reset(token)
        return results[-1] if results else BrokenCall("no_request", bytes_written=False)


@functools.lru_cache(maxsize=64)  # texts are created at one address an account
def _target(origin: URL | None, url: str) -> URL:
    """Return the library's address, at the configured host."""
    target = URL(url)
    return target if origin is None else origin.join(target.relative())


def _texts(fields: Mapping[str, object] | None) -> list[tuple[str, str]] | None:
    """Return form fields as pairs of text; lists become repeated fields."""
    if fields is None:
        return None
    return [
        (name, str(each)) for name, value in fields.items() for each in (value if isinstance(value, list) else [value])
    ]


def _encoded(form: list[tuple[str, str]]) -> bytes:
    """Return a form, encoded; the client would parse it first, and urllib needs five times as long."""
    return URL.build(query=form).raw_query_string.encode("ascii")


def _reason_of(problem: BaseException) -> str:
    """Return the reason code of an exception; never its message, which may hold an address."""
    match problem:
        case aiohttp.ClientConnectorDNSError():
            return "name_not_found"
        case aiohttp.ClientSSLError():
            return "tls_failed"
        case aiohttp.ConnectionTimeoutError():
            return "connect_timeout"
        case aiohttp.ClientConnectorError():
            return "connection_refused"
        case TimeoutError():
            return "timeout"
        case aiohttp.ServerDisconnectedError():
            return "disconnected"
        case _:
            return "connection_broken"
