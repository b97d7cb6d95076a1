"""The words of a text as its provider was given them, opened for who may read them."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.sender.conversations.inbox import HIDDEN
from services.sender.instruments import CLEAR_ANSWERS
from services.sender.queue.dispatches import Attempt
from services.sender.store import sealed_texts
from shared import aad
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Unsealable
from shared.http.auth import Caller
from shared.ids import AttemptId
from shared.privacy import Sealer
from shared.telemetry.logs import logger

_SCOPE: Final = "messages:read"

log = logger(__name__)


class SentTexts:
    """Opens what was sent; each reading is entered into the audit log before it is shown."""

    def __init__(self, units: UnitOfWorkRunner, sealer: Sealer, audit: AuditLog) -> None:
        self._units = units
        self._sealer = sealer
        self._audit = audit

    async def read(self, caller: Caller, attempts: Sequence[Attempt]) -> Mapping[AttemptId, str | None]:
        """Return the text of each of a dispatch's attempts; None where it is no longer kept.

        Without the scope `messages:read` it is hidden, and nothing is entered.
        """
        keys = [each.id for each in attempts]
        sealed = await self._units.read(lambda db: sealed_texts(db, keys))
        if not caller.may(_SCOPE):
            return {key: None if sealed[key] is None else HIDDEN for key in keys}
        opened = {each.id: self._opened(each, sealed[each.id]) for each in attempts}
        shown = [each for each in attempts if opened[each.id] is not None]
        if shown:
            await self._enter(caller, shown[0], len(shown))
        return opened

    async def _enter(self, caller: Caller, first: Attempt, count: int) -> None:
        subject = AuditSubject(AuditSubjectKind.FOLLOW_UP, str(first.follow_up_id))
        deed = Deed(
            first.merchant_id,
            AuditAction.TEXT_REVEALED,
            subject,
            recipient_id=first.recipient_id,
            counts={"texts": count},
        )

        async def work(uow: UnitOfWork) -> None:
            self._audit.record(uow, caller.actor, deed)

        await self._units.run(work, WritePriority.BATCHES)
        CLEAR_ANSWERS.labels("texts").inc()

    def _opened(self, attempt: Attempt, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        try:
            return self._sealer.open(attempt.merchant_id, aad.sent_text(attempt.id), sealed).decode()
        except Unsealable as fault:
            log.warning("sent_text_unreadable", detail=fault.detail)
            return None
