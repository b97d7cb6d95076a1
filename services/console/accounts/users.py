"""The console's users: a name, a merchant, a role and a password; never made or changed by an API key.

The operator and a shop's owners make and remove them.
"""

import re
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from services.console.accounts import second_factor_store, user_store
from services.console.accounts.account_log import AccountLog
from services.console.accounts.passwords import Passwords
from services.console.accounts.user_store import StoredUser
from shared.audit import Actor, ActorKind, AuditAction
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.ids import MerchantId
from shared.vocabulary.roles import SCOPES_OF, Role

MOST_USERS: Final = 200
"""Of one merchant."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Users:
    """Makes, changes, lists and removes users, and checks who signs in."""

    units: UnitOfWorkRunner
    log: AccountLog
    passwords: Passwords = field(default_factory=Passwords)

    async def add(self, merchant: MerchantId, name: str, role: Role, password: str, by: Actor) -> StoredUser:
        """Store a new user.

        Raises:
            HTTPProblem: 409 the name is taken or the merchant has too many; 422 the name or password cannot be used.
        """
        made = await self.prepared(merchant, name, role, password)

        async def work(uow: UnitOfWork) -> None:
            await insert(uow, made)
            self.log.about_user(uow, by, merchant, AuditAction.USER_ADDED, made.name, fields=(f"role {role}",))

        await self.units.run(work, WritePriority.INGEST)
        return made

    async def prepared(self, merchant: MerchantId, name: str, role: Role, password: str) -> StoredUser:
        """Return a user that is not stored yet.

        Raises:
            HTTPProblem: 422 the name or password cannot be used.
        """
        known = checked_name(name)
        if known in password.lower():
            raise unprocessable("password", "a password must not contain the name")
        hashed, now = await self.passwords.hash_of(password), self.units.clock.now()
        return StoredUser(known, merchant, role, hashed, uuid4(), now, now)

    async def free_name(self, given: str) -> str:
        """Return a name as it is stored, for a user who needs no password.

        Raises:
            HTTPProblem: 409 it is taken, 422 it cannot be one.
        """
        known = checked_name(given)
        if await self.units.read(lambda db: user_store.find(db, known)) is not None:
            raise _taken(known)
        return known

    async def reset(self, merchant: MerchantId, name: str, password: str, by: Actor) -> StoredUser:
        """Store another password, their own choice or the operator's, and return the user; every session ends.

        The operator's also removes their second factor: whoever lost both gets in again.

        Raises:
            HTTPProblem: 404 the merchant has no such user; 422 the password cannot be used.
        """
        hashed = await self.passwords.hash_of(password)

        async def work(uow: UnitOfWork) -> StoredUser:
            found = await _of(uow, merchant, name)
            after = replace(found, password_hash=hashed, version=uuid4(), changed_at=uow.now)
            await user_store.save(uow.db, after)
            is_own = by.kind is ActorKind.USER and by.id == found.name
            had_factor = not is_own and await second_factor_store.delete(uow.db, found.name)
            action = AuditAction.PASSWORD_CHANGED if is_own else AuditAction.USER_RESET
            fields = ("second factor",) if had_factor else ()
            self.log.about_user(uow, by, merchant, action, found.name, fields=fields)
            return after

        return await self.units.run(work, WritePriority.INGEST)

    async def remove(self, merchant: MerchantId, name: str, by: Actor) -> StoredUser:
        """Delete a user, and return who it was; every session of theirs ends.

        Raises:
            HTTPProblem: 404, the merchant has no such user.
        """

        async def work(uow: UnitOfWork) -> StoredUser:
            found = await _of(uow, merchant, name)
            await user_store.delete(uow.db, found.name)
            await second_factor_store.delete(uow.db, found.name)
            self.log.about_user(uow, by, merchant, AuditAction.USER_REMOVED, found.name)
            return found

        return await self.units.run(work, WritePriority.INGEST)

    async def names(self, merchant: MerchantId, scope: str) -> list[str]:
        """Return the names of a merchant's users who have a scope."""
        found = await self.units.read(lambda db: user_store.of_merchant(db, merchant))
        return [user.name for user in found if scope in SCOPES_OF[Role(user.role)]]

    async def who(self, name: str, password: str) -> StoredUser | None:
        """Return the user who signs in; None, after as long, where there is none or the password is another."""
        known = name_of(name)
        found = await self.units.read(lambda db: user_store.find(db, known))
        is_right = await self.passwords.is_right(found.password_hash if found is not None else None, password)
        return found if is_right else None


def name_of(given: str) -> str:
    """Return a name as it is stored."""
    return given.strip().lower()


def checked_name(given: str) -> str:
    """Return a name as it is stored.

    Raises:
        HTTPProblem: 422, it cannot be one.
    """
    known = name_of(given)
    if not _NAME.fullmatch(known):
        raise unprocessable("name", "a name has up to 64 of a-z, 0-9 and . _ @ + -, as anna or anna@acme.example")
    return known


async def insert(uow: UnitOfWork, user: StoredUser) -> None:
    """Store a user.

    Raises:
        HTTPProblem: 409, the name is taken or the merchant has too many.
    """
    if len(await user_store.of_merchant(uow.db, user.merchant_id)) >= MOST_USERS:
        raise HTTPProblem(HTTPStatus.CONFLICT, "too_many_users", f"a merchant has at most {MOST_USERS} users")
    if not await user_store.insert_new(uow.db, user):
        raise _taken(user.name)


def _taken(name: str) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.CONFLICT, "name_taken", f"there is a user {name} already; choose another")


async def _of(uow: UnitOfWork, merchant: MerchantId, name: str) -> StoredUser:
    found = await user_store.find(uow.db, name_of(name))
    if found is None or found.merchant_id != merchant:
        raise not_found(f"the user {name_of(name)[:64]}")
    return found
