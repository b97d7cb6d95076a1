"""Invitations: one-time links by which a person makes their own user, in the role that an owner chose for them.

A link is good for 72 hours, for one user, until it is withdrawn, and only while whoever made it is an owner of the
shop. It is shown once; what is kept of it is a hash. Opening it uses nothing up, for programs look at links that people
send to each other.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final
from uuid import UUID, uuid4

from services.console.accounts import invitation_store, users
from services.console.accounts.account_log import AccountLog
from services.console.accounts.invitation_store import StoredInvitation
from services.console.accounts.user_store import StoredUser
from shared.audit import Actor, ActorKind, AddressClass, AuditAction
from shared.config.directory import Merchant, MerchantDirectory
from shared.db.transaction import Lock, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.http.problems import HTTPProblem, not_found
from shared.ids import MerchantId
from shared.vocabulary.roles import Role

INVITATION_HOURS: Final = 72
MOST_OPEN: Final = 20
"""Of one merchant."""
MOST_KEPT: Final = 100
"""Of one merchant, with what was used, withdrawn or has expired: the oldest of those make room."""
OPERATOR: Final = "operator"
"""Made an invitation by command."""
_LONGEST_CODE: Final = 100
"""Characters of a code that is looked up; real ones have 43."""


class InvitationState(StrEnum):
    """Whether a link makes a user, and if not, why."""

    OPEN = "open"
    USED = "used"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    INVITER_GONE = "inviter_gone"
    """Whoever made it is no owner of the shop any more."""
    ROLE_GONE = "role_gone"
    SHOP_GONE = "shop_gone"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation, and how it stands."""

    stored: StoredInvitation
    state: InvitationState
    merchant: Merchant | None

    @property
    def role(self) -> Role:
        """What the new user may do; only of one whose role there is."""
        return Role(self.stored.role)


def state_of(
    invitation: StoredInvitation, inviter: StoredUser | None, now: datetime, *, shop_is_here: bool = True
) -> InvitationState:
    """Return how an invitation stands; what was done with it is said before what has happened since.

    Args:
        invitation: as it is kept.
        inviter: the user of the name that made it, if there is one.
        now: an instant.
        shop_is_here: whether the merchant is among the files in force.
    """
    if invitation.outcome:
        return InvitationState(invitation.outcome)
    if now >= invitation.ends_at:
        return InvitationState.EXPIRED
    if not shop_is_here:
        return InvitationState.SHOP_GONE
    if invitation.made_by != OPERATOR and not _still_invites(invitation, inviter):
        return InvitationState.INVITER_GONE
    return InvitationState.OPEN if invitation.role in set(Role) else InvitationState.ROLE_GONE


def _still_invites(invitation: StoredInvitation, inviter: StoredUser | None) -> bool:
    """Return whether the inviter is the same user, and still an owner; another of the same name was made later."""
    return (
        inviter is not None
        and (inviter.merchant_id, inviter.role) == (invitation.merchant_id, Role.OWNER)
        and inviter.made_at <= invitation.made_at
    )


