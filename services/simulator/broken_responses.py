"""Responses that simulate broken servers: none at all, a reset connection."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_LONGEST_SILENCE_SECONDS: Final = 120.0
_DEEPEST_WRAPPING: Final = 40
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class NoAnswer(Response):
    """Sends nothing until the caller disconnects, and resets the connection after two minutes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the caller to disconnect."""
        try:
            async with asyncio.timeout(_LONGEST_SILENCE_SECONDS):
                await _disconnected(receive)
        except TimeoutError:
            await ConnectionReset()(scope, receive, send)


class ConnectionReset(Response):
    """Resets the TCP connection (RST) before a byte of an answer is written."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection, or end the response early where the server hides its transport."""
        if scope["type"] != "http":
            raise RuntimeError("only HTTP connections are reset")
        transport = _transport_behind(send)
        if transport is None:
            await _break_off(send)
            return
        server_side = transport.get_extra_info("socket")
        if server_side is not None and server_side.fileno() >= 0:
            # A duplicate shares the options of the original, which uvloop wraps in an object without them.
            with socket.socket(fileno=os.dup(server_side.fileno())) as duplicate:
                duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    """Return when the caller has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break_off(send: Send) -> None:
    """Announce more bytes than are sent: the server has to close the connection, and the response is unreadable."""
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _transport_behind(send: Send) -> asyncio.Transport | None:
    """Return the transport of the server's own `send`, found through the wrappers of the frameworks above it.

    ASGI has no message for "reset the connection", and uvicorn's cycle object, whose bound method `send` is, keeps
    its transport in an attribute of that name.
    """
    for candidate in _wrapped(send, _DEEPEST_WRAPPING):
        transport = getattr(getattr(candidate, "__self__", None), "transport", None)
        if transport is not None and hasattr(transport, "abort"):
            found: asyncio.Transport = transport
            return found
    return None


def _wrapped(function: Any, depth: int) -> Iterator[Callable[..., Any]]:
    """Yield a callable and every callable its closures hold, outermost first."""
    yield function
    if depth:
        for cell in getattr(function, "__closure__", None) or ():
            if callable(cell.cell_contents):
                yield from _wrapped(cell.cell_contents, depth - 1)
