"""How many texts the end of a control lets go, and the resume that waits for a second person's yes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.scheduler.approvals.asking import Wish
from services.scheduler.approvals.deciding import (
    COUNTED_TOGETHER,
    Approval,
    ApprovalAction,
    takes_second_person,
)
from services.scheduler.controls import store
from services.scheduler.controls.changing import lift
from services.scheduler.controls.deeds import deed_of
from services.scheduler.controls.store import StoredControl
from shared.audit import AuditAction
from shared.audit_log import AuditLog
from shared.config.directory import Merchant
from shared.controls import EVERY_MERCHANT, ControlScope
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller
from shared.privacy import Sealer
from shared.vocabulary.built_in_flows import BUILT_IN_FLOWS

_NAMED = ("flow", "step", "number", "provider")


async def texts_let_go(db: Transaction, merchant: Merchant, scope: ControlScope, keys: Sequence[UUID]) -> int:
    """Return how many texts go if these controls, all on one scope, are lifted.

    It is what waits for them by now; what is due later goes when it would have gone anyway. Of a flow that was removed
    from the files it is everything that is planned: without the lift none of it would go.
    """
    is_whole_flow = scope.flow is not None and scope.step is None
    if is_whole_flow and scope.flow not in merchant.flows and scope.flow not in BUILT_IN_FLOWS:
        return (await store.concerned(db, scope)).follow_ups
    return sum((await store.count_waiting(db, keys)).values())


async def takes_two(db: Transaction, merchant: Merchant, scope: ControlScope, texts: int, now: datetime) -> bool:
    """Return whether letting these texts of a scope go takes a second person.

    What is the operator's, about every merchant, and what is about one person alone, takes none.
    """
    if scope.merchant_id == EVERY_MERCHANT or scope.recipient_id is not None:
        return False
    lately = await store.let_go_since(db, merchant.id, now - COUNTED_TOGETHER)
    return takes_second_person(texts, lately, merchant.config.approvals.release_above)


def wish_of(known: Sequence[StoredControl], texts: int, reason: str) -> Wish:
    """Return the wish to lift these controls, all on one scope."""
    scope = known[0].control.scope
    named = {name: getattr(scope, name) for name in _NAMED}
    return Wish(
        ApprovalAction.RESUME, {"controls": sorted(str(each.control.id) for each in known), **named}, texts, reason
    )


@dataclass(frozen=True, slots=True)
class ApprovedResume:
    """Lifts the controls that a question names, and no others: one that was made meanwhile stays."""

    sealer: Sealer
    audit: AuditLog

    async def texts(self, db: Transaction, merchant: Merchant, approval: Approval, now: datetime) -> int | None:
        """Return how many texts would go by now; None where nothing is left to be lifted."""
        known = await store.load_in_force(db, _keys_of(approval), now)
        if not known:
            return None
        keys = [each.control.id for each in known]
        return await texts_let_go(db, merchant, known[0].control.scope, keys)

    async def carry_out(self, uow: UnitOfWork, approval: Approval, reason: str, caller: Caller) -> None:
        """Lift them in the name of both; the caller holds the lock of controls alone."""
        both = f"{approval.asked_by} and {caller.key_id}"
        for stored in await store.load_in_force(uow.db, _keys_of(approval), uow.now):
            await lift(uow, self.sealer, stored, reason, both)
            self.audit.record(uow, caller.actor, deed_of(stored.control, AuditAction.CONTROL_LIFTED, reason))


def _keys_of(approval: Approval) -> list[UUID]:
    return [UUID(key) for key in approval.subject["controls"]]
