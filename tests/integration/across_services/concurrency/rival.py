"""Another process on the same schema: it judges dues, or sends texts, as a second replica does."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import services.compliance.app
from services.sender.dependencies import SenderDependencies
from services.sender.settings import SenderSettings
from shared.config.directory import MerchantDirectory
from shared.db.postgres import PostgresDatabase
from shared.db.transaction import WritePriority
from shared.events.envelope import decode, encode
from shared.events.follow_up import FollowUpDue
from shared.privacy import Keyring, Sealer
from shared.service import Runtime
from shared.settings import ProcessSettings
from shared.testing import make_sender
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness
from shared.testing.schemas import OrderedLog

BATCH = 25
_START_SECONDS = 90
_STEP_SECONDS = 0.02


@asynccontextmanager
async def rival(
    harness: ServiceHarness, folder: Path, role: str, dues: list[FollowUpDue] | None = None
) -> AsyncIterator[None]:
    """Start the other process and yield when it is ready to go; it goes at once, and has ended when this is left."""
    database = harness.runtime.database
    assert isinstance(database, PostgresDatabase)
    harness.runtime.sealer._keyring.save(folder / "rival.json")
    (folder / "dues").write_bytes(b"\n".join(encode(due) for due in dues or []))
    url = database._engine.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    reported = json.dumps({"role": role, "url": url, "schema": database.schema, "folder": str(folder)})
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, reported, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    ready = await asyncio.wait_for(child.stdout.readline(), _START_SECONDS)
    assert ready == b"ready\n"
    child.stdin.write(b"go\n")
    yield
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 300) == 0


async def main(reported: dict[str, Any]) -> None:
    """Be the other process."""
    folder = Path(reported["folder"])
    database = PostgresDatabase(reported["url"], reported["schema"])
    await database.start()
    merchants = MerchantDirectory.load(folder / "merchants", make_sender.ENVIRON)
    sealer = Sealer(Keyring.load(folder / "rival.json"))
    runtime = Runtime(ProcessSettings(data_dir=folder), FakeClock(), database, OrderedLog(database), sealer, merchants)
    work = {"judge": _judge, "send": _send}[reported["role"]]
    await work(runtime, folder)
    await database.stop()


async def _judge(runtime: Runtime, folder: Path) -> None:
    service = services.compliance.app.build(runtime)
    dues = [decode(FollowUpDue, line) for line in (folder / "dues").read_bytes().splitlines()]
    await _go()
    for start in range(0, len(dues), BATCH):
        batch = dues[start : start + BATCH]
        await runtime.units.run(partial(service.events.handle, batch), WritePriority.BATCHES)


async def _send(runtime: Runtime, _folder: Path) -> None:
    sender = SenderDependencies.of(runtime, SenderSettings(), make_sender.ENVIRON)
    await _go()
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not over.done():
        assert isinstance(runtime.clock, FakeClock)
        runtime.clock.advance(seconds=_STEP_SECONDS)  # or the number's rate would never let another text through
        await sender.dispatcher.step()
        await sender.calls.drain()
    await sender.calls.stop()
    await sender.providers.close()


async def _go() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
