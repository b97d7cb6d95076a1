"""SQL of second factors: one authenticator for each user, recovery codes, and which shops ask everybody for one."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from services.console.accounts import user_store
from services.console.accounts.user_store import StoredUser
from services.console.tables import recovery_codes, second_factors, sign_in_rules
from shared.db.transaction import Transaction
from shared.ids import MerchantId


@dataclass(frozen=True, slots=True)
class StoredFactor:
    """The authenticator of one user."""

    user_name: str
    secret: bytes
    """Sealed."""
    last_step: int
    made_at: datetime


async def find(db: Transaction, user_name: str) -> StoredFactor | None:
    """Return a user's authenticator."""
    for row in await db.fetch(second_factors, "user_name", [user_name]):
        return StoredFactor(**row)
    return None


async def users_and_factors(db: Transaction, merchant: MerchantId) -> tuple[list[StoredUser], set[str]]:
    """Return a merchant's users by name, and the names of those who have an authenticator; there are few."""
    users = await user_store.of_merchant(db, merchant)
    rows = await db.fetch(second_factors, "user_name", [user.name for user in users])
    return users, {str(row["user_name"]) for row in rows}


async def insert_new(db: Transaction, factor: StoredFactor) -> bool:
    """Store an authenticator unless its user has one, and return whether there was none."""
    return (await db.insert_new(second_factors, [asdict(factor)]))[0]


async def use_step(db: Transaction, factor: StoredFactor, step: int) -> bool:
    """Note the step of the code that is taken; False where another was taken since the authenticator was read."""
    changed = {"user_name": factor.user_name, "last_step": step, "was_last_step": factor.last_step}
    return (await db.change(second_factors, [changed], was=["last_step"]))[0]


async def delete(db: Transaction, user_name: str) -> bool:
    """Delete a user's authenticator and recovery codes, and return whether there was one."""
    await db.delete(recovery_codes, "user_name", [user_name])
    return bool(await db.delete(second_factors, "user_name", [user_name]))


async def put_codes(db: Transaction, user_name: str, hashes: Iterable[bytes]) -> None:
    """Put recovery codes in the place of those a user has."""
    await db.delete(recovery_codes, "user_name", [user_name])
    await db.insert(recovery_codes, [{"user_name": user_name, "code_sha256": each} for each in hashes])


async def use_code(db: Transaction, user_name: str, code_sha256: bytes) -> bool:
    """Use up a recovery code, and return whether it was one."""
    return bool(await db.delete_keys(recovery_codes, [{"user_name": user_name, "code_sha256": code_sha256}]))


async def codes_left(db: Transaction, user_name: str) -> int:
    """Return how many recovery codes a user has left."""
    return len(await db.fetch(recovery_codes, "user_name", [user_name]))


async def is_required(db: Transaction, merchant: MerchantId) -> bool:
    """Return whether a merchant asks everybody for a second step."""
    return bool(await db.fetch(sign_in_rules, "merchant_id", [merchant]))


async def require(db: Transaction, merchant: MerchantId, *, is_required: bool, now: datetime) -> bool:
    """Store whether a merchant asks everybody for a second step, and return whether that changed anything."""
    if is_required:
        return (await db.insert_new(sign_in_rules, [{"merchant_id": merchant, "required_at": now}]))[0]
    return bool(await db.execute(sa.delete(sign_in_rules).where(sign_in_rules.c.merchant_id == merchant)))
