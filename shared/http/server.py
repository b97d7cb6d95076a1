"""The HTTP server of a process: binds its port early, logs no access lines, and ends on a signal."""

import asyncio
import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from shared.errors import ConfigurationFault
from shared.http.limits import LONGEST_URL_BYTES, ConnectionLimits
from shared.http.protocol import Connections
from shared.settings import ProcessSettings

_REQUEST_END_SECONDS = 3
"""How long requests under way may still take after the signal to end."""
_TICKS_A_SECOND = 10
"""As uvicorn calls `on_tick`."""


def bind(settings: ProcessSettings) -> tuple[socket.socket, ProcessSettings]:
    """Bind the port, and return it with settings that know the address they are reached at.

    Raises:
        ConfigurationFault: the port is in use, or this user may not bind it.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as problem:
        listener.close()
        raise ConfigurationFault(
            f"cannot listen on {settings.host}:{settings.port} ({problem.strerror}); "
            "stop what uses it or choose another with --port"
        ) from None
    port = listener.getsockname()[1]
    settings = settings.model_copy(update={"port": port})
    return listener, settings.model_copy(update={"public_url": settings.address})


def limits_of(settings: ProcessSettings) -> ConnectionLimits:
    """Return what the settings allow each connection."""
    return ConnectionLimits(
        head_bytes=settings.max_head_bytes,
        url_bytes=min(settings.max_head_bytes, LONGEST_URL_BYTES),
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
        connections=settings.max_connections,
        connections_per_address=settings.max_connections_per_address,
        trusted_proxies=settings.proxies,
    )


class _Server(uvicorn.Server):
    """Ends on a signal; uvicorn's own raises the signal again, before the application around it is closed."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._open_connections = connections

    async def on_tick(self, counter: int) -> bool:
        """Once a second, close connections whose client took too long."""
        if counter % _TICKS_A_SECOND == 0:
            self._open_connections.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signal handlers are called
        """Finish what is under way; a second Ctrl-C does not wait for it."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def server_of(app: FastAPI, limits: ConnectionLimits | None = None) -> uvicorn.Server:
    """Return the HTTP server of an app; requests are counted, not logged."""
    connections = Connections(limits or ConnectionLimits())
    config = uvicorn.Config(
        app,
        http=connections.protocol,  # type: ignore[arg-type] # uvicorn calls it as it would call a class
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        forwarded_allow_ips=str(connections.limits.trusted_proxies),
        timeout_graceful_shutdown=_REQUEST_END_SECONDS,
    )
    return _Server(config, connections)
