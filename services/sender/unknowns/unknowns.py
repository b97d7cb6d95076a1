"""Lists unknown texts with what is known, and records what somebody says became of one."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from services.sender import store as dispatch_store
from services.sender.instruments import RECONCILED
from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import AttemptUpdate
from services.sender.queue.conclusion import Conclusion
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import AttemptState
from services.sender.reconciliation.store import message_ids, other_attempts
from services.sender.settings import SenderSettings
from services.sender.unknowns import store
from services.sender.unknowns.resolution import Resolution, SaidSent, is_repeat, objection_to
from services.sender.unknowns.store import UnknownRow
from shared import aad
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Unsealable
from shared.events.follow_up import ResendPolicy
from shared.events.trigger import Contact
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.ids import FollowUpId, MerchantId
from shared.phone import E164, masked
from shared.privacy import Sealer
from shared.telemetry.logs import logger

MOST_LISTED: Final = 100
END: Final = UUID(int=2**128 - 1)
"""Behind every attempt: where the first page begins."""

log = logger(__name__)


class UnknownText(NamedTuple):
    """An unknown text as a caller may read it."""

    row: UnknownRow
    number: str | None
    """Masked, unless the caller may see it; None where it is no longer kept."""
    gives_up_at: datetime
    may_be_sent_again: bool


class UnknownPage(NamedTuple):
    """A page of a merchant's unknown texts, and how many there are, up to `store.MOST_COUNTED`."""

    texts: list[UnknownText]
    total: int


class Resolved(NamedTuple):
    """How a call stands after somebody said what became of it."""

    attempt: Attempt
    dispatch: Dispatch


class UnknownTexts:
    """The unknown texts of merchants; another merchant's is never found."""

    def __init__(self, units: UnitOfWorkRunner, sealer: Sealer, settings: SenderSettings, audit: AuditLog) -> None:
        self._units = units
        self._sealer = sealer
        self._horizon = timedelta(hours=settings.horizon_hours)
        self._audit = audit

    async def page(self, caller: Caller, before: UUID, most: int) -> UnknownPage:
        """Return the caller's unknown texts before an attempt's id, the newest first.

        What shows numbers in clear is entered into the audit log first.
        """
        merchant, reveals = caller.merchant.id, caller.may("recipients:reveal")

        async def work(db: Transaction) -> tuple[list[UnknownRow], int]:
            return await store.page(db, merchant, before, most), await store.count(db, merchant)

        rows, count = await self._units.read(work)
        texts = [self._text(row, reveals=reveals) for row in rows]
        shown = sum(text.number is not None for text in texts)
        if reveals and shown:
            await self._note_revealed(caller, shown)
        return UnknownPage(texts, count)

    async def resolve(
        self, caller: Caller, follow_up_id: FollowUpId, attempt_id: UUID, said: Resolution, reason: str
    ) -> Resolved | None:
        """Record what somebody says; said once more it changes nothing. None: the caller has no such call.

        Raises:
            HTTPProblem: 409, something speaks against it.
        """

        async def work(uow: UnitOfWork) -> tuple[Resolved, Conclusion | None] | None:
            dispatch = (await dispatch_store.find_dispatches(uow.db, [follow_up_id], lock="update")).get(follow_up_id)
            attempt = (await dispatch_store.find_attempts(uow.db, [attempt_id], lock="update")).get(attempt_id)
            if dispatch is None or attempt is None or attempt.follow_up_id != follow_up_id:
                return None
            if dispatch.merchant_id != caller.merchant.id:
                return None
            if is_repeat(attempt, said):
                return Resolved(attempt, dispatch), None
            others = await other_attempts(uow.db, attempt, dispatch)
            objection = objection_to(said, attempt, dispatch, uow.now, message_ids(others))
            if objection is not None:
                raise HTTPProblem(HTTPStatus.CONFLICT, objection.code, objection.detail)
            [change] = await attempt_recording.record([AttemptUpdate(attempt.id, follow_up_id, said)], uow)
            if change is None or change.alarm == "double":
                raise HTTPProblem(
                    HTTPStatus.CONFLICT, "already_concluded", "another call of this text is under way or was accepted"
                )
            self._audit.record(uow, caller.actor, _deed(attempt, said, reason))
            return Resolved(change.attempt, change.dispatch), change

        done = await self._units.run(work, WritePriority.OUTCOMES)
        if done is None:
            return None
        resolved, change = done
        if change is not None:
            attempt_recording.raise_alarms([change])
            RECONCILED.labels(type(said).__name__.lower()).inc()
            log.info("unknown_resolved", attempt_id=str(attempt_id), said=type(said).__name__, by=caller.actor.id)
        return resolved

    async def _note_revealed(self, caller: Caller, shown: int) -> None:
        subject = AuditSubject(AuditSubjectKind.MERCHANT, caller.merchant.id)
        deed = Deed(caller.merchant.id, AuditAction.UNKNOWNS_REVEALED, subject, counts={"numbers": shown})

        async def work(uow: UnitOfWork) -> None:
            self._audit.record(uow, caller.actor, deed)

        await self._units.run(work, WritePriority.BATCHES)

    def _text(self, row: UnknownRow, *, reveals: bool) -> UnknownText:
        number = self._number(row)
        dispatch = row.dispatch
        may_be_sent_again = (
            row.attempt["state"] == AttemptState.UNKNOWN
            and dispatch["resend"] == ResendPolicy.RESEND_WHEN_ABSENT
            and not dispatch["cancelled"]
        )
        return UnknownText(
            row,
            number if number is None or reveals else masked(number),
            row.attempt["deadline"] + self._horizon,
            may_be_sent_again,
        )

    def _number(self, row: UnknownRow) -> E164 | None:
        sealed, attempt = row.dispatch["contact"], row.attempt
        if sealed is None:
            return None
        try:
            place = aad.contact(attempt["recipient_id"])
            clear = self._sealer.open(MerchantId(attempt["merchant_id"]), place, bytes(sealed))
            return E164(Contact.model_validate_json(clear).phone)
        except (Unsealable, ValidationError):
            return None


def _deed(attempt: Attempt, said: Resolution, reason: str) -> Deed:
    """Return what was said, for the audit log."""
    counts: Mapping[str, int] = {"sent": int(isinstance(said, SaidSent))}
    fields = () if not isinstance(said, SaidSent) or said.provider_message_id is None else ("provider_message_id",)
    return Deed(
        attempt.merchant_id,
        AuditAction.UNKNOWN_RESOLVED,
        AuditSubject(AuditSubjectKind.FOLLOW_UP, str(attempt.follow_up_id)),
        recipient_id=attempt.recipient_id,
        fields=fields,
        counts=counts,
        reason=reason,
    )
