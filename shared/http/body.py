"""The body limit: a larger body is refused before it is read, with or without a Content-Length.

A signed webhook may be larger: a platform decides how large its orders are, and repeats a refused one until it gives
up. The memory for such bodies beyond the ordinary limit is bounded for all of them together.
"""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import RETRY_AFTER_SECONDS, HTTPProblem

WEBHOOKS = "/v1/webhooks/"
UPLOAD_PATH = "/console/consent/import"
"""Where a person uploads a file; its route reads it piece by piece, and holds none of it in memory."""
MOST_UPLOADED_BYTES = 256 * 1024**2
_LARGE_AT_ONCE = 16
_LONGEST_LENGTH = 15
"""Digits of a Content-Length; a longer one is never within a limit."""


@dataclass(slots=True)
class _Reading:
    """A body being read."""

    most: int
    read: int = 0
    is_streamed: bool = False
    held: int = 0
    """How many bytes of the shared allowance for large bodies it takes."""


class BodyLimit:
    """ASGI middleware that answers 413 for bodies over a limit."""

    def __init__(self, app: ASGIApp, max_bytes: int, max_webhook_bytes: int | None = None) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_webhook_bytes = max(max_bytes, max_webhook_bytes or 0)
        self._room = _LARGE_AT_ONCE * self._max_webhook_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it reads."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = scope["method"] == "POST" and scope["path"] == UPLOAD_PATH
        reading = _Reading(MOST_UPLOADED_BYTES if is_upload else self._most(scope), is_streamed=is_upload)
        announced = b"0"
        for name, value in scope["headers"]:
            if name == b"content-length":
                announced = value
                break
        if not announced.isdigit() or len(announced) > _LONGEST_LENGTH or int(announced) > reading.most:
            await _too_large(reading.most).response()(scope, receive, send)
            return

        async def counted() -> Message:
            message = await receive()
            reading.read += len(message.get("body", b""))
            if reading.read > self._max_bytes:
                self._hold(reading)
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._room += reading.held

    def _most(self, scope: Scope) -> int:
        """Return the limit of a request: a webhook has its own once it carries a signature."""
        if scope["path"].startswith(WEBHOOKS) and any(
            b"signature" in name or b"hmac" in name for name, _ in scope["headers"]
        ):
            return self._max_webhook_bytes
        return self._max_bytes

    def _hold(self, reading: _Reading) -> None:
        """Take from the shared allowance for large bodies what was read beyond the ordinary limit.

        Raises:
            HTTPProblem: 413, it is too much; 503, too much of such bodies is held already.
        """
        if reading.read > reading.most:
            raise _too_large(reading.most)
        if reading.is_streamed:
            return
        more = reading.read - self._max_bytes - reading.held
        if more > self._room:
            raise HTTPProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_many_large_bodies",
                "too many large bodies are being sent; try again",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        reading.held += more
        self._room -= more


async def body_of(request: Request) -> bytes:
    """Return a body whole: once, and without the generators of `Request.body`, which cost more than the rest of it.

    Raises:
        ClientDisconnect: the request ended before its body did.
    """
    pieces = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(most: int) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"the body is larger than {most} bytes")
