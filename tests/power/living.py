"""An application and its provider in this process, on a folder: the statements to their databases are recorded."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import uvicorn

from services import embedded
from services.embedded import Application
from services.simulator import journal
from services.simulator.wire import SIGNATURE_HEADER, sign
from shared.bus.local import LOCAL
from shared.clock import write_offset
from shared.db.sqlite import SQLiteDatabase
from shared.http.server import bind, limits_of, server_of
from shared.settings import ProcessSettings
from shared.testing.process import ACCOUNT_SID, AUTH_TOKEN, free_port, write_shop
from shared.testing.waiting import until
from tests.e2e.orders import FLOW, HEADERS, order, phone
from tests.power.recording import Acknowledged, Report, Statement

ORDERS: Final = 14
ASKED: Final = 3
STOPPED: Final = 3
APPLICATION: Final = "followup.db"
PROVIDER: Final = "simulator.db"
ENVIRONMENT: Final = {"E2E_SHOPIFY_SECRET": "shop", "E2E_TWILIO_TOKEN": AUTH_TOKEN}
_DUE: Final = """
SELECT (SELECT count(*) FROM scheduler_timers WHERE due_at <= :now) + (SELECT count(*) FROM scheduler_lines)
     + (SELECT count(*) FROM sender_dispatches WHERE state = 'queued' AND ready_at <= :now)
     + (SELECT count(*) FROM sender_in_flight WHERE state = 'intent' AND deadline < :overdue)
     + (SELECT count(*) FROM sender_in_flight WHERE state = 'unknown' AND look_at <= :now)
"""
_PLACE: Final = {"country": "US", "state": "NY", "time_zone": "America/New_York"}


class Place:
    """A folder with a shop, and the port its application always has."""

    def __init__(self, folder: Path, keyring: Path | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.keyring = keyring or self.data / "keyring.json"
        self.clock_file = folder / "clock"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        write_offset(self.clock_file, timedelta())
        self.merchants = write_shop(folder, application=self.address, provider=self.address, flow=FLOW)

    @asynccontextmanager
    async def application(self, data: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, Application]]:
        """Run the application on a data folder of this place, and yield a client of it, and itself."""
        listener, settings = bind(
            ProcessSettings(
                data_dir=data,
                merchants_dir=self.merchants,
                port=self.port,
                clock_file=self.clock_file,
                keyring_file=self.keyring if self.keyring.exists() else None,
            )
        )
        try:
            async with embedded.open_application(settings) as application:
                server = server_of(application.app, limits_of(settings))
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                async with httpx2.AsyncClient(base_url=self.address, headers=HEADERS, timeout=60) as client:
                    await until(lambda: _is(server), 60)
                    yield client, application
                server.should_exit = True
                await serving
        finally:
            listener.close()


async def _is(server: uvicorn.Server) -> bool:
    return server.started


def listen(patch: pytest.MonkeyPatch, seen: list[Report], base: Path) -> None:
    """Record the statements of the two writers from now on; the application's file as it was then goes to `base`."""
    open_application: Callable[..., Any] = SQLiteDatabase._open
    open_provider = journal._connect

    def application(self: SQLiteDatabase, *, reader: bool) -> Any:
        if reader:
            return open_application(self, reader=True)
        shutil.copyfile(self.path, base)
        connection, raw = open_application(self, reader=False)
        raw.set_trace_callback(lambda sql: seen.append(Statement("application", sql)))
        return connection, raw

    def provider(file: Path) -> sqlite3.Connection:
        raw = open_provider(file)
        if not any(isinstance(each, Statement) and each.of == "provider" for each in seen):  # the writer comes first
            raw.set_trace_callback(lambda sql: seen.append(Statement("provider", sql)))
        return raw

    patch.setattr(SQLiteDatabase, "_open", application)
    patch.setattr(journal, "_connect", provider)


async def live(place: Place, seen: list[Report]) -> None:
    """Let orders come in, texts go out, and some people write STOP; note what was acknowledged."""
    at = datetime.now(UTC).isoformat()
    async with place.application(place.data) as (client, _application):
        for number in range(ORDERS):
            answer = await client.post("/v1/events", json=order(number, at))
            assert answer.status_code == httpx2.codes.ACCEPTED, answer.text
            seen.append(Acknowledged("events", number + 1))
        for number in range(ASKED):
            text = {"to": phone(100 + number), "text": "Your table is ready.", "purpose": "transactional"}
            answer = await client.post("/v1/follow-ups", json={**text, "due_in": "2h", "recipient": _PLACE})
            assert answer.is_success, answer.text
            seen.append(Acknowledged("texts", number + 1))
        await _sent(place, ORDERS)
        for number in range(STOPPED):
            await _stop(place, client, number)
            seen.append(Acknowledged("stops", number + 1))
        await settled(place.data / PROVIDER)


async def _stop(place: Place, client: httpx2.AsyncClient, number: int) -> None:
    form = {
        "MessageSid": f"SM{number:032x}",
        "AccountSid": ACCOUNT_SID,
        "From": phone(number),
        "To": "+12025550100",
        "Body": "STOP",
        "NumMedia": "0",
    }
    path = "/v1/providers/main/acme/replies"
    signature = sign(f"{place.address}{path}", form, AUTH_TOKEN)
    answer = await client.post(path, data=form, headers={SIGNATURE_HEADER: signature})
    assert answer.is_success, answer.text


async def _sent(place: Place, texts: int) -> None:
    async def went() -> bool:
        return taken(place.data / PROVIDER) >= texts

    await until(went, 100)


async def idle(application: Application, data: Path, seconds: float) -> None:
    """Wait until an application has read its log and has nothing left that is due."""
    now = int(application.runtime.clock.now().timestamp() * 1_000_000)

    async def is_idle() -> bool:
        with closing(sqlite3.connect(data / APPLICATION)) as raw:
            (due,) = raw.execute(_DUE, {"now": now, "overdue": now - 31_000_000}).fetchone()
            (newest,) = raw.execute("SELECT coalesce(max(id), 0) FROM event_log").fetchone()
        read = [each.runner.position(LOCAL) for each in application.services if each.runner]
        return due == 0 and all(place is not None and place > newest for place in read)

    await until(is_idle, seconds)


async def settled(record: Path, seconds: float = 1) -> None:
    """Wait until a provider's record did not grow for so long."""
    grown = [-1]
    while grown[-1] != taken(record):
        grown.append(taken(record))
        await asyncio.sleep(seconds)


def taken(file: Path) -> int:
    """Return how many texts the provider's record holds."""
    with closing(sqlite3.connect(file)) as raw:
        (number,) = raw.execute("SELECT count(*) FROM texts WHERE direction = 'outbound-api'").fetchone()
    return int(number)
