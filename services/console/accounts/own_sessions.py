"""Where a user is signed in, and ending that: each of their sessions, or all but the one they look from."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from services.console.accounts import session_store, user_store
from services.console.accounts.account_log import AccountLog
from services.console.accounts.session_store import StoredSession
from services.console.accounts.sessions import SessionKind, hash_of
from shared.audit import Actor, AuditAction
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.http.problems import not_found
from shared.ids import MerchantId

MOST_SHOWN: Final = 50


class OwnSession(NamedTuple):
    """One session, as its user sees it."""

    id: str
    """The hash of its cookie, in hex: it ends the session for its own user, and opens nothing."""
    browser: str
    began_at: datetime | None
    """None for a session of before these were kept."""
    used_at: datetime | None
    is_this: bool
    """Whether the page is looked at from it."""


class OwnSessions:
    """Lists and ends the sessions of one user at a time."""

    def __init__(self, units: UnitOfWorkRunner, account_log: AccountLog) -> None:
        self._units = units
        self._log = account_log

    async def newest(self, name: str, cookie: str) -> Sequence[OwnSession]:
        """Return a user's sessions, this one first, then those used last; fifty at most."""
        this = hash_of(cookie)
        found = await self._units.read(lambda db: _running(db, name, self._units.clock.now()))
        shown = [
            OwnSession(each.token_sha256.hex(), each.browser, each.began_at, each.used_at, each.token_sha256 == this)
            for each in found
        ]
        last = sorted(shown, key=lambda each: each.used_at.timestamp() if each.used_at else 0.0, reverse=True)
        return sorted(last, key=lambda each: not each.is_this)[:MOST_SHOWN]

    async def end(self, merchant: MerchantId, name: str, session_id: str, by: Actor) -> None:
        """End one session of a user.

        Raises:
            HTTPProblem: 404, they have no such session, or it has ended.
        """

        async def work(uow: UnitOfWork) -> None:
            running = await _running(uow.db, name, uow.now)
            chosen = [each for each in running if each.token_sha256.hex() == session_id]
            if not chosen:
                raise not_found("a session of yours of this id")
            await self._end(uow, merchant, name, chosen, by)

        await self._units.run(work, WritePriority.INGEST)

    async def end_others(self, merchant: MerchantId, name: str, cookie: str, by: Actor) -> None:
        """End every session of a user but that of this cookie; begun sign-ins too."""
        this = hash_of(cookie)

        async def work(uow: UnitOfWork) -> None:
            found = await session_store.of_user(uow.db, name)
            await self._end(uow, merchant, name, [each for each in found if each.token_sha256 != this], by)

        await self._units.run(work, WritePriority.INGEST)

    async def _end(
        self, uow: UnitOfWork, merchant: MerchantId, name: str, chosen: Collection[StoredSession], by: Actor
    ) -> None:
        ended = sum([await session_store.delete(uow.db, each.token_sha256) for each in chosen])
        if ended:
            counts, action = {"sessions": ended}, AuditAction.SESSIONS_ENDED
            self._log.about_user(uow, by, merchant, action, name, counts=counts)


async def _running(db: Transaction, name: str, now: datetime) -> list[StoredSession]:
    """Return the sessions with which this user is signed in; one of the same name before them had others."""
    user = await user_store.find(db, name)
    return [
        each
        for each in await session_store.of_user(db, name)
        if user is not None
        and each.kind == SessionKind.SESSION
        and each.ends_at > now
        and each.user_version == user.version
    ]
