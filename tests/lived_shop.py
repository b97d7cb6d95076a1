"""A shop with thirty days of history, made once a test run by the demo's own function and copied for each who asks."""

import asyncio
import fcntl
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.demo.actions import Secrets
from services.demo.environment import RunningDemo, running_demo
from services.demo.history.history import SPAN, HistoryProgress, fill
from services.demo.story import Story

UNTIL = datetime(2026, 12, 2, 19, 30, tzinfo=UTC)
"""A Wednesday afternoon in New York."""
OPENED_AT = UNTIL + timedelta(minutes=5)
"""Where the clock of a copy starts: after the last thing that happened."""
TEXTS = 300
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LivedShop:
    """Where a shop with history lies, and what a copy of it needs to run."""

    folder: Path
    secrets: Secrets
    follow_up_id: str
    """Of the story's text, which was delivered and clicked."""
    refused_id: str
    """Of the story's text after STOP."""
    stops: int
    """How often the clock stopped in the history."""


@dataclass(frozen=True, slots=True)
class OpenShop:
    """A running copy of a shop with history; its clock began at `OPENED_AT`."""

    running: RunningDemo
    lived: LivedShop


def made(factory: pytest.TempPathFactory) -> LivedShop:
    """Return the shop of this test run; the first process that asks makes it, the others wait for it."""
    base = factory.getbasetemp()
    root = base.parent if base.name.startswith("popen-") else base
    note, folder = root / "lived-shop.json", root / "lived-shop"
    with (root / "lived-shop.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            lived = asyncio.run(make(folder))
            note.write_text(json.dumps(asdict(lived), default=str), encoding="utf-8")
    stored = json.loads(note.read_text(encoding="utf-8"))
    return LivedShop(**{**stored, "folder": folder, "secrets": Secrets(**stored["secrets"])})


async def make(folder: Path, *, texts: int = TEXTS) -> LivedShop:
    """Let a shop live from its first day, with the demo's story, until `UNTIL`."""
    stops: list[HistoryProgress] = []
    async with running_demo(folder, starts_at=UNTIL - SPAN) as running:
        story = Story(running.actions, running.clock.now, lambda _title, _sentence: None, _PATIENCE_SECONDS)
        assert await story.run() is None
        assert await fill(running, UNTIL, stops.append, texts=texts)
        seen = story.observed
        return LivedShop(folder, running.secrets, seen.follow_up_id, seen.refused_id, len(stops))


@asynccontextmanager
async def opened(lived: LivedShop, folder: Path) -> AsyncIterator[OpenShop]:
    """Run a copy of the shop in a folder of its own; what happens there reaches no other copy."""
    shutil.copytree(lived.folder, folder)
    async with running_demo(folder, starts_at=OPENED_AT, kept=lived.secrets) as running:
        yield OpenShop(running, lived)
