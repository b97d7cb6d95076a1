"""`POST /v1/follow-ups/cancel`: cancel several follow-ups, or all that one person still has, with a reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.scheduler import store, view_store
from services.scheduler.api_models import Input, one_line
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.lifecycle.follow_up import FollowUp
from services.scheduler.lifecycle.transitions import cancel
from shared.audit import ActorKind, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.config.model import Flag
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller, requires
from shared.http.strict_json import StrictRoute
from shared.ids import FollowUpId, RecipientId
from shared.vocabulary.follow_up_states import OPEN, FollowUpState

MOST_AT_ONCE: Final = 200
_REASON_CHARACTERS: Final = 500
_BY_A_KEY: Final = "api"
"""The reason of a follow-up that the merchant's own system cancelled."""
_BY_HAND: Final = "by_hand"
"""The reason of one that a person cancelled, at the console or by a command."""

Writer = Annotated[Caller, Depends(requires("follow-ups:write"))]


class CancelRequest(Input):
    """Which follow-ups to cancel: those of some ids, or of a person."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"follow_ups": ["018c0000-0000-7000-8000-0000000000d1"], "reason": "the offer is over", "dry_run": True}
            ]
        },
    )

    follow_ups: list[UUID] | None = Field(None, min_length=1, max_length=MOST_AT_ONCE)
    recipient: UUID | None = Field(None, description="All that this person still has, 200 at a time.")
    reason: Annotated[str, AfterValidator(one_line)] = Field(max_length=_REASON_CHARACTERS)
    dry_run: Annotated[Flag, Field(description="Only count; cancel nothing.")] = False

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.follow_ups is None) == (self.recipient is None):
            raise ValueError("name either follow_ups or recipient")
        return self


class CancelAnswer(BaseModel):
    """How many were cancelled; with `dry_run`, how many would be."""

    cancelled: int
    """These will not go."""
    under_way: int
    """Cancelled too, but released before that: they may be on their way all the same."""
    already_ended: int
    """Sent, cancelled or ended otherwise before; nothing was changed."""
    not_found: int
    left: bool
    """The person has more: ask again."""


def reason_of(caller: Caller) -> str:
    """Return the reason of a follow-up that this caller cancels."""
    return _BY_A_KEY if caller.actor.kind is ActorKind.API_KEY else _BY_HAND


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["follow-ups"], route_class=StrictRoute)
    router.post("/v1/follow-ups/cancel", summary="Cancel several follow-ups, or all of one person")(
        FollowUpCanceller(deps).change
    )
    return router


@dataclass(frozen=True, slots=True)
class FollowUpCanceller:
    """Cancels follow-ups of the caller's merchant."""

    deps: SchedulerDependencies

    async def change(self, request: CancelRequest, caller: Writer) -> CancelAnswer:
        """Cancel follow-ups and say what became of them; asking twice is asking once.

        Each that is cancelled is an entry of the audit log, with the reason. One that was released already may be on
        its way all the same, as with `DELETE /v1/follow-ups/{follow_up_id}`.
        """
        if request.dry_run:
            return await self.deps.units.read(partial(self._counted, request=request, caller=caller))
        return await self.deps.units.run(partial(self._cancel, request=request, caller=caller), WritePriority.INGEST)

    async def _counted(self, db: Transaction, *, request: CancelRequest, caller: Caller) -> CancelAnswer:
        wanted, left = await self._wanted(db, request, caller)
        found = await store.load(db, "id", wanted, lock=None)
        return _answer(len(wanted), _own(found.values(), caller), left=left)

    async def _cancel(self, uow: UnitOfWork, *, request: CancelRequest, caller: Caller) -> CancelAnswer:
        wanted, left = await self._wanted(uow.db, request, caller)
        own = _own((await store.load(uow.db, "id", wanted)).values(), caller)
        open_ones = [each for each in own if each.state in OPEN]
        await cancel(uow, open_ones, reason_of(caller), self.deps.settings.unconfirmed_after)
        for each in open_ones:
            subject = AuditSubject(AuditSubjectKind.FOLLOW_UP, str(each.id))
            deed = Deed(
                each.merchant_id,
                AuditAction.FOLLOW_UP_CANCELLED,
                subject,
                recipient_id=each.recipient_id,
                reason=request.reason,
            )
            self.deps.audit.record(uow, caller.actor, deed)
        return _answer(len(wanted), own, left=left)

    async def _wanted(self, db: Transaction, request: CancelRequest, caller: Caller) -> tuple[list[FollowUpId], bool]:
        """Return the ids that a request is about, in the order in which they are locked, and whether there are more."""
        if request.recipient is None:
            return sorted({FollowUpId(key) for key in request.follow_ups or ()}), False
        found = await view_store.open_ids(db, caller.merchant.id, RecipientId(request.recipient), MOST_AT_ONCE + 1)
        return sorted(found[:MOST_AT_ONCE]), len(found) > MOST_AT_ONCE


def _own(found: Iterable[FollowUp], caller: Caller) -> list[FollowUp]:
    return [each for each in found if each.merchant_id == caller.merchant.id]


def _answer(asked: int, own: list[FollowUp], *, left: bool) -> CancelAnswer:
    """Return how many there were of each kind, before anything was changed."""
    waiting = sum(each.state is FollowUpState.PENDING for each in own)
    released = sum(each.state is FollowUpState.RELEASED for each in own)
    return CancelAnswer(
        cancelled=waiting,
        under_way=released,
        already_ended=len(own) - waiting - released,
        not_found=asked - len(own),
        left=left,
    )
