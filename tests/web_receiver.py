"""A web server for tests of outbound calls: it keeps what it got, and answers the bytes a test gives it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class WebReceiver:
    """What arrived, and how the next requests are answered."""

    port: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    answer: Callable[[ReceivedRequest], bytes | None] = lambda _: OK
    """None: the connection stays open without an answer."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    def url(self, path: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        """Return an address of this server."""
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request of a connection."""
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest if each)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            request = ReceivedRequest(line, headers, body)
            self.requests.append(request)
            self.arrived.set()
            answer = self.answer(request)
            if answer is None:
                await reader.read()  # until the caller gives up
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[WebReceiver]:
    """Yield a server on a free port of this machine."""
    receiver = WebReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
