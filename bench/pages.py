"""Pages of the console on a large shop: a month of history, its ended texts copied until there are a million.

The copies have people of their own, so that a million texts have two hundred thousand people; what is sealed to a
person does not open for a copy, so pages about one person and the inbox are those of the people who really lived.
"""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx2

from bench.measurement import Result, figure, percentile
from services.demo.actions import Secrets
from services.demo.environment import RunningDemo, running_demo
from services.demo.history.history import SPAN, fill
from services.demo.story import Story

FOLLOW_UPS: Final = 1_000_000
_UNTIL: Final = datetime(2026, 12, 2, 19, 30, tzinfo=UTC)
_TRIES: Final = 15
"""Of each page in a round, the first of which is not counted: it fills caches that live as long as the process."""
_LISTED: Final = 32
"""Rows of the newest texts, one of which is opened."""
_COPIED: Final[dict[str, tuple[str, ...]]] = {
    "scheduler_enrollments": ("id", "recipient_id"),
    "scheduler_follow_ups": ("id", "recipient_id", "enrollment_id"),
    "scheduler_state_changes": ("follow_up_id",),
    "compliance_decisions": ("follow_up_id", "recipient_id"),
    "compliance_consent_ledger": ("entry_id", "recipient_id"),
    "sender_dispatches": ("follow_up_id", "recipient_id", "enrollment_id"),
    "sender_attempts": ("id", "follow_up_id", "recipient_id"),
    "sender_receipts": ("id", "attempt_id"),
    "sender_touches": ("id", "recipient_id", "follow_up_id"),
    "metrics_follow_ups": (
        "follow_up_id",
        "recipient_id",
        *("delivered_by", "clicked_by", "replied_by", "opted_out_by", "converted_by"),
    ),
    "metrics_facts": ("event_id", "recipient_id", "follow_up_id"),
}
"""Tables that grow with texts, and their columns that name something."""
_ENDED: Final = {
    "scheduler_follow_ups": "ended_at IS NOT NULL",
    "metrics_follow_ups": "state NOT IN ('pending', 'releasing', 'sending')",
    "sender_attempts": "state NOT IN ('intent', 'unknown')",
}
"""What of a table is copied: nothing that would be sent once more."""
PAGES: Final = {
    "home, 24 hours": "/console?span=24h",
    "home, 30 days": "/console?span=30d",
    "messages": "/console/messages",
    "messages, blocked": "/console/messages?state=blocked",
    "messages, one flow": "/console/messages?flow=order-thank-you",
    "a message": "/console/follow-ups/{follow_up_id}",
    "a person": "/console/people/{recipient_id}",
    "inbox": "/console/inbox?show=closed",
    "flows": "/console/flows",
    "a flow": "/console/flows/order-thank-you",
    "pause and stop": "/console/controls",
    "results by flow": "/console/results?by=flow&period=30d",
    "rows of a number": "/console/rows?measure=delivered&from={since}&to={until}",
    "rows of a rare number": "/console/rows?measure=clicked&flow=win-back&from={since}&to={until}",
    "deliverability": "/console/deliverability",
    "sources": "/console/sources",
    "consent": "/console/consent",
    "audit": "/console/settings/audit",
}


async def run(rounds: int) -> Result:
    """Measure each page, asked one after the other through the whole process, signed in by a key that may see all."""
    with TemporaryDirectory(prefix="followup-bench-") as name:
        folder = Path(name) / "shop"
        secrets = await _lived(folder)
        copies = _multiply(folder / "followup.db")
        taken: dict[str, list[list[float]]] = {page: [] for page in PAGES}
        async with _signed_in(folder, secrets) as (client, values):
            for _ in range(rounds):
                for page, address in PAGES.items():
                    taken[page].append(await _ask(client, address.format(**values)))
        size = (folder / "followup.db").stat().st_size
    figures = [
        figure(f"{page}: {part}", "ms", [percentile(each, share) * 1000 for each in rounds_of], target)
        for page, rounds_of in taken.items()
        for part, share, target in (("p50", 0.5, ""), ("p95", 0.95, "< 300"))
    ]
    settings = {"follow-ups": f"{FOLLOW_UPS:,}", "copies": f"{copies:,}", "file": f"{size / 1e9:.1f} GB"}
    return Result("pages on a large shop", tuple(figures), settings | {"tries a page": str(_TRIES - 1)})


