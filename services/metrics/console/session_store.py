"""SQL of console sessions."""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from services.metrics.tables import sessions
from shared.db.transaction import Transaction
from shared.ids import MerchantId


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session, or a code that opens one."""

    token_sha256: bytes
    kind: str
    merchant_id: MerchantId
    key_sha256: str
    ends_at: datetime


async def find(db: Transaction, token_sha256: bytes) -> StoredSession | None:
    """Return the session with this token's hash."""
    for row in await db.fetch(sessions, "token_sha256", [token_sha256]):
        return StoredSession(**row)
    return None


async def insert(db: Transaction, session: StoredSession, now: datetime) -> None:
    """Store a session, and delete those of its merchant that have ended."""
    ended = sa.delete(sessions).where(sessions.c.merchant_id == session.merchant_id, sessions.c.ends_at <= now)
    await db.execute(ended)
    await db.insert(sessions, [asdict(session)])


async def delete(db: Transaction, token_sha256: bytes) -> bool:
    """Delete a session, and return whether there was one."""
    return bool(await db.delete(sessions, "token_sha256", [token_sha256]))
