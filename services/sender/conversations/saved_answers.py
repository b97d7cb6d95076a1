"""Answers that a shop keeps for questions that come again: listed, saved, and removed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from uuid import UUID

from services.sender.conversations import saved_answer_store as store
from services.sender.conversations.saved_answer_store import SavedAnswer
from shared import ids
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId

MOST_SAVED: Final = 100
"""Of one merchant: a list that is still read through."""


@dataclass(frozen=True, slots=True)
class SavedAnswers:
    """Keeps the answers of all merchants; each sees its own."""

    units: UnitOfWorkRunner
    audit: AuditLog

    async def listed(self, merchant: MerchantId) -> Sequence[SavedAnswer]:
        """Return what a merchant keeps, by title."""
        return await self.units.read(lambda db: store.listed(db, merchant))

    async def save(self, caller: Caller, title: str, text: str) -> SavedAnswer:
        """Keep an answer; one with the same title, in whatever case, is replaced.

        Raises:
            HTTPProblem: 409, the merchant keeps as many as it may.
        """
        merchant = caller.merchant.id

        async def work(uow: UnitOfWork) -> SavedAnswer:
            saved = SavedAnswer(answer_id(merchant, title), title, text, uow.now)
            kept = {each.id for each in await store.listed(uow.db, merchant)}
            if saved.id not in kept and len(kept) >= MOST_SAVED:
                words = f"{MOST_SAVED} answers are saved, and more cannot be; remove one first"
                raise HTTPProblem(HTTPStatus.CONFLICT, "too_many", words)
            await store.save(uow.db, merchant, saved)
            self._enter(uow, caller, AuditAction.ANSWER_SAVED, saved.id)
            return saved

        return await self.units.run(work, WritePriority.INGEST)

    async def remove(self, caller: Caller, key: UUID) -> bool:
        """Remove an answer; return whether there was one."""

        async def work(uow: UnitOfWork) -> bool:
            found = key in {each.id for each in await store.listed(uow.db, caller.merchant.id)}
            if found:
                await store.remove(uow.db, key)
                self._enter(uow, caller, AuditAction.ANSWER_REMOVED, key)
            return found

        return await self.units.run(work, WritePriority.INGEST)

    def _enter(self, uow: UnitOfWork, caller: Caller, action: AuditAction, key: UUID) -> None:
        subject = AuditSubject(AuditSubjectKind.SAVED_ANSWER, str(key))
        self.audit.record(uow, caller.actor, Deed(caller.merchant.id, action, subject))


def answer_id(merchant: MerchantId, title: str) -> UUID:
    """Return the id of the answer that a merchant keeps under a title."""
    return ids.of_hash(hashlib.sha256(f"{merchant}\x1f{title.casefold()}".encode()).digest())
