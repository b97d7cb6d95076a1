"""Calls to the application: signed form posts, few at a time, over kept-alive connections."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL  # aiohttp's own URL type: its strings are requoted unless they arrive as one of these

from services.simulator.config import SimulatorConfig
from services.simulator.wire import SIGNATURE_HEADER, sign

CALLS_AT_ONCE: Final = 256
_CONNECT_SECONDS: Final = 5.0
_TOTAL_SECONDS: Final = 15.0
_LARGEST_ANSWER_BYTES: Final = 64 * 1024  # Twilio reads no more of a TwiML answer


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """What a call met: an HTTP status and body, or a word for why there was none."""

    result: str
    body: str = ""
    is_ok: bool = False


class Webhooks:
    """Calls as Twilio does: 5 s to connect, 15 s in all, one more try when no connection was made.

    Unlike Twilio it follows no redirection: the application gives none, and another address is not its own.

    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (defaults)
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the pool of connections."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CALLS_AT_ONCE, ttl_dns_cache=60),
            timeout=aiohttp.ClientTimeout(total=_TOTAL_SECONDS, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def stop(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, form: Mapping[str, str], account_sid: str) -> CallbackResult:
        """Post a signed form and return what came back; never raises for what the other side does."""
        if not self._config.may_call(url):
            return CallbackResult("NotTheApplication")
        if self._session is None:
            raise RuntimeError("the pool is not open")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            SIGNATURE_HEADER: sign(url, form, self._config.accounts.get(account_sid, "")),
        }
        body = urlencode(form).encode()
        target = URL(url.partition("#")[0], encoded=True)
        try:
            with suppress(
                aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, aiohttp.ConnectionTimeoutError
            ):
                return await self._post_once(self._session, target, body, headers)
            return await self._post_once(self._session, target, body, headers)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return CallbackResult(type(error).__name__)

    async def _post_once(
        self, session: aiohttp.ClientSession, target: URL, body: bytes, headers: Mapping[str, str]
    ) -> CallbackResult:
        async with session.post(target, data=body, headers=headers, allow_redirects=False) as response:
            start = await response.content.read(_LARGEST_ANSWER_BYTES)
            return CallbackResult(
                result=f"HTTP {response.status}",
                body=start.decode("utf-8", "replace"),
                is_ok=response.ok,
            )
