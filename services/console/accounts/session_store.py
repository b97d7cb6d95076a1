"""SQL of console sessions."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from services.console.tables import sessions
from shared.db.transaction import Transaction
from shared.ids import MerchantId


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session, or a code that opens one; of an API key or of a user."""

    token_sha256: bytes
    kind: str
    merchant_id: MerchantId
    ends_at: datetime
    key_sha256: str = ""
    user_name: str = ""
    user_version: UUID | None = None
    browser: str = ""
    began_at: datetime | None = None
    used_at: datetime | None = None
    """Right to a few minutes."""


async def find(db: Transaction, token_sha256: bytes) -> StoredSession | None:
    """Return the session with this token's hash."""
    for row in await db.fetch(sessions, "token_sha256", [token_sha256]):
        return StoredSession(**row)
    return None


async def insert(db: Transaction, session: StoredSession) -> None:
    """Store a session."""
    await db.insert(sessions, [asdict(session)])


async def insert_new(db: Transaction, session: StoredSession) -> bool:
    """Store a session unless there is one of the same token, and return whether there was none."""
    return (await db.insert_new(sessions, [asdict(session)]))[0]


async def delete(db: Transaction, token_sha256: bytes) -> bool:
    """Delete a session, and return whether there was one."""
    return bool(await db.delete(sessions, "token_sha256", [token_sha256]))


async def of_user(db: Transaction, user_name: str) -> list[StoredSession]:
    """Return what is stored of a user's sessions and begun sign-ins, the ended ones of a day too."""
    return [StoredSession(**row) for row in await db.fetch(sessions, "user_name", [user_name])]


async def touch(db: Transaction, token_sha256: bytes, now: datetime) -> None:
    """Note that a session is used now; one that has ended meanwhile stays ended."""
    await db.change(sessions, [{"token_sha256": token_sha256, "used_at": now}])
