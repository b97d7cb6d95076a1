"""SQL of invitations."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from services.console.accounts.user_store import StoredUser
from services.console.tables import invitations, users
from shared.db.transaction import Lock, Transaction
from shared.ids import MerchantId


@dataclass(frozen=True, slots=True)
class StoredInvitation:
    """A link that makes one user, as it is kept: by the hash of what stands in it."""

    invitation_id: UUID
    token_sha256: bytes
    merchant_id: MerchantId
    role: str
    made_by: str
    """`user:anna`, or `operator`."""
    made_at: datetime
    ends_at: datetime
    outcome: str
    """Empty while nothing became of it, else `used` or `withdrawn`."""
    used_by: str
    """The name of the user that it made."""


async def find(db: Transaction, token_sha256: bytes) -> StoredInvitation | None:
    """Return the invitation whose link has this hash."""
    for row in await db.fetch(invitations, "token_sha256", [token_sha256]):
        return StoredInvitation(**row)
    return None


async def of_merchant(db: Transaction, merchant: MerchantId) -> list[StoredInvitation]:
    """Return a merchant's invitations that are still kept, the newest first; there are few."""
    found = (StoredInvitation(**row) for row in await db.fetch(invitations, "merchant_id", [merchant]))
    return sorted(found, key=lambda each: (each.made_at, each.invitation_id), reverse=True)


async def inviter_of(db: Transaction, invitation: StoredInvitation, lock: Lock | None = None) -> StoredUser | None:
    """Return the user of the name that invited; locked, they are not removed before the unit of work is done."""
    for row in await db.fetch(users, "name", [invitation.made_by.removeprefix("user:")], lock=lock):
        return StoredUser(**row)
    return None


async def insert(db: Transaction, invitation: StoredInvitation) -> None:
    """Store an invitation."""
    await db.insert(invitations, [asdict(invitation)])


async def close(db: Transaction, invitation_id: UUID, outcome: str, used_by: str = "") -> bool:
    """Store what became of an invitation, and return whether nothing had yet: of several at once, one does it."""
    change = {"invitation_id": invitation_id, "outcome": outcome, "used_by": used_by, "was_outcome": ""}
    return (await db.change(invitations, [change], was=["outcome"]))[0]


async def delete(db: Transaction, invitation_ids: list[UUID]) -> None:
    """Delete invitations."""
    await db.delete(invitations, "invitation_id", invitation_ids)
