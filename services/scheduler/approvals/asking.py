"""Asks for a second person's yes, in the unit of who found that it takes one."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from services.scheduler.approvals import store
from services.scheduler.approvals.deciding import LIFE, Approval, ApprovalAction
from shared import aad, ids
from shared.audit import ActorKind, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.bus.partitioning import WHOLE_MERCHANT
from shared.db.unit_of_work import UnitOfWork
from shared.events.control import ApprovalAsked, ScopePart
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.ids import EventId
from shared.privacy import Sealer

_MOST_OPEN: Final = 100
"""Of one merchant: more than anybody reads."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done that takes a second person."""

    action: ApprovalAction
    subject: dict[str, Any]
    texts: int
    reason: str


def subject_of(approval: Approval) -> AuditSubject:
    """Return it as audit logs name it."""
    return AuditSubject(AuditSubjectKind.APPROVAL, str(approval.id))


async def ask(uow: UnitOfWork, audit: AuditLog, sealer: Sealer, caller: Caller, wish: Wish) -> Approval:
    """Store the question for a second person; asked again, about the same, it is the same question.

    The caller holds the lock under which the action would be done.

    Raises:
        HTTPProblem: 403 it is no user of the console who asks; 409 too many are open.
    """
    merchant = caller.merchant.id
    if caller.actor.kind is not ActorKind.USER:
        raise HTTPProblem(
            HTTPStatus.FORBIDDEN,
            "second_person",
            f"{wish.texts} texts would go, which takes two people: ask at the console with your own name, under "
            "Pause and stop; a key or a command cannot, since nobody can tell whose it is",
        )
    known = await store.open_of(uow.db, merchant, uow.now)
    for approval in known:
        if (approval.action, approval.subject) == (wish.action, wish.subject):
            return approval
    if len(known) >= _MOST_OPEN:
        raise HTTPProblem(
            HTTPStatus.CONFLICT,
            "too_many_approvals",
            f"{_MOST_OPEN} questions wait for a second person; answer some, or take them back",
        )
    key = ids.minted(uow.now)
    approval = Approval(
        id=key,
        merchant_id=merchant,
        action=wish.action,
        subject=wish.subject,
        texts=wish.texts,
        asked_by=caller.key_id,
        asked_at=uow.now,
        reason=sealer.seal(merchant, aad.approval_reason(key), wish.reason.encode()),
        expires_at=uow.now + LIFE,
    )
    await store.save(uow.db, approval)
    uow.publish(_announced(approval))
    asked = Deed(
        merchant,
        AuditAction.APPROVAL_ASKED,
        subject_of(approval),
        fields=(wish.action.value,),
        counts={"texts": wish.texts},
        reason=wish.reason,
    )
    audit.record(uow, caller.actor, asked)
    return approval


def _announced(approval: Approval) -> ApprovalAsked:
    """Return the event by which the merchant is notified."""
    scope = {name: approval.subject[name] for name in ("flow", "step", "number", "provider")}
    return ApprovalAsked(
        event_id=EventId(ids.derived("approval.asked", approval.id, at=approval.asked_at)),
        merchant_id=approval.merchant_id,
        recipient_id=WHOLE_MERCHANT,
        occurred_at=approval.asked_at,
        correlation_id=f"approval:{approval.id}",
        approval_id=approval.id,
        scope=ScopePart(**scope),
        texts=approval.texts,
        asked_by=approval.asked_by,
        expires_at=approval.expires_at,
    )
