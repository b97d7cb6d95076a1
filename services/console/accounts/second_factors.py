"""Second factors of users: set up and confirmed by a code, asked for at each sign-in, removed with the password.

The secret of an authenticator is sealed with a key of the console's own, bound to its user; of recovery codes only
hashes are stored. A secret that is not confirmed yet is stored nowhere: the page carries it, sealed.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.console.accounts import second_factor_store, totp, user_store
from services.console.accounts.account_log import AccountLog
from services.console.accounts.second_factor_store import StoredFactor
from services.console.accounts.user_store import StoredUser
from shared.audit import Actor, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.ids import MerchantId
from shared.unix_time import instant, microseconds

SET_UP_WITHIN: Final = timedelta(minutes=30)
_NONCE_BYTES: Final = 12
_NO_STEP: Final = -1


class Proposal(NamedTuple):
    """A secret that a person may take over into an authenticator."""

    secret: str
    """In Base32."""
    sealed: str
    """Carried by the page until the person confirms it."""


class FactorState(NamedTuple):
    """What a person's page says of their second factor."""

    made_at: datetime | None
    """None where there is none."""
    codes_left: int
    is_required: bool
    """Whether the shop asks everybody for one."""
    has_password: bool
    """Whether the user has one here, or signs in at an identity provider alone."""


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """Sets up, checks and removes second factors.

    Args:
        units: of the console.
        log: of what is done to users.
        cipher: seals secrets.
    """

    units: UnitOfWorkRunner
    log: AccountLog
    cipher: AESGCM

    def proposed(self, merchant: MerchantId, name: str) -> Proposal:
        """Return a fresh secret for a user."""
        secret, ends_at = totp.new_secret(), self.units.clock.now() + SET_UP_WITHIN
        content = orjson.dumps([secret, microseconds(ends_at)])
        return Proposal(secret, self._sealed(content, "proposal", merchant, name).hex())

    def opened(self, merchant: MerchantId, name: str, sealed: str) -> Proposal | None:
        """Return what a page carried; None where it was made for somebody else, changed, or too long ago."""
        try:
            secret, ends_at = orjson.loads(self._opened(bytes.fromhex(sealed), "proposal", merchant, name))
        except (ValueError, InvalidTag):
            return None
        return Proposal(secret, sealed) if instant(ends_at) > self.units.clock.now() else None

    async def set_up(
        self, merchant: MerchantId, name: str, proposal: Proposal, code: str, by: Actor
    ) -> Sequence[str] | None:
        """Store a confirmed authenticator, and return its recovery codes; None where the user has one already.

        Raises:
            HTTPProblem: 404 there is no such user any more; 422 the code is not the one of this moment.
        """
        codes = totp.new_recovery_codes()
        sealed = self._sealed(proposal.secret.encode(), "authenticator", merchant, name)

        async def work(uow: UnitOfWork) -> bool:
            await self._lock(uow, merchant, name)
            step = totp.step_of(proposal.secret, code, uow.now, _NO_STEP)
            if step is None:
                raise unprocessable("code", "this is not the code of this moment; check the clock of your phone")
            if not await second_factor_store.insert_new(uow.db, StoredFactor(name, sealed, step, uow.now)):
                return False
            await second_factor_store.put_codes(uow.db, name, [totp.recovery_sha256(each) for each in codes])
            self.log.about_user(uow, by, merchant, AuditAction.SECOND_FACTOR_ADDED, name)
            return True

        return codes if await self.units.run(work, WritePriority.INGEST) else None

    async def remove(self, merchant: MerchantId, name: str, by: Actor) -> None:
        """Remove a user's second factor; a shop that asks everybody for one asks at once for the next."""

        async def work(uow: UnitOfWork) -> None:
            if await second_factor_store.delete(uow.db, name):
                self.log.about_user(uow, by, merchant, AuditAction.SECOND_FACTOR_REMOVED, name)

        await self.units.run(work, WritePriority.INGEST)

    async def renew_codes(self, merchant: MerchantId, name: str, by: Actor) -> Sequence[str]:
        """Return fresh recovery codes of a user with a second factor; those before are good no more.

        Raises:
            HTTPProblem: 404, there is no such user, or they have no second factor.
        """
        codes = totp.new_recovery_codes()

        async def work(uow: UnitOfWork) -> None:
            await self._lock(uow, merchant, name)
            if await second_factor_store.find(uow.db, name) is None:
                raise not_found("a second step of yours")
            await second_factor_store.put_codes(uow.db, name, [totp.recovery_sha256(each) for each in codes])
            self.log.about_user(uow, by, merchant, AuditAction.RECOVERY_CODES_RENEWED, name)

        await self.units.run(work, WritePriority.INGEST)
        return codes

    async def require(self, merchant: MerchantId, name: str, by: Actor, *, is_required: bool) -> None:
        """Ask everybody of a merchant for a second step, or no longer.

        Raises:
            HTTPProblem: 409, who asks for it has none.
        """

        async def work(uow: UnitOfWork) -> None:
            if is_required and await second_factor_store.find(uow.db, name) is None:
                raise HTTPProblem(HTTPStatus.CONFLICT, "no_second_factor", "set up your own two steps first")
            if await second_factor_store.require(uow.db, merchant, is_required=is_required, now=uow.now):
                action = AuditAction.SECOND_FACTOR_REQUIRED if is_required else AuditAction.SECOND_FACTOR_OPTIONAL
                subject = AuditSubject(AuditSubjectKind.MERCHANT, merchant)
                self.log.audit.record(uow, by, Deed(merchant, action, subject))

        await self.units.run(work, WritePriority.INGEST)

    async def state(self, merchant: MerchantId, name: str) -> FactorState:
        """Return what a person's page says of their second factor."""

        async def read(db: Transaction) -> FactorState:
            found = await second_factor_store.find(db, name)
            left = await second_factor_store.codes_left(db, name)
            is_required = await second_factor_store.is_required(db, merchant)
            user = await user_store.find(db, name)
            has_password = user is not None and bool(user.password_hash)
            return FactorState(found.made_at if found is not None else None, left, is_required, has_password)

        return await self.units.read(read)

    async def is_set_up(self, name: str) -> bool:
        """Return whether a user is asked for a second step."""
        return await self.units.read(lambda db: second_factor_store.find(db, name)) is not None

    async def is_required(self, merchant: MerchantId) -> bool:
        """Return whether a merchant asks everybody for a second step."""
        return await self.units.read(lambda db: second_factor_store.is_required(db, merchant))

    async def prove(self, user: StoredUser, code: str) -> bool:
        """Return whether a code proves a user who is signed in; it is used up."""
        return await self.units.run(lambda uow: self.takes(uow, user, code), WritePriority.INGEST)

    async def takes(self, uow: UnitOfWork, user: StoredUser, code: str) -> bool:
        """Return whether a code or recovery code proves a user; it is used up in this unit, and good no second time."""
        found = await second_factor_store.find(uow.db, user.name)
        if found is None:
            return False
        if await second_factor_store.use_code(uow.db, user.name, totp.recovery_sha256(code)):
            return True
        try:
            secret = self._opened(found.secret, "authenticator", user.merchant_id, user.name).decode()
        except InvalidTag:  # the console's key was replaced: recovery codes are good, or the operator resets
            return False
        step = totp.step_of(secret, code, uow.now, found.last_step)
        return step is not None and await second_factor_store.use_step(uow.db, found, step)

    async def _lock(self, uow: UnitOfWork, merchant: MerchantId, name: str) -> None:
        """Hold a user's row, so that nothing is stored for one who is removed meanwhile.

        Raises:
            HTTPProblem: 404, the merchant has no such user.
        """
        found = await user_store.held(uow.db, name)
        if found is None or found.merchant_id != merchant:
            raise not_found(f"the user {name}")

    def _sealed(self, content: bytes, *place: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, content, "\x1f".join(place).encode())

    def _opened(self, sealed: bytes, *place: str) -> bytes:
        """Return what was sealed.

        Raises:
            InvalidTag: it is of another place, or of another key.
        """
        return self.cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], "\x1f".join(place).encode())
