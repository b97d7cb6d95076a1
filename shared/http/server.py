"""The HTTP server of a process: takes its port early, is quiet about access, and ends when it is told to."""

import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from shared.errors import ConfigurationFault
from shared.settings import ProcessSettings

_REQUEST_END_SECONDS = 3
"""How long requests under way may still take once the process was told to end."""


def bind(settings: ProcessSettings) -> tuple[socket.socket, ProcessSettings]:
    """Take the port, and return it with settings that know the address they are reached at.

    Raises:
        ConfigurationFault: the port is taken or not ours to take.
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
    address = settings.public_url.rstrip("/") or f"http://{settings.host}:{port}"
    return listener, settings.model_copy(update={"port": port, "public_url": address})


class _Server(uvicorn.Server):
    """Ends when it is told to; uvicorn's own then raises the signal again, before the house around it is closed."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signal handlers are called
        """Finish what is under way; a second Ctrl-C does not wait for it."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def server_of(app: FastAPI) -> uvicorn.Server:
    """Return the HTTP server of an app, quiet about access (requests are counted, not logged)."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=_REQUEST_END_SECONDS
    )
    return _Server(config)