async def _lived(folder: Path) -> Secrets:
    """Let a small shop live a month, and return the secrets it shares with Followup."""
    async with running_demo(folder, starts_at=_UNTIL - SPAN) as running:
        story = Story(running.actions, running.clock.now, lambda _title, _sentence: None, 60.0)
        problem = await story.run()
        assert problem is None, problem
        assert await fill(running, _UNTIL, lambda _progress: None)
        return running.secrets


def _multiply(file: Path) -> int:
    """Copy what ended until there are a million follow-ups; return how many copies of each row there are."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -500000")
        (there,) = database.execute("SELECT count(*) FROM metrics_follow_ups").fetchone()
        ended = f"SELECT count(*) FROM metrics_follow_ups WHERE {_ENDED['metrics_follow_ups']}"  # noqa: S608 - ours
        copies: int = (FOLLOW_UPS - there) // int(database.execute(ended).fetchone()[0]) + 1
        database.execute("CREATE TEMP TABLE copies (tail BLOB)")
        tails = [(number.to_bytes(4, "big"),) for number in range(1, copies + 1)]
        database.executemany("INSERT INTO copies VALUES (?)", tails)
        for table, named in _COPIED.items():
            columns = [str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")]
            chosen = ", ".join(
                f"CAST(substr(t.{each}, 1, 12) || copies.tail AS BLOB)" if each in named else f"t.{each}"
                for each in columns
            )
            where = _ENDED.get(table, "true")
            names = ", ".join(columns)
            database.execute("BEGIN")
            database.execute(f"CREATE TEMP TABLE rows_of AS SELECT * FROM {table} WHERE {where}")  # noqa: S608 - ours
            database.execute(
                f"INSERT OR IGNORE INTO {table} ({names}) SELECT {chosen} FROM rows_of t CROSS JOIN copies"  # noqa: S608 - ours
            )
            database.execute("DROP TABLE rows_of")
            database.execute("COMMIT")
        database.execute("ANALYZE")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
    for left in (".sum", ".pages", "-wal", "-shm"):  # what the process left of the file as it was
        file.with_name(f"{file.name}{left}").unlink(missing_ok=True)
    return copies


@asynccontextmanager
async def _signed_in(folder: Path, secrets: Secrets) -> AsyncIterator[tuple[httpx2.AsyncClient, dict[str, str]]]:
    """Run the shop, and yield a browser's session in it with the ids that addresses name."""
    async with (
        running_demo(folder, starts_at=_UNTIL + timedelta(minutes=5), kept=secrets) as running,
        httpx2.AsyncClient(base_url=running.address, timeout=120, follow_redirects=True) as client,
    ):
        await _enter(client, running)
        yield client, await _values(running)


async def _enter(client: httpx2.AsyncClient, running: RunningDemo) -> None:
    made = await running.actions.ask("/console/codes", {})
    code = parse_qs(urlsplit(made["path"]).query)["code"][0]
    same_site = {"Origin": running.address, "Sec-Fetch-Site": "same-origin"}
    answer = await client.post("/console/sign-in", data={"code": code}, headers=same_site)
    assert answer.is_success, answer.text


async def _values(running: RunningDemo) -> dict[str, str]:
    """Return the newest delivered text and its person, and the window of the month."""
    newest = (await running.actions.read(f"/v1/messages?state=delivered&limit={_LISTED}"))["messages"][-1]
    now = running.clock.now()
    window = {"since": now - timedelta(days=30), "until": now}
    times = {name: at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in window.items()}
    return {"follow_up_id": newest["follow_up_id"], "recipient_id": newest["recipient_id"]} | times


async def _ask(client: httpx2.AsyncClient, address: str) -> list[float]:
    """Return the seconds that the answers took, without the first."""
    taken = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        answer = await client.get(address)
        taken.append(time.perf_counter() - began)
        assert answer.is_success, f"{address}: {answer.status_code}"
    return taken[1:]
