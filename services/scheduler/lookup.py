"""`POST /v1/recipients/lookup`: the id by which every other service is asked about the person at a number."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.scheduler import view_store
from services.scheduler.api_models import Input
from services.scheduler.caller_brake import CallerBrake
from services.scheduler.dependencies import SchedulerDependencies
from shared import phone
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller, requires
from shared.http.problems import unprocessable
from shared.http.strict_json import StrictRoute
from shared.phone import Unparsable
from shared.token_buckets import TokenBuckets

_PATH: Final = "/v1/recipients/lookup"

Reader = Annotated[Caller, Depends(requires("follow-ups:read"))]


class LookupRequest(Input):
    """The number of a person; in a body, so that it is in no URL and no log."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "+12125550123"}]},
    )

    to: str = Field(min_length=1, max_length=40)


class LookupAnswer(BaseModel):
    """Who the person at a number is to the merchant."""

    recipient_id: UUID
    is_known: bool
    """Whether the merchant ever had anything about this person: an event, a text, a consent."""


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["people"], route_class=StrictRoute)
    lookup = RecipientLookup(
        deps, CallerBrake(TokenBuckets(deps.runtime.clock), "too_many_lookups", "numbers were looked up")
    )
    router.post(_PATH, summary="Look up the recipient id of a number, which stays out of the URL")(lookup.find)
    return router


@dataclass(frozen=True, slots=True)
class RecipientLookup:
    """Finds people by their numbers, for the caller's merchant."""

    deps: SchedulerDependencies
    brake: CallerBrake

    async def find(self, request: LookupRequest, caller: Reader) -> LookupAnswer:
        """Return the recipient id of a number. Each lookup is an entry of the audit log, without the number."""
        number = phone.parse(request.to, caller.merchant.config.country)
        if isinstance(number, Unparsable):
            raise unprocessable("to", f"the number cannot be used: {number.reason}")
        self.brake.slow_down(caller)
        key = self.deps.runtime.sealer.recipient_id(caller.merchant.id, number)
        subject = AuditSubject(AuditSubjectKind.RECIPIENT, str(key))
        deed = Deed(caller.merchant.id, AuditAction.RECIPIENT_LOOKED_UP, subject, recipient_id=key)

        async def work(uow: UnitOfWork) -> bool:
            self.deps.audit.record(uow, caller.actor, deed)
            return await view_store.is_known(uow.db, key)

        is_known = await self.deps.units.run(work, WritePriority.BATCHES)
        return LookupAnswer(recipient_id=key, is_known=is_known)
