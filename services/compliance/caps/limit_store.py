"""Each merchant's new people of the hour, and the day's spending, in the database.

A merchant's row of new people is locked until the commit, so that two processes never both see the last place.
Spending is the sum of a few rows a merchant and day, each written by few processes.
"""

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.compliance.caps.limits import RememberedNewcomer, Tally, day_of, hour_of, packed, unpacked
from services.compliance.tables import newcomers, spending
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId

_KEY = ("merchant_id",)


async def spent_today(db: Transaction, merchants: Sequence[MerchantId], now: datetime) -> dict[MerchantId, int]:
    """Return what these merchants' texts have cost since midnight UTC, in millionths."""
    spent = dict.fromkeys(merchants, 0)
    day = day_of(now)
    for row in await db.fetch_keys(spending, [{"merchant_id": key, "day": day} for key in merchants]):
        spent[MerchantId(row["merchant_id"])] += row["micros"]
    return spent


async def spend(db: Transaction, costs: Mapping[MerchantId, int], share: int, now: datetime) -> None:
    """Add what texts cost, in millionths, to the day's row that this process writes (`share`)."""
    day = day_of(now)
    rows = [{"merchant_id": key, "day": day, "share": share, "micros": costs[key]} for key in sorted(costs)]
    await db.upsert(spending, rows, add=("micros",))


async def tally_of(db: Transaction, merchant: MerchantId, *, now: datetime, is_held: bool = False) -> Tally:
    """Return what a merchant's new people add up to; `is_held` locks the row until the commit."""
    rows = await db.fetch(newcomers, "merchant_id", [merchant], lock="update" if is_held else None)
    return _tally(rows[0]) if rows else Tally(hour_of(now))


async def lock_tallies(db: Transaction, merchants: Collection[MerchantId], now: datetime) -> dict[MerchantId, Tally]:
    """Return the tallies of merchants, locked until the commit; rows are added before any is locked, in order."""
    wanted = sorted(merchants)
    known = {row["merchant_id"] for row in await db.fetch(newcomers, "merchant_id", wanted, columns=_KEY)}
    await db.insert_new(newcomers, [_row(key, Tally(hour_of(now))) for key in wanted if key not in known])
    rows = await db.fetch(newcomers, "merchant_id", wanted, lock="update")
    return {MerchantId(row["merchant_id"]): _tally(row) for row in rows}


async def save(db: Transaction, tallies: Mapping[MerchantId, Tally]) -> None:
    """Write tallies that are locked."""
    await db.change(newcomers, [_row(key, tally) for key, tally in tallies.items()])


async def held_merchants(db: Transaction, most: int) -> list[str]:
    """Return merchants whose texts to new people are held, the first of them by name."""
    held = sa.select(newcomers.c.merchant_id).where(newcomers.c.held_since.is_not(None))
    return [row["merchant_id"] for row in await db.rows(held.order_by(newcomers.c.merchant_id).limit(most))]


async def release(db: Transaction, merchant: MerchantId, now: datetime) -> datetime | None:
    """Release a merchant's texts to new people, and return since when they were held; None: they were not."""
    tally = await tally_of(db, merchant, now=now, is_held=True)
    since = tally.held_since
    if since is not None:
        tally.release()
        await save(db, {merchant: tally})
    return since


def _tally(row: Row) -> Tally:
    return Tally(
        row["hour"],
        row["asked"],
        Counter(row["by_key"]),
        unpacked(bytes(row["by_prefix"])),
        deque(RememberedNewcomer(at, person, tuple(blocks)) for at, person, *blocks in row["recent"]),
        row["held_since"],
    )


def _row(merchant: MerchantId, tally: Tally) -> dict[str, Any]:
    return {
        "merchant_id": merchant,
        "hour": tally.hour,
        "asked": tally.asked,
        "by_key": dict(tally.by_key),
        "by_prefix": packed(tally.by_prefix),
        "recent": [[newest.at_seconds, newest.person, *newest.blocks] for newest in tally.recent],
        "held_since": tally.held_since,
    }
