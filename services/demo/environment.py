"""What the demo runs in: a folder with a shop's files and a clock, and all services running on it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import httpx2
import uvicorn

from services import embedded
from services.demo.actions import DemoActions, Secrets
from services.virtual_time.clock import VirtualClock
from shared.config.directory import MerchantDirectory
from shared.db.lock import FolderLock
from shared.errors import ConfigurationFault
from shared.http.auth import key_sha256
from shared.http.server import bind, limits_of, server_of
from shared.settings import ProcessSettings

PHONE = "+12125550123"
"""In the range reserved for fiction, 555-0100 to 555-0199."""
_MARK = "demo"
_MADE_BY_THE_DEMO = "This folder belongs to `followup demo`, which empties it at each start.\n"
_READY_SECONDS = 15.0


@dataclass(slots=True)
class RunningDemo:
    """A running application with one shop."""

    application: embedded.Application
    actions: DemoActions
    clock: VirtualClock
    address: str
    secrets: Secrets
    serving: asyncio.Task[None]
    server: uvicorn.Server

    def is_ending(self) -> bool:
        """Return whether the process was told to end."""
        return self.server.should_exit or self.serving.done()


@asynccontextmanager
async def running_demo(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    starts_at: datetime | None = None,
    kept: Secrets | None = None,
) -> AsyncIterator[RunningDemo]:
    """Write the shop's files into an emptied demo folder, start the application on them, and yield it when it is ready.

    Args:
        folder: a demo's, or one to be made.
        host: to listen on.
        port: to listen on; 0: any free one.
        starts_at: where the demo's clock stands at the start; without it, now.
        kept: the secrets of the shop that an earlier demo left in the folder, which then is not emptied.

    Raises:
        ConfigurationFault: the folder or the port cannot be used; the message says why.
    """
    listener, settings = bind(
        ProcessSettings(host=host, port=port, data_dir=folder, merchants_dir=folder / "merchants", log_level="error")
    )
    try:
        if kept is None:
            _empty(folder)
        secrets = kept or Secrets.new()
        write_shop(folder / "merchants", settings.public_url, secrets)
        clock_file = folder / "clock"
        os.environ.update(secrets.environment())
        clock = VirtualClock(clock_file)
        clock.move(timedelta() if starts_at is None else starts_at - clock.machine_now())
        directory = MerchantDirectory.load(folder / "merchants", os.environ)
        async with embedded.open_application(settings, clock=clock, merchants=directory) as application:
            server = server_of(application.app, limits_of(settings))
            async with (
                embedded.process_file(application),
                httpx2.AsyncClient(base_url=settings.public_url, timeout=10) as client,
            ):
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                try:
                    await _ready(server, serving)
                    actions = DemoActions(client, secrets, clock_file, PHONE, clock)
                    yield RunningDemo(application, actions, clock, settings.public_url, secrets, serving, server)
                finally:
                    server.should_exit = True
                    await serving
    finally:
        listener.close()


async def _ready(server: uvicorn.Server, serving: "asyncio.Task[None]") -> None:
    """Wait until the server accepts requests.

    Raises:
        ConfigurationFault: it ended, or took longer than 15 s.
    """
    deadline = asyncio.get_running_loop().time() + _READY_SECONDS
    while not server.started:
        if serving.done() or asyncio.get_running_loop().time() > deadline:
            raise ConfigurationFault("the demo's services did not start; run `followup doctor`")
        await asyncio.sleep(0.02)


def _empty(folder: Path) -> None:
    """Empty the folder; only one that the demo made is emptied.

    Raises:
        ConfigurationFault: it is in use, not writable, or holds files that the demo did not make.
    """
    lock = FolderLock(folder)
    existing = set(folder.iterdir()) if folder.is_dir() else set()
    if existing and not (folder / _MARK).is_file():
        raise ConfigurationFault(
            f"{folder} contains files that the demo did not make; choose an empty folder with --data"
        )
    lock.acquire()
    try:
        for entry in existing:
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "followup.lock":
                entry.unlink()
        (folder / _MARK).write_text(_MADE_BY_THE_DEMO, encoding="utf-8")
    except OSError as problem:
        raise ConfigurationFault(
            f"cannot write to the data folder {folder} ({problem.strerror}); "
            "make it writable, or choose another with --data"
        ) from None
    finally:
        lock.release()


def write_shop(target: Path, address: str, secrets: Secrets) -> None:
    """Copy the demo's merchant files, filled in with this run's address and key."""
    source = files("services.demo") / "merchants" / "acme"
    (target / "acme" / "flows").mkdir(parents=True, exist_ok=True)
    text = (source / "merchant.yaml").read_text(encoding="utf-8")
    filled = text.replace("{{ address }}", address).replace("{{ key_sha256 }}", key_sha256(secrets.api_key))
    (target / "acme" / "merchant.yaml").write_text(filled, encoding="utf-8")
    for flow in (source / "flows").iterdir():
        (target / "acme" / "flows" / flow.name).write_text(flow.read_text(encoding="utf-8"), encoding="utf-8")
