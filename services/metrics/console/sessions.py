"""Console sessions: stored by the hash of their cookie, with the hash of the API key that opened them.

A session ends after its lifetime, on signing out, and at once when its key is removed from merchant.yaml, replaced, or
loses its scope. A code opens one session, once, within minutes, so that no key has to be part of a URL.
"""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from services.metrics.console import session_store
from services.metrics.console.session_store import StoredSession
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.problem import Severity
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import MerchantId

SCOPE: Final = "metrics:read"
COOKIE: Final = "followup_console"
CODE_MINUTES: Final = 60
_LONGEST: Final = 100
"""Characters of a cookie or code that is looked up; real ones have 43."""


class _Kind(StrEnum):
    SESSION = "session"
    CODE = "code"


class Sessions:
    """Opens, reads and ends console sessions."""

    def __init__(self, units: UnitOfWorkRunner, merchants: MerchantDirectory, hours: int) -> None:
        self._units = units
        self._merchants = merchants
        self._hours = hours

    @property
    def seconds(self) -> int:
        """How long a new session lasts."""
        return self._hours * 3600

    def file_problems(self, merchant_id: str) -> tuple[str, ...]:
        """Return the errors in a merchant's files, whose last valid version is in use."""
        return tuple(
            str(problem)
            for problem in self._merchants.problems
            if problem.severity is Severity.ERROR and merchant_id in Path(problem.file).parts
        )

    async def open(self, merchant: MerchantId, key_sha256: str) -> str:
        """Return the cookie of a new session opened with an API key."""
        return await self._issue(_Kind.SESSION, merchant, key_sha256, timedelta(hours=self._hours))

    async def code(self, merchant: MerchantId, key_sha256: str) -> str:
        """Return a code that opens one session, once."""
        return await self._issue(_Kind.CODE, merchant, key_sha256, timedelta(minutes=CODE_MINUTES))

    async def redeem(self, code: str) -> str | None:
        """Return the cookie of the session that a code opens; None for a used, ended or unknown code."""
        if not 0 < len(code) <= _LONGEST:
            return None
        token_sha256 = _hash(code)

        async def work(uow: UnitOfWork) -> StoredSession | None:
            found = await session_store.find(uow.db, token_sha256)
            if found is None or found.kind != _Kind.CODE or found.ends_at <= uow.now:
                return None
            return found if await session_store.delete(uow.db, token_sha256) else None

        found = await self._units.run(work, WritePriority.INGEST)
        if found is None or self._merchant(found) is None:
            return None
        return await self.open(found.merchant_id, found.key_sha256)

    async def merchant_of(self, cookie: str | None) -> Merchant | None:
        """Return the merchant whose console this cookie opens now; None if it opens none."""
        if cookie is None or not 0 < len(cookie) <= _LONGEST:
            return None
        found = await self._units.read(lambda db: session_store.find(db, _hash(cookie)))
        if found is None or found.kind != _Kind.SESSION or found.ends_at <= self._units.clock.now():
            return None
        return self._merchant(found)

    async def end(self, cookie: str | None) -> None:
        """End a session; copies of its cookie stop working too."""
        if cookie is not None and 0 < len(cookie) <= _LONGEST:
            token_sha256 = _hash(cookie)
            await self._units.run(lambda uow: session_store.delete(uow.db, token_sha256), WritePriority.INGEST)

    def _merchant(self, session: StoredSession) -> Merchant | None:
        """Return the merchant of a session's key, while that key exists and may read metrics."""
        found = self._merchants.by_api_key(session.key_sha256)
        if found is None:
            return None
        merchant, key = found
        return merchant if merchant.id == session.merchant_id and SCOPE in key.scopes else None

    async def _issue(self, kind: _Kind, merchant: MerchantId, key_sha256: str, lifetime: timedelta) -> str:
        token = secrets.token_urlsafe(32)

        async def work(uow: UnitOfWork) -> None:
            session = StoredSession(_hash(token), kind, merchant, key_sha256, uow.now + lifetime)
            await session_store.insert(uow.db, session, uow.now)

        await self._units.run(work, WritePriority.INGEST)
        return token


def _hash(token: str) -> bytes:
    """Return what is stored of a token, so that nothing in the table can be used to sign in."""
    return hashlib.sha256(token.encode()).digest()
