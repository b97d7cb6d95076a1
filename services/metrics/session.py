"""Console sessions: kept here, by the hash of what the browser holds, and tied to the hash of the key that opened them.

A session ends with its time, when somebody signs out, and at once when its key is taken out of merchant.yaml, is made
anew, or loses its scope. A code is a session's beginning handed on: it opens one, once, within minutes, so that no key
has to stand in an address.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from services.metrics.tables import sessions
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.problem import Severity
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.ids import MerchantId

SCOPE: Final = "metrics:read"
COOKIE: Final = "followup_console"
CODE_MINUTES: Final = 60
_LONGEST: Final = 100
"""Characters of what a browser may hold; ours are 43."""


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
        """Return what is wrong with a merchant's files; its last good ones are in force."""
        return tuple(
            str(problem)
            for problem in self._merchants.problems
            if problem.severity is Severity.ERROR and merchant_id in Path(problem.file).parts
        )

    async def open(self, merchant: MerchantId, key_sha256: str) -> str:
        """Return the cookie of a new session of a key's holder."""
        return await self._issue(_Kind.SESSION, merchant, key_sha256, timedelta(hours=self._hours))

    async def code(self, merchant: MerchantId, key_sha256: str) -> str:
        """Return a code that opens one session, once."""
        return await self._issue(_Kind.CODE, merchant, key_sha256, timedelta(minutes=CODE_MINUTES))

    async def redeem(self, code: str) -> str | None:
        """Return the cookie of the session that a code opens; None for one that was used, ended, or never was."""
        if not 0 < len(code) <= _LONGEST:
            return None
        name = _name(code)

        async def work(uow: UnitOfWork) -> Row | None:
            row = await _found(uow.db, name)
            if row is None or row["kind"] != _Kind.CODE or row["ends_at"] <= uow.now:
                return None
            return row if await uow.db.delete(sessions, "token_sha256", [name]) else None

        row = await self._units.run(work, WritePriority.INGEST)
        if row is None or self._merchant(row) is None:
            return None
        return await self.open(MerchantId(row["merchant_id"]), row["key_sha256"])

    async def merchant_of(self, cookie: str | None) -> Merchant | None:
        """Return whose console this cookie opens now; None where it opens none."""
        if cookie is None or not 0 < len(cookie) <= _LONGEST:
            return None
        row = await self._units.read(lambda db: _found(db, _name(cookie)))
        if row is None or row["kind"] != _Kind.SESSION or row["ends_at"] <= self._units.clock.now():
            return None
        return self._merchant(row)

    async def end(self, cookie: str | None) -> None:
        """End a session, wherever else its cookie was copied to."""
        if cookie is not None and 0 < len(cookie) <= _LONGEST:
            name = _name(cookie)
            await self._units.run(lambda uow: uow.db.delete(sessions, "token_sha256", [name]), WritePriority.INGEST)

    def _merchant(self, row: Row) -> Merchant | None:
        """Return whose key it was, while it is one that may read metrics."""
        found = self._merchants.by_api_key(row["key_sha256"])
        if found is None:
            return None
        merchant, key = found
        return merchant if merchant.id == row["merchant_id"] and SCOPE in key.scopes else None

    async def _issue(self, kind: _Kind, merchant: MerchantId, key_sha256: str, lifetime: timedelta) -> str:
        token = secrets.token_urlsafe(32)

        async def work(uow: UnitOfWork) -> None:
            await _forget_ended(uow.db, merchant, uow.now)
            await uow.db.insert(
                sessions,
                [
                    {
                        "token_sha256": _name(token),
                        "kind": kind,
                        "merchant_id": merchant,
                        "key_sha256": key_sha256,
                        "ends_at": uow.now + lifetime,
                    }
                ],
            )

        await self._units.run(work, WritePriority.INGEST)
        return token


def _name(token: str) -> bytes:
    """Return what is stored of a token: who reads the table can sign in with nothing of it."""
    return hashlib.sha256(token.encode()).digest()


async def _found(db: Transaction, name: bytes) -> Row | None:
    rows: Sequence[Row] = await db.fetch(sessions, "token_sha256", [name])
    return rows[0] if rows else None


async def _forget_ended(db: Transaction, merchant: MerchantId, now: datetime) -> None:
    ended = sa.delete(sessions).where(sessions.c.merchant_id == merchant, sessions.c.ends_at <= now)
    await db.execute(ended)
