"""Console sessions: kept by the server, by the hash of their cookie, of a user or of an API key.

A session ends after its lifetime, on signing out, and at once when its user gets another password or is removed, or its
API key is removed from merchant.yaml, replaced, or loses its scope. A code opens one session, once, within an hour, so
that no key has to be part of a URL.

Where a user has a second factor, a session exists only after both steps; where the shop asks everybody for one, keys
open none, and whoever has none yet is answered no page but the one on which it is set up.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from services.console.accounts import second_factor_store, session_store, user_store
from services.console.accounts.account_log import AccountLog
from services.console.accounts.session_store import StoredSession
from services.console.accounts.user_store import StoredUser
from shared.audit import Actor, AddressClass, AuditAction
from shared.config.directory import Merchant, MerchantDirectory
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import MerchantId
from shared.vocabulary.roles import CONSOLE_SCOPES, SCOPES_OF, Role

SCOPE: Final = "metrics:read"
"""What an API key needs to open the console."""
COOKIE: Final = "followup_console"
STEP_COOKIE: Final = "followup_console_step"
"""Between the two steps of signing in."""
CODE_MINUTES: Final = 60
STEP_MINUTES: Final = 5
FIRST_USER_MINUTES: Final = 15
_NOTED: Final = timedelta(minutes=5)
"""How often it is noted that a session is used: a page is looked at more often than it is worth writing down."""
_LONGEST: Final = 100
"""Characters of a cookie or code that is looked up; real ones have 43."""
_NO_MERCHANT: Final = MerchantId("")


class SessionKind(StrEnum):
    """What a row stands for."""

    SESSION = "session"
    CODE = "code"
    FIRST_USER = "first_user"
    STEP = "step"
    """The password was right, the code is still to come: it opens no page."""
    IDENTITY = "identity"
    """An answer of the identity provider that was taken: by its row it is not taken again, and it opens no page."""


@dataclass(frozen=True, slots=True)
class SignedInPerson:
    """Who is signed in, and what they may do."""

    merchant: Merchant
    name: str
    """Shown, and stored with what they do: `user:anna`, or the id of an API key."""
    role: Role | None
    """None for an API key, which has its own scopes."""
    scopes: frozenset[str]
    form_token: str
    """Stands in every form of one sign-in, and in no other's (CSRF)."""
    has_to_set_up: bool = False
    """Their shop asks everybody for a second step, and they have none yet: no other page is answered."""

    def actor(self, origin: AddressClass) -> Actor:
        """Return them as the audit log names them."""
        return Actor.named(self.name, origin)

    def may(self, scope: str) -> bool:
        """Return whether they have a scope."""
        return scope in self.scopes

    def sent(self, form_token: str) -> bool:
        """Return whether a form came from a page of the same sign-in."""
        return hmac.compare_digest(form_token.encode(), self.form_token.encode())


