"""SQL of wrong passwords, counted by user and UTC day."""

from datetime import datetime

from services.console.tables import failed_sign_ins
from shared.db.transaction import Transaction


async def added(db: Transaction, user_name: str, day: str, *, ends_at: datetime) -> int:
    """Count one more, and return how many it are of that day; units that count at once wait for each other."""
    key = {"user_name": user_name, "day": day}
    await db.upsert(failed_sign_ins, [{**key, "failures": 1, "ends_at": ends_at}], add=["failures"])
    [row] = await db.fetch_keys(failed_sign_ins, [key])
    return int(row["failures"])
