"""`/v1/approvals`: what waits for a second person's yes, and that person's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final, Literal, Protocol
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.scheduler.approvals import store
from services.scheduler.approvals.asking import subject_of
from services.scheduler.approvals.bodies import AnswerRequest, ApprovalAnswer, ApprovalPage
from services.scheduler.approvals.deciding import (
    AnswerStanding,
    Approval,
    ApprovalAction,
    SecondAnswer,
    has_grown,
    standing_of,
)
from services.scheduler.caller_brake import CallerBrake
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.views import cursor_from, cursor_of
from shared import aad
from shared.audit import ActorKind, AuditAction, Deed
from shared.config.directory import Merchant
from shared.db import control_store
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.failpoints import failpoint
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem
from shared.http.strict_json import StrictRoute
from shared.token_buckets import TokenBuckets

_PATH: Final = "/v1/approvals"
_DOES: Final = "controls:write"
"""The scope of every action there is: who may not do it may not say yes to it."""
_LARGEST_PAGE: Final = 200
_REFUSALS: Final[Mapping[AnswerStanding, tuple[HTTPStatus, str, str]]] = {
    AnswerStanding.NO_USER: (
        HTTPStatus.FORBIDDEN,
        "second_person",
        "only a user of the console answers, signed in with their own name; a key or a command may be anybody's",
    ),
    AnswerStanding.OWN: (
        HTTPStatus.FORBIDDEN,
        "second_person",
        "you asked for it yourself: another user of the console has to say yes; you may take it back with no",
    ),
    AnswerStanding.ANSWERED: (HTTPStatus.CONFLICT, "already_answered", "somebody has answered it already"),
    AnswerStanding.EXPIRED: (HTTPStatus.CONFLICT, "approval_expired", "nobody answered in 72 hours: ask for it again"),
}

Reader = Annotated[Caller, Depends(requires("controls:read", _DOES))]
Writer = Annotated[Caller, Depends(requires(_DOES))]


class ApprovedAction(Protocol):
    """What is done once a second person has said yes."""

    async def texts(self, db: Transaction, merchant: Merchant, approval: Approval, now: datetime) -> int | None:
        """Return how many texts would go by now; None where nothing is left to do."""

    async def carry_out(self, uow: UnitOfWork, approval: Approval, reason: str, caller: Caller) -> None:
        """Do it in the name of both, in the unit in which the yes is stored."""


def create_router(deps: SchedulerDependencies, actions: Mapping[ApprovalAction, ApprovedAction]) -> APIRouter:
    """Return the routes.

    Args:
        deps: the parts of the service.
        actions: what is done after a yes, for each kind of question.
    """
    router = APIRouter(tags=["controls"], route_class=StrictRoute)
    brake = CallerBrake(TokenBuckets(deps.runtime.clock), "too_many_answers", "answers were given")
    endpoints = SecondPersons(deps, actions, brake)
    router.get(_PATH, summary="List what waits for a second person's yes")(endpoints.show)
    router.post(_PATH + "/{approval_id}/answer", summary="Say yes or no as the second person")(endpoints.answer)
    return router


@dataclass(frozen=True, slots=True)
class SecondPersons:
    """Shows what waits for a second person, and takes the answers."""

    deps: SchedulerDependencies
    actions: Mapping[ApprovalAction, ApprovedAction]
    brake: CallerBrake

    async def show(
        self,
        caller: Reader,
        state: Annotated[
            Literal["open", "all"], Query(description="With `all` also what was answered, has expired or is over.")
        ] = "open",
        limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = 100,
        cursor: str | None = None,
    ) -> ApprovalPage:
        """Return the merchant's questions, the newest first; those that are open are at most 100."""
        before, now, merchant = cursor_from(cursor), self.deps.runtime.clock.now(), caller.merchant.id

        async def read(db: Transaction) -> ApprovalPage:
            if state == "open":
                waiting = await self._answers(db, await store.open_of(db, merchant, now), caller, now)
                return ApprovalPage(approvals=[each for each in waiting if each.state == "open"], next_cursor=None)
            found = await store.newest(db, merchant, limit + 1, before)
            page = await self._answers(db, found[:limit], caller, now)
            more = cursor_of(page[-1].approval_id) if len(found) > limit else None
            return ApprovalPage(approvals=page, next_cursor=more)

        return await self.deps.units.read(read)

    async def answer(self, approval_id: UUID, request: AnswerRequest, caller: Writer) -> ApprovalAnswer:
        """Answer as the second person; a yes does at once what was asked for, and the same answer again does nothing.

        The texts are counted anew: if they are more than a tenth more than you were shown, the yes is refused with the
        new number. Who asked cannot say yes, and with no takes it back. No key and no command answers.
        """
        self.brake.slow_down(caller)
        answered = await self.deps.units.run(partial(self._take, approval_id, request, caller), WritePriority.STOP)
        failpoint("scheduler.after_control")
        self.deps.control_waker.wake()
        return answered

    async def _take(self, approval_id: UUID, request: AnswerRequest, caller: Caller, uow: UnitOfWork) -> ApprovalAnswer:
        # Alone, before the row is read: of two answers, or of an answer and a resume, the second sees the first.
        await control_store.lock_alone(uow.db)
        approval = await store.load(uow.db, approval_id)
        if approval is None or approval.merchant_id != caller.merchant.id:
            raise HTTPProblem(HTTPStatus.NOT_FOUND, "not_found", "there is no such question")
        answer = SecondAnswer(request.answer)
        standing = standing_of(approval, answer, caller.actor, caller.key_id, uow.now)
        if (refusal := _REFUSALS.get(standing)) is not None:
            raise HTTPProblem(*refusal)
        if standing is AnswerStanding.COUNTS:
            approval = await self._answered(uow, approval, answer, request, caller)
        return (await self._answers(uow.db, [approval], caller, uow.now))[0]

    async def _answered(
        self, uow: UnitOfWork, approval: Approval, answer: SecondAnswer, request: AnswerRequest, caller: Caller
    ) -> Approval:
        """Store an answer that counts; after a yes, do what was asked for."""
        texts = approval.texts
        if answer is SecondAnswer.YES:
            texts = await self._texts(uow, approval, request.texts or 0, caller)
            await self.actions[approval.action].carry_out(uow, approval, self._opened(approval)[0], caller)
        place, sealer = aad.approval_answer(approval.id), self.deps.runtime.sealer
        why = None if request.reason is None else sealer.seal(approval.merchant_id, place, request.reason.encode())
        after = approval._replace(answer=answer, answered_by=caller.key_id, answered_at=uow.now, answer_reason=why)
        await store.save_answer(uow.db, after)
        is_yes = answer is SecondAnswer.YES
        deed = Deed(
            approval.merchant_id,
            AuditAction.APPROVAL_GIVEN if is_yes else AuditAction.APPROVAL_REFUSED,
            subject_of(approval),
            fields=(approval.action.value,),
            counts={"texts": texts},
            reason=request.reason,
        )
        self.deps.audit.record(uow, caller.actor, deed)
        return after

    async def _texts(self, uow: UnitOfWork, approval: Approval, shown: int, caller: Caller) -> int:
        """Return how many texts a yes lets go.

        Raises:
            HTTPProblem: 409 nothing is left to do, or there are many more texts than were shown.
        """
        texts = await self.actions[approval.action].texts(uow.db, caller.merchant, approval, uow.now)
        if texts is None:
            raise HTTPProblem(
                HTTPStatus.CONFLICT, "nothing_in_force", "it is over: what should be resumed is in force no longer"
            )
        if has_grown(texts, shown):
            raise HTTPProblem(
                HTTPStatus.CONFLICT,
                "more_texts",
                f"{texts} texts would go by now, not the {shown} that you were shown; say yes to that number",
            )
        return texts

    async def _answers(
        self, db: Transaction, found: Sequence[Approval], caller: Caller, now: datetime
    ) -> list[ApprovalAnswer]:
        return [
            ApprovalAnswer.of(
                approval,
                now,
                await self.actions[approval.action].texts(db, caller.merchant, approval, now)
                if approval.is_open(now)
                else None,
                self._opened(approval),
                is_own=approval.asked_by == caller.key_id,
                is_user=caller.actor.kind is ActorKind.USER and caller.may(_DOES),
            )
            for approval in found
        ]

    def _opened(self, approval: Approval) -> tuple[str, str | None]:
        """Return why it was asked and answered."""
        merchant, opened = approval.merchant_id, self.deps.runtime.sealer.open
        why = approval.answer_reason
        answered = None if why is None else opened(merchant, aad.approval_answer(approval.id), why).decode()
        return opened(merchant, aad.approval_reason(approval.id), approval.reason).decode(), answered