class Sessions:
    """Opens, reads and ends console sessions."""

    def __init__(
        self, units: UnitOfWorkRunner, merchants: MerchantDirectory, hours: int, account_log: AccountLog
    ) -> None:
        self._units = units
        self._merchants = merchants
        self._lifetime = timedelta(hours=hours)
        self._log = account_log

    @property
    def seconds(self) -> int:
        """How long a new session lasts."""
        return int(self._lifetime.total_seconds())

    async def open(self, merchant: MerchantId, key_sha256: str, by: Actor) -> str:
        """Return the cookie of a new session opened with an API key."""
        return await self._issue(SessionKind.SESSION, merchant, self._lifetime, key_sha256=key_sha256, by=by)

    async def open_for(self, user: StoredUser, origin: AddressClass, browser: str = "") -> str:
        """Return the cookie of a new session of a user; `browser` as `browser_words` names it."""
        by = Actor.named(f"user:{user.name}", origin)
        return await self._issue(
            SessionKind.SESSION, user.merchant_id, self._lifetime, user=user, by=by, browser=browser
        )

    async def begin(self, user: StoredUser) -> str:
        """Return the cookie of a sign-in whose second step is still to come."""
        return await self._issue(SessionKind.STEP, user.merchant_id, timedelta(minutes=STEP_MINUTES), user=user)

    async def begun(self, cookie: str | None) -> StoredUser | None:
        """Return whose second step is still to come; None where the first is too long ago, or they changed since."""
        return await self._units.read(lambda db: self._begun(db, cookie)) if cookie else None

    async def complete(
        self, cookie: str, proves: Callable[[UnitOfWork], Awaitable[bool]], origin: AddressClass, browser: str = ""
    ) -> str | None:
        """Return the cookie of the session of a begun sign-in, if the second step proves its user; else None.

        The proof is used up, the begun sign-in ends and the session begins in one unit.
        """
        token = secrets.token_urlsafe(32)

        async def work(uow: UnitOfWork) -> bool:
            user = await self._begun(uow.db, cookie)
            if user is None or not await proves(uow) or not await session_store.delete(uow.db, hash_of(cookie)):
                return False
            by, ends_at = Actor.named(f"user:{user.name}", origin), uow.now + self._lifetime
            session = StoredSession(
                hash_of(token),
                SessionKind.SESSION,
                user.merchant_id,
                ends_at,
                user_name=user.name,
                user_version=user.version,
                browser=browser,
                began_at=uow.now,
                used_at=uow.now,
            )
            await session_store.insert(uow.db, session)
            self._log.about_oneself(uow, by, user.merchant_id, AuditAction.SIGNED_IN)
            return True

        return token if await self._units.run(work, WritePriority.INGEST) else None

    async def _begun(self, db: Transaction, cookie: str) -> StoredUser | None:
        found = await session_store.find(db, hash_of(cookie[:_LONGEST]))
        if found is None or found.kind != SessionKind.STEP or found.ends_at <= self._units.clock.now():
            return None
        user = await user_store.find(db, found.user_name)
        return user if user is not None and user.version == found.user_version else None

    async def code(self, merchant: MerchantId, key_sha256: str) -> str:
        """Return a code that opens one session, once."""
        return await self._issue(SessionKind.CODE, merchant, timedelta(minutes=CODE_MINUTES), key_sha256=key_sha256)

    async def first_user_code(self) -> str | None:
        """Return a code that makes the first user, once; None where there is one already."""
        if not await self._units.read(user_store.is_empty):
            return None
        return await self._issue(SessionKind.FIRST_USER, _NO_MERCHANT, timedelta(minutes=FIRST_USER_MINUTES))

    async def makes_first_user(self, code: str) -> bool:
        """Return whether a code can make the first user now."""
        return await self._units.read(lambda db: self._first_user_code_is_good(db, code))

    async def take_first_user_code(self, uow: UnitOfWork, code: str) -> bool:
        """Use up a code for the first user, in the unit of work that makes them; False for one that is not good."""
        is_good = await self._first_user_code_is_good(uow.db, code)
        return is_good and await session_store.delete(uow.db, hash_of(code))

    async def _first_user_code_is_good(self, db: Transaction, code: str) -> bool:
        if not 0 < len(code) <= _LONGEST:
            return False
        found = await session_store.find(db, hash_of(code))
        is_running = found is not None and found.ends_at > self._units.clock.now()
        return (
            found is not None and found.kind == SessionKind.FIRST_USER and is_running and await user_store.is_empty(db)
        )

    async def redeem(self, code: str, origin: AddressClass) -> str | None:
        """Return the cookie of the session that a code opens; None for a used, ended or unknown code."""
        if not 0 < len(code) <= _LONGEST:
            return None
        token_sha256 = hash_of(code)

        async def work(uow: UnitOfWork) -> StoredSession | None:
            found = await session_store.find(uow.db, token_sha256)
            if found is None or found.kind != SessionKind.CODE or found.ends_at <= uow.now:
                return None
            if await second_factor_store.is_required(uow.db, found.merchant_id):
                return None
            return found if await session_store.delete(uow.db, token_sha256) else None

        found = await self._units.run(work, WritePriority.INGEST)
        person = self._by_key(found, "") if found is not None else None
        if found is None or person is None:
            return None
        return await self.open(found.merchant_id, found.key_sha256, person.actor(origin))

    async def person_of(self, cookie: str | None) -> SignedInPerson | None:
        """Return who is signed in with this cookie now; None if nobody. Every few minutes its use is noted."""
        if cookie is None or not 0 < len(cookie) <= _LONGEST:
            return None

        form_token = hmac.digest(cookie.encode(), b"forms of one sign-in", "sha256").hex()

        token_sha256, now = hash_of(cookie), self._units.clock.now()

        async def read(db: Transaction) -> tuple[SignedInPerson | None, bool]:
            found = await session_store.find(db, token_sha256)
            if found is None or found.kind != SessionKind.SESSION or found.ends_at <= now:
                return None, False
            return await self._person(db, found, form_token), found.used_at is None or now - found.used_at >= _NOTED

        person, is_to_note = await self._units.read(read)
        if person is not None and is_to_note:
            await self._units.run(lambda uow: session_store.touch(uow.db, token_sha256, uow.now), WritePriority.INGEST)
        return person

    async def _person(self, db: Transaction, found: StoredSession, form_token: str) -> SignedInPerson | None:
        is_required = await second_factor_store.is_required(db, found.merchant_id)
        if not found.user_name:
            return None if is_required else self._by_key(found, form_token)
        person = self._by_user(found, await user_store.find(db, found.user_name), form_token)
        if person is None or not is_required or await second_factor_store.find(db, found.user_name) is not None:
            return person
        return replace(person, scopes=frozenset(), has_to_set_up=True)

    async def sign_out(self, cookie: str, person: SignedInPerson, origin: AddressClass) -> None:
        """End the session of a cookie because its person asks for it."""
        token_sha256, merchant = hash_of(cookie), MerchantId(person.merchant.id)

        async def work(uow: UnitOfWork) -> None:
            if await session_store.delete(uow.db, token_sha256):
                self._log.about_oneself(uow, person.actor(origin), merchant, AuditAction.SIGNED_OUT)

        await self._units.run(work, WritePriority.INGEST)

    async def end(self, cookie: str | None) -> None:
        """End a session; copies of its cookie stop working too."""
        if cookie is not None and 0 < len(cookie) <= _LONGEST:
            token_sha256 = hash_of(cookie)
            await self._units.run(lambda uow: session_store.delete(uow.db, token_sha256), WritePriority.INGEST)

    def _by_key(self, session: StoredSession, form_token: str) -> SignedInPerson | None:
        """Return whom a session's key stands for, while that key exists and may read metrics."""
        found = self._merchants.by_api_key(session.key_sha256)
        if found is None:
            return None
        merchant, key = found
        if merchant.id != session.merchant_id or SCOPE not in key.scopes:
            return None
        return SignedInPerson(merchant, key.id, None, CONSOLE_SCOPES.intersection(key.scopes), form_token)

    def _by_user(self, session: StoredSession, user: StoredUser | None, form_token: str) -> SignedInPerson | None:
        """Return the user of a session, while they are as they were when it was opened."""
        if user is None or user.version != session.user_version or user.merchant_id != session.merchant_id:
            return None
        merchant, role = self._merchants.get(user.merchant_id), Role(user.role)
        if merchant is None:
            return None
        return SignedInPerson(merchant, f"user:{user.name}", role, SCOPES_OF[role], form_token)

    async def _issue(
        self,
        kind: SessionKind,
        merchant: MerchantId,
        lifetime: timedelta,
        *,
        key_sha256: str = "",
        user: StoredUser | None = None,
        by: Actor | None = None,
        browser: str = "",
    ) -> str:
        """Return a new token; `by` whom a session is opened is entered in the audit log, of a code nothing is."""
        token = secrets.token_urlsafe(32)

        async def work(uow: UnitOfWork) -> None:
            ends_at = uow.now + lifetime
            name, version = (user.name, user.version) if user is not None else ("", None)
            session = StoredSession(
                hash_of(token), kind, merchant, ends_at, key_sha256, name, version, browser, uow.now, uow.now
            )
            await session_store.insert(uow.db, session)
            if by is not None:
                self._log.about_oneself(uow, by, merchant, AuditAction.SIGNED_IN)

        await self._units.run(work, WritePriority.INGEST)
        return token


def hash_of(token: str) -> bytes:
    """Return what is stored of a token, so that nothing in the table can be used to sign in."""
    return hashlib.sha256(token.encode()).digest()
