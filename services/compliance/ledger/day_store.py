"""One day of a merchant's ledger, with what stands around each entry in its person's chain."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from services.compliance.ledger.day_check import DayEntry, DayRoot
from services.compliance.tables import daily_roots, ledger, standings
from shared.chain import GENESIS
from shared.db.transaction import Transaction
from shared.db.types import Instant
from shared.ids import MerchantId

_before, _after = ledger.alias("entry_before"), ledger.alias("entry_after")
_ENTRIES: Final = (
    sa.select(*(ledger.c[name] for name in ("recipient_id", "position", "canonical", "hash", "recorded_at")))
    .add_columns(_before.c.hash.label("before"), _after.c.entry_id.label("after"), standings.c.chain_hash)
    .select_from(
        ledger.outerjoin(
            _before,
            sa.and_(_before.c.recipient_id == ledger.c.recipient_id, _before.c.position == ledger.c.position - 1),
        )
        .outerjoin(
            _after, sa.and_(_after.c.recipient_id == ledger.c.recipient_id, _after.c.position == ledger.c.position + 1)
        )
        .outerjoin(standings, standings.c.recipient_id == ledger.c.recipient_id)
    )
    .where(
        ledger.c.merchant_id == sa.bindparam("merchant_id"),
        ledger.c.recorded_at >= sa.bindparam("since", type_=Instant),
        ledger.c.recorded_at < sa.bindparam("until", type_=Instant),
    )
    .order_by(ledger.c.recorded_at, ledger.c.entry_id)
    .limit(sa.bindparam("most"))
)


async def days_entries(db: Transaction, merchant: MerchantId, day: date, most: int) -> list[DayEntry]:
    """Return a day's entries, of each person the oldest first; up to `most`."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    asked = {"merchant_id": merchant, "since": start, "until": start + timedelta(days=1), "most": most}
    rows = await db.rows(_ENTRIES, asked)
    rows.sort(key=lambda row: (row["recipient_id"], row["position"]))
    return [
        DayEntry(
            recipient_id=str(row["recipient_id"]),
            position=row["position"],
            canonical=bytes(row["canonical"]),
            hash=row["hash"],
            recorded_at=row["recorded_at"],
            before=row["before"],
            is_newest=row["after"] is None,
            chain_end=row["chain_hash"],
        )
        for row in rows
    ]


async def root_of(db: Transaction, merchant: MerchantId, day: date) -> DayRoot | None:
    """Return a day's root with the one before; None if it has none."""
    own = sa.select(daily_roots).where(daily_roots.c.merchant_id == merchant)
    until = own.where(daily_roots.c.day <= day.isoformat()).order_by(daily_roots.c.day.desc()).limit(2)
    rows = await db.rows(until)
    if not rows or rows[0]["day"] != day.isoformat():
        return None
    before = rows[1]["root"] if len(rows) > 1 else GENESIS
    return DayRoot(rows[0]["root"], rows[0]["public_key"], rows[0]["signature"], before)


async def newest_signed_day(db: Transaction, merchant: MerchantId) -> str | None:
    """Return a merchant's newest day with a root."""
    newest = sa.select(sa.func.max(daily_roots.c.day).label("day")).where(daily_roots.c.merchant_id == merchant)
    day: str | None = (await db.rows(newest))[0]["day"]
    return day
