"""An app behind the server of our processes, on a real port, for tests that speak to it in bytes."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response

from shared.config.directory import MerchantDirectory
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.http.limits import ConnectionLimits
from shared.http.server import server_of
from shared.process import loop_factory
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock

PATIENCE_SECONDS = 60.0
"""Far beyond what any test here needs: none depends on how fast the machine is."""


def small_app(folder: Path, *, largest_body: int = 100_000) -> FastAPI:
    """Return an app with two routes: one reads its body, the other headers alone."""
    router = APIRouter()

    @router.post("/measure")
    async def measure(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body()), "headers": len(request.headers)}

    @router.get("/large")
    async def large() -> str:
        return "x" * 8_000_000

    async def plain(request: Request) -> Response:
        return Response(await request.body())

    router.add_route("/plain", plain, methods=["POST"])
    keys = Keys(MerchantDirectory.load(folder, {}), RateLimit(1000, FakeClock()))
    return create_app("test", [router], keys=keys, health=Health(), max_body_bytes=largest_body)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the app is served."""

    port: int
    _wires: "list[Wire]" = field(default_factory=list)

    async def connect(self) -> "Wire":
        """Open one connection; it is closed with the server."""
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self._wires.append(wire)
        return wire

    async def hang_up(self) -> None:
        """Close every connection."""
        for wire in self._wires:
            await wire.close()

    async def ask(self, *pieces: bytes) -> bytes:
        """Send bytes on a connection of their own, and return all that comes back until it is closed."""
        wire = await self.connect()
        await wire.send(*pieces)
        return await wire.rest()


@dataclass(frozen=True, slots=True)
class Wire:
    """One connection, as a client has it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> int:
        """Send what the server takes, and return how many bytes that were."""
        sent = 0
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for piece in pieces:
                    self.writer.write(piece)
                    await self.writer.drain()
                    sent += len(piece)
        except (ConnectionError, BrokenPipeError):
            pass
        return sent

    async def rest(self) -> bytes:
        """Return everything until the server closes."""
        received = b""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while piece := await self.reader.read(65_536):
                    received += piece
        except ConnectionError:
            pass
        await self.close()
        return received

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def answer(self) -> bytes:
        """Return the head of one answer, on a connection that stays open."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.readuntil(b"\r\n\r\n")


@asynccontextmanager
async def served(app: FastAPI, limits: ConnectionLimits) -> AsyncIterator[Address]:
    """Serve the app until the block ends, in a thread on the event loop that our processes use."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = server_of(app, limits)

    def serve() -> None:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(server.serve(sockets=[listener]))

    serving = threading.Thread(target=serve)
    serving.start()
    await until(lambda: server.started)
    address = Address(listener.getsockname()[1])
    try:
        yield address
    finally:
        await address.hang_up()
        server.should_exit = True
        await asyncio.to_thread(serving.join)
        listener.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a server in another thread brings about."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - no event of this loop tells
            await asyncio.sleep(0.01)


def status_of(answer: bytes) -> int:
    """Return the status of a raw answer; 0 where there is none."""
    parts: Sequence[bytes] = answer.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 else 0