class Invitations:
    """Makes, lists, withdraws and takes invitations.

    Args:
        units: of the console's database.
        merchants: the files in force.
        account_log: where each of these is entered.
    """

    def __init__(self, units: UnitOfWorkRunner, merchants: MerchantDirectory, account_log: AccountLog) -> None:
        self._units = units
        self._merchants = merchants
        self._log = account_log

    async def make(self, merchant: MerchantId, role: Role, by: Actor) -> tuple[str, StoredInvitation]:
        """Return the code of a new link, which is kept nowhere, and the invitation.

        Raises:
            HTTPProblem: 409, too many are open.
        """
        code = secrets.token_urlsafe(32)
        made_by = f"user:{by.id}" if by.kind is ActorKind.USER else OPERATOR

        async def work(uow: UnitOfWork) -> StoredInvitation:
            known = await invitation_store.of_merchant(uow.db, merchant)
            still_open = {each.invitation_id for each in known if not each.outcome and each.ends_at > uow.now}
            if len(still_open) >= MOST_OPEN:
                words = f"a shop has at most {MOST_OPEN} open invitations; withdraw one that is not needed"
                raise HTTPProblem(HTTPStatus.CONFLICT, "too_many_invitations", words)
            over = [each.invitation_id for each in known if each.invitation_id not in still_open]
            await invitation_store.delete(uow.db, over[MOST_KEPT - 1 - len(still_open) :])
            ends_at = uow.now + timedelta(hours=INVITATION_HOURS)
            made = StoredInvitation(uuid4(), _hash(code), merchant, role, made_by, uow.now, ends_at, "", "")
            await invitation_store.insert(uow.db, made)
            action, fields = AuditAction.INVITATION_MADE, (f"role {role}",)
            self._log.about_invitation(uow, by, merchant, action, made.invitation_id, fields=fields)
            return made

        return code, await self._units.run(work, WritePriority.INGEST)

    async def of_merchant(self, merchant: MerchantId) -> list[Invitation]:
        """Return a merchant's invitations that make a user or could have until lately, the newest first."""

        async def read(db: Transaction) -> list[Invitation]:
            return [await self._judged(db, each) for each in await invitation_store.of_merchant(db, merchant)]

        return await self._units.read(read)

    async def withdraw(self, merchant: MerchantId, invitation_id: UUID, by: Actor) -> StoredInvitation:
        """Withdraw an invitation that nothing became of yet; twice is once.

        Raises:
            HTTPProblem: 404 the merchant has no such invitation; 409 it was used, by whom.
        """

        async def work(uow: UnitOfWork) -> StoredInvitation:
            known = await invitation_store.of_merchant(uow.db, merchant)
            found = next((each for each in known if each.invitation_id == invitation_id), None)
            if found is None:
                raise not_found(f"the invitation {invitation_id}")
            if await invitation_store.close(uow.db, invitation_id, InvitationState.WITHDRAWN):
                self._log.about_invitation(uow, by, merchant, AuditAction.INVITATION_WITHDRAWN, invitation_id)
            else:
                again = await invitation_store.find(uow.db, found.token_sha256)
                if again is not None and again.outcome == InvitationState.USED:
                    words = f"this invitation was used: {again.used_by} is a user now; remove the user instead"
                    raise HTTPProblem(HTTPStatus.CONFLICT, "invitation_used", words)
            return found

        return await self._units.run(work, WritePriority.INGEST)

    async def opened(self, code: str) -> Invitation | None:
        """Return the invitation of a link; None for one that was never made, or is forgotten."""
        if not 0 < len(code) <= _LONGEST_CODE:
            return None

        async def read(db: Transaction) -> Invitation | None:
            found = await invitation_store.find(db, _hash(code))
            return await self._judged(db, found) if found is not None else None

        return await self._units.read(read)

    async def take(self, uow: UnitOfWork, code: str, user: StoredUser, origin: AddressClass) -> InvitationState | None:
        """Make the user of an invitation and use it up, in one unit of work; return how it stood: open if it was done.

        Raises:
            HTTPProblem: 409, the name is taken or the merchant has too many users; nothing is used up.
        """
        found = await invitation_store.find(uow.db, _hash(code))
        if found is None:
            return None
        state = (await self._judged(uow.db, found, "share")).state
        if state is not InvitationState.OPEN:
            return state
        if not await invitation_store.close(uow.db, found.invitation_id, InvitationState.USED, user.name):
            again = await invitation_store.find(uow.db, found.token_sha256)
            return InvitationState(again.outcome) if again is not None else None
        await users.insert(uow, user)
        by, merchant, fields = (
            Actor(ActorKind.USER, user.name, origin),
            user.merchant_id,
            ("invitation", f"role {user.role}"),
        )
        self._log.about_invitation(uow, by, merchant, AuditAction.INVITATION_USED, found.invitation_id)
        self._log.about_user(uow, by, merchant, AuditAction.USER_ADDED, user.name, fields=fields)
        return InvitationState.OPEN

    async def _judged(self, db: Transaction, found: StoredInvitation, lock: Lock | None = None) -> Invitation:
        merchant = self._merchants.get(found.merchant_id)
        inviter = await invitation_store.inviter_of(db, found, lock)
        state = state_of(found, inviter, self._units.clock.now(), shop_is_here=merchant is not None)
        return Invitation(found, state, merchant)


def _hash(code: str) -> bytes:
    """Return what is stored of a code, so that nothing in the table makes a user."""
    return hashlib.sha256(code.encode()).digest()
