"""A database that cannot be written to: 503 with Retry-After, nothing acknowledged is lost, and it recovers."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa

from services.demo.environment import RunningDemo
from services.ingest.tables import deliveries
from shared.bus import local
from shared.db.transaction import Transaction, WritePriority
from shared.testing.waiting import until


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"evt-{number}",
        "kind": "inquiry",
        "recipient": {"phone": f"+1212555{number % 100 + 100:04d}"},
        "facts": more,
    }


async def report(shop: RunningDemo, body: object) -> httpx2.Response:
    return await shop.actions.client.post("/v1/events", json=body, headers=shop.actions.authorization, timeout=40)


async def kept(shop: RunningDemo) -> int:
    """Return how many triggers the log holds."""
    log = local.event_log.c
    count = sa.select(sa.func.count().label("n")).where(log.type == "trigger.received")
    [row] = await shop.application.runtime.database.read(lambda db: db.rows(count))
    return int(row["n"])


def is_unavailable(answer: httpx2.Response) -> bool:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "database_unavailable"
    assert answer.json()["detail"] == "nothing was stored; try again"
    return answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


async def lives(shop: RunningDemo, taken: int) -> None:
    """Assert that every acknowledged event is there, every consumer goes on, and the next event is taken."""

    async def is_taken() -> bool:
        return (await report(shop, event(9999))).status_code == 202

    await until(is_taken)
    assert await kept(shop) == taken + 1
    assert (await shop.actions.client.get("/readyz")).status_code == 200
    [newest] = await shop.application.runtime.database.read(
        lambda db: db.rows(sa.select(sa.func.max(local.event_log.c.id)))
    )

    async def is_read() -> bool:
        positions = [service.runner.position(local.LOCAL) for service in shop.application.services if service.runner]
        return all((position or 0) > int(newest["max_1"]) for position in positions)

    await until(is_read)


async def test_a_locked_database_is_503_for_everybody_at_once_and_passes(shop: RunningDemo, tmp_path: Path) -> None:
    assert (await report(shop, [event(number) for number in range(5)])).status_code == 202
    other = sqlite3.connect(tmp_path / "shop" / "followup.db", isolation_level=None)
    other.execute("PRAGMA busy_timeout = 3000")
    try:
        other.execute("BEGIN IMMEDIATE")
        begun = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(report(shop, event(number)) for number in range(5, 25)))
        waited = asyncio.get_running_loop().time() - begun
        assert all(is_unavailable(answer) for answer in answers)
        assert waited < 14, "each waited for the lock by itself"
        assert (await shop.actions.client.get("/healthz")).status_code == 200
        assert (await shop.actions.read("/v1/kpis"))["kpis"]
    finally:
        other.execute("ROLLBACK")
        other.close()
    again = await asyncio.gather(*(report(shop, event(number)) for number in range(5, 25)))
    taken = sum(answer.status_code == 202 for answer in again)
    refused = [answer for answer in again if answer.status_code != 202]
    assert all(is_unavailable(answer) for answer in refused)
    await lives(shop, 5 + taken)


async def test_a_full_disk_is_503_and_passes_and_what_was_acknowledged_is_there(shop: RunningDemo) -> None:
    database = shop.application.runtime.database

    async def limit(transaction: Transaction, pages: int) -> None:
        await transaction.rows(sa.text(f"PRAGMA max_page_count = {pages}").columns(sa.column("pages", sa.Integer)))

    async def room(transaction: Transaction) -> int:
        rows = await transaction.rows(sa.text("PRAGMA page_count").columns(sa.column("pages", sa.Integer)))
        return int(rows[0]["pages"])

    pages = await database.read(room)
    await database.write(lambda db: limit(db, pages + 20), WritePriority.STOP)
    answers: list[httpx2.Response] = []
    for number in range(200):
        answers.append(await report(shop, event(number, note="x" * 5000)))
        if answers[-1].status_code != 202:
            break
    assert answers[-1].status_code == 503
    assert is_unavailable(answers[-1])
    assert is_unavailable(await report(shop, event(500, note="x" * 5000)))
    taken = len(answers) - 1
    assert taken >= 1
    assert await kept(shop) == taken
    await database.write(lambda db: limit(db, 1_000_000), WritePriority.STOP)
    await lives(shop, taken)
    [row] = await database.read(lambda db: db.rows(sa.select(sa.func.count().label("n")).select_from(deliveries)))
    assert row["n"] == taken + 1
