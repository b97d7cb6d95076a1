"""Orders of a made-up shop, and how its follow-ups stand: what every fault test posts and counts."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from shared.clock import read_offset, write_offset
from shared.testing.process import API_KEY

HEADERS = {"Authorization": f"Bearer {API_KEY}"}
ENDS = frozenset({"delivered", "unconfirmed", "failed", "unknown", "blocked", "cancelled", "expired"})
BATCH = 25
_JUMP = timedelta(minutes=6)
_UNCONFIRMED_AFTER = timedelta(hours=73)
_JUMPS = 5
"""Enough for deadline + 30 s (reaper), deadline + 120 s and five minutes more (reconciler)."""
FLOW = """
flow: order-thank-you
on: purchase
enter: {once_per: trigger.subject}
steps:
  - wait: 1s
  - text: thanks
    purpose: transactional
    expire_after: 3d
    body: {en: "Thanks for order {{ trigger.order_name }}!"}
"""
TWO_TEXTS = f"""{FLOW}
  - wait: 2s
  - text: care
    purpose: transactional
    expire_after: 3d
    body: {{en: "Order {{{{ trigger.order_name }}}} is on its way."}}
"""


def phone(number: int) -> str:
    return f"+1212555{number:04d}"


def order(number: int, at: str) -> dict[str, Any]:
    return {
        "id": f"evt-{number}",
        "kind": "purchase",
        "occurred_at": at,
        "subject": f"order-{number}",
        "recipient": {"phone": phone(number), "country": "US", "state": "NY", "time_zone": "America/New_York"},
        "amount": {"minor": 4900, "currency": "USD"},
        "consent": [
            {
                "scope": "informational",
                "event": "granted",
                "level": "contract",
                "captured_at": at,
                "method": "checkout",
                "disclosure": "texts about this order",
                "source": "https://acme.example/checkout",
            }
        ],
        "facts": {"order_name": f"#{number}"},
    }


async def states(client: httpx2.AsyncClient) -> Counter[str]:
    """Return how many follow-ups stand in each state, read page by page through the API."""
    found: Counter[str] = Counter()
    cursor = None
    while True:
        query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/v1/follow-ups", params=query, headers=HEADERS)).json()
        found.update(each["state"] for each in page["follow_ups"])
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def ended(found: Counter[str]) -> int:
    return sum(found[state] for state in ENDS)


async def settled(client: httpx2.AsyncClient, expected: int, seconds: float) -> Counter[str]:
    """Wait until every follow-up has ended, or `seconds` have passed, or nothing has moved for a third of them."""
    clock = asyncio.get_running_loop().time
    begun = moved_at = clock()
    before: Counter[str] = Counter()
    while True:
        found = await states(client)
        if found != before:
            before, moved_at = found, clock()
        if ended(found) == found.total() >= expected or clock() - begun > seconds or clock() - moved_at > seconds / 3:
            return found
        await asyncio.sleep(0.3)


async def all_ended(client: httpx2.AsyncClient, clock_file: Path, expected: int, *, seconds: float = 8) -> Counter[str]:
    """Let time pass in steps until every follow-up has ended; each step gets so many seconds at most.

    The reaper and the reconciler need minutes; a receipt that was lost while nobody listened needs three days.
    """
    found = await settled(client, expected, seconds)
    for jump in (*[_JUMP] * _JUMPS, _UNCONFIRMED_AFTER):
        if found.total() >= expected and ended(found) == found.total():
            break
        if jump is not _UNCONFIRMED_AFTER and set(found) - ENDS == {"dispatched"}:
            continue
        write_offset(clock_file, read_offset(clock_file) + jump)
        found = await settled(client, expected, seconds)
    return found
