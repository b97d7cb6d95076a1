"""What the benchmarks run on: the shipped application and the simulated provider, each a process, and orders."""

import asyncio
import re
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import orjson
import sqlalchemy as sa

from shared.clock import write_offset
from shared.db.sqlite import SQLiteDatabase
from shared.db.transaction import Transaction, WritePriority
from shared.testing.process import API_KEY, Process, application_process, free_port, simulator_process, write_shop

BATCH = 500
"""Events in one request, the most that are taken."""
NOON_IN_NEW_YORK_HOUR = 16
"""In UTC, or 11 in the morning in winter: inside every sending window, at whatever hour the benchmark is run."""
PARTS_PER_SECOND = 1000
"""Of the sender number: far above what is measured, so that its rate is not what limits."""
UNBOUNDED = {
    "FOLLOWUP_MERCHANT_EVENTS_PER_SECOND": "1000000",
    "FOLLOWUP_MERCHANT_BYTES_PER_SECOND": "10000000000",
    "FOLLOWUP_MERCHANT_PENDING_FOLLOW_UPS": "100000000",
}
"""Settings under which one merchant's quotas are not what limits."""
MODULE = "services.cli"
"""The module that runs the application; a profiler may replace it."""
_TEXT = (
    "Thanks {{ recipient.first_name | default: 'so much' }}! Order {{ trigger.order_name }}: {{ trigger.url | link }}"
)
_SYNCHRONOUS_FULL = 2
_ORDER_IN_TEXT = re.compile(r"#(\d+)")


def flow(wait: str = "") -> str:
    """Return a flow that thanks for an order at once, or after a wait."""
    step = f"  - wait: {wait}\n" if wait else ""
    return f"""
flow: order-thank-you
on: purchase
enter: {{once_per: trigger.subject}}
facts: {{order_name: string, url: string}}
steps:
{step}  - text: thanks
    purpose: transactional
    expire_after: 3d
    body: {{en: "{_TEXT}"}}
"""


def order(number: int, at: datetime) -> dict[str, Any]:
    """Return a purchase by a person of their own; buying is what permits texts about the order."""
    name = f"bench-{number}"
    return {
        "id": f"evt-{name}",
        "kind": "purchase",
        "occurred_at": at.isoformat(),
        "subject": f"order-{name}",
        "recipient": {"phone": phone(number), "first_name": "Ana", "country": "US", "state": "NY"},
        "amount": {"minor": 4900, "currency": "USD"},
        "facts": {"order_name": f"#{number}", "url": f"https://acme.example/orders/{number}"},
    }


def phone(number: int) -> str:
    """Return a number in New York."""
    return f"+1212{2000000 + number:07d}"


def offset_to_noon(real: datetime) -> timedelta:
    """Return how far the clock is moved so that it is noon in New York."""
    noon = real.replace(hour=NOON_IN_NEW_YORK_HOUR, minute=0, second=0, microsecond=0)
    return (noon if noon >= real else noon + timedelta(days=1)) - real


@dataclass(slots=True, kw_only=True)
class RunningApplication(ABC):
    """What benchmarks ask of a running application, in either mode."""

    client: aiohttp.ClientSession
    events_address: str
    offset: timedelta
    """How far its clock is moved."""
    clock_file: Path
    texts_file: Path
    """The provider's record."""
    look_seconds: float

    @abstractmethod
    async def states(self) -> dict[str, int]:
        """Return how many follow-ups are in each state, from the database, so that the application is not disturbed."""

    def now(self) -> datetime:
        """Return the instant by the clock of the application."""
        return datetime.fromtimestamp(time.time(), UTC) + self.offset

    def move(self, offset: timedelta) -> None:
        """Move the clock of every process."""
        self.offset = offset
        write_offset(self.clock_file, offset)

    async def post(self, first: int, count: int, at: datetime) -> None:
        """Post orders in batches, one after the other, each answered 202: then they are on disk."""
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        for start in range(first, first + count, BATCH):
            orders = [order(number, at) for number in range(start, min(start + BATCH, first + count))]
            async with self.client.post(self.events_address, data=orjson.dumps(orders), headers=headers) as answer:
                assert answer.status == 202, await answer.text()

    async def wait_for(self, state: str, count: int, seconds: float) -> None:
        """Wait until this many follow-ups are in a state.

        Raises:
            TimeoutError: they do not.
        """
        deadline = time.monotonic() + seconds
        while (found := await self.states()).get(state, 0) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found} after {seconds} s, {count} {state} expected")
            await self.look()

    async def look(self) -> None:
        """Wait for the next look at a file or table."""
        await asyncio.sleep(self.look_seconds)

    def calls(self) -> list[float]:
        """Return when the provider accepted each text, in seconds since 1970 by its own (moved) clock."""
        found = _rows_of(self.texts_file, "SELECT created_at_us FROM texts ORDER BY created_at_us")
        return [row[0] / 1e6 for row in found]

    def calls_by_order(self) -> dict[int, float]:
        """Return when the provider accepted the text about each order."""
        found = _rows_of(self.texts_file, "SELECT body, created_at_us FROM texts")
        return {int(_ORDER_IN_TEXT.findall(body)[0]): at / 1e6 for body, at in found}


