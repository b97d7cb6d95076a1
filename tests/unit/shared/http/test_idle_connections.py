"""Idle connections: closed once their time is over, counted from the last answer, by a timer that is rarely set up."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from shared.http.limits import ConnectionLimits
from shared.http.protocol import Connections, LimitedProtocol
from tests.web.served import small_app

IDLE_SECONDS = 5


class Hands(asyncio.Transport):
    """A connection that only remembers that it was closed."""

    closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 8080) if name in {"peername", "sockname"} else default

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


class Timers:
    """A loop whose time tests set, and whose timers tests call."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.waiting.append((self.now + seconds, callback))
        return asyncio.TimerHandle(self.now + seconds, callback, (), asyncio.get_running_loop())

    def go_on(self, until: float) -> None:
        for at, callback in [each for each in self.waiting if each[0] <= until]:
            self.waiting.remove((at, callback))
            self.now = at
            callback()
        self.now = until


@pytest.fixture
async def timers() -> Timers:
    return Timers()


@pytest.fixture
async def connection(tmp_path: Path, timers: Timers) -> LimitedProtocol:
    config = uvicorn.Config(small_app(tmp_path), lifespan="off", log_config=None, timeout_keep_alive=IDLE_SECONDS)
    given: dict[str, Any] = {"config": config, "server_state": ServerState(), "app_state": {}, "_loop": timers}
    made = Connections(ConnectionLimits()).protocol(**given)
    made.connection_made(Hands())
    return made


async def test_an_idle_connection_is_closed_so_long_after_its_last_answer(
    connection: LimitedProtocol, timers: Timers
) -> None:
    for answered in (0.0, 1.0, 2.0, 4.5):
        timers.go_on(until=answered)
        connection.data_received(b"\r\n")
        connection.on_response_complete()
    assert len(timers.waiting) == 1
    timers.go_on(until=9.4)
    assert not connection.transport.is_closing()
    timers.go_on(until=9.5)
    assert connection.transport.is_closing()
    assert timers.waiting == []


async def test_a_connection_whose_request_is_under_way_is_not_idle(connection: LimitedProtocol, timers: Timers) -> None:
    connection.on_response_complete()
    timers.go_on(until=4.0)
    connection.data_received(b"\r\n")
    timers.go_on(until=60.0)
    assert not connection.transport.is_closing()
    connection.on_response_complete()
    timers.go_on(until=65.0)
    assert connection.transport.is_closing()
