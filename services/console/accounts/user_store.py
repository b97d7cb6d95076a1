"""SQL of the console's users."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.console.tables import users
from shared.db.transaction import Transaction
from shared.ids import MerchantId


@dataclass(frozen=True, slots=True)
class StoredUser:
    """One user of the console."""

    name: str
    merchant_id: MerchantId
    role: str
    password_hash: str
    version: UUID
    made_at: datetime
    changed_at: datetime
    issuer: str | None = None
    """The identity provider at which they sign in; None for a user with a password."""
    subject: str | None = None
    """Who they are there."""


async def find(db: Transaction, name: str) -> StoredUser | None:
    """Return the user of this name."""
    for row in await db.fetch(users, "name", [name]):
        return StoredUser(**row)
    return None


async def held(db: Transaction, name: str) -> StoredUser | None:
    """Return the user of this name and hold their row until the commit."""
    for row in await db.fetch(users, "name", [name], lock="update"):
        return StoredUser(**row)
    return None


async def find_identity(db: Transaction, issuer: str, subject: str) -> StoredUser | None:
    """Return the user whom a provider knows under this subject."""
    for row in await db.fetch_keys(users, [{"issuer": issuer, "subject": subject}]):
        return StoredUser(**row)
    return None


async def of_merchant(db: Transaction, merchant: MerchantId) -> list[StoredUser]:
    """Return a merchant's users by name; there are few."""
    return sorted(
        (StoredUser(**row) for row in await db.fetch(users, "merchant_id", [merchant])), key=lambda user: user.name
    )


async def is_empty(db: Transaction) -> bool:
    """Return whether there is no user at all."""
    return not await db.rows(sa.select(users.c.name).limit(1))


async def insert_new(db: Transaction, user: StoredUser) -> bool:
    """Store a user unless the name is taken, and return whether it was free."""
    return (await db.insert_new(users, [asdict(user)]))[0]


async def save(db: Transaction, user: StoredUser) -> None:
    """Store what changed of a user."""
    await db.upsert(users, [asdict(user)])


async def delete(db: Transaction, name: str) -> None:
    """Delete a user; the sessions end with it."""
    await db.delete(users, "name", [name])