@dataclass(slots=True, kw_only=True)
class BenchHarness(RunningApplication):
    """A running application in embedded mode, and its provider."""

    folder: Path
    address: str
    provider_address: str
    application: Process
    provider: Process
    look_seconds: float = 0.1

    async def states(self) -> dict[str, int]:
        """Return how many follow-ups are in each state."""
        return dict(self.rows("SELECT state, count(*) FROM scheduler_follow_ups GROUP BY state"))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query of the application's file finds."""
        return _rows_of(self.folder / "data" / "followup.db", query)

    async def metric(self, name: str) -> float:
        """Return the sum of a metric of the application over all labels."""
        async with self.client.get(f"{self.address}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def _rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


@asynccontextmanager
async def running(
    wait: str = "",
    module: str | None = None,
    prepare: Callable[[Path], None] = lambda _merchants: None,
    settings: Mapping[str, str] = UNBOUNDED,
    parts_per_second: int = PARTS_PER_SECOND,
) -> AsyncIterator[BenchHarness]:
    """Start an application and a provider in an empty folder, and end them afterwards; `prepare` may add merchants."""
    with TemporaryDirectory(prefix="followup-bench-") as name:
        folder, port, provider_port = Path(name), free_port(), free_port()
        address, provider_address = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{provider_port}"
        offset = offset_to_noon(datetime.now(UTC))
        write_offset(folder / "clock", offset)
        clock = {"FOLLOWUP_CLOCK_FILE": str(folder / "clock")}
        merchants = write_shop(
            folder, application=address, provider=provider_address, flow=flow(wait), parts_per_second=parts_per_second
        )
        prepare(merchants)
        application = application_process(folder, port, merchants, FOLLOWUP_LOG_LEVEL="warning", **settings, **clock)
        application.arguments[0] = module or MODULE
        provider = simulator_process(folder, provider_port, address, **clock)
        await provider.start()
        await application.start()
        try:
            await provider.ready(f"{provider_address}/simulator/health")
            await application.ready(f"{address}/healthz")
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as client:
                yield BenchHarness(
                    folder=folder,
                    address=address,
                    provider_address=provider_address,
                    application=application,
                    provider=provider,
                    client=client,
                    events_address=f"{address}/v1/events",
                    offset=offset,
                    clock_file=folder / "clock",
                    texts_file=folder / "simulator.db",
                )
        finally:
            await application.stop()
            await provider.stop()


async def durability() -> dict[str, str]:
    """Return the settings of the application's own database that make a commit durable; asserted, not assumed."""
    with TemporaryDirectory() as folder:
        database = SQLiteDatabase(Path(folder) / "settings.db")
        await database.start()
        try:
            found = await database.write(_pragmas, WritePriority.BATCHES)
        finally:
            await database.stop()
    assert found == {"journal_mode": "wal", "synchronous": str(_SYNCHRONOUS_FULL)}, found
    return {f"sqlite {name}": value for name, value in found.items()}


async def _pragmas(transaction: Transaction) -> dict[str, str]:
    names = ("journal_mode", "synchronous")
    return {name: str((await transaction.rows(sa.text(f"PRAGMA {name}")))[0][name]) for name in names}
