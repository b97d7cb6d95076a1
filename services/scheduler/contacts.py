"""`/v1/contacts/{recipient_id}`: a person's number, masked; in clear for who may, each showing in the audit log."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.scheduler import view_store
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.runs.recipients import contact_of
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Unsealable
from shared.events.trigger import Contact
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem, not_found
from shared.http.strict_json import StrictRoute
from shared.ids import RecipientId
from shared.phone import E164, masked

_PATH: Final = "/v1/contacts/{recipient_id}"
_REVEALS: Final = "recipients:reveal"

Reader = Annotated[Caller, Depends(requires("follow-ups:read"))]


class MaskedContactAnswer(BaseModel):
    """How a person is shown: their number without its middle."""

    recipient_id: UUID
    to: str


class ClearContactAnswer(BaseModel):
    """A person's number and name in clear."""

    recipient_id: UUID
    to: str
    first_name: str | None
    last_name: str | None


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["people"], route_class=StrictRoute)
    contacts = ContactEndpoints(deps)
    router.get(_PATH, summary="Show a person's number, masked")(contacts.show)
    router.post(f"{_PATH}/reveal", summary="Show a person's number and name in clear")(contacts.reveal)
    return router


@dataclass(frozen=True, slots=True)
class ContactEndpoints:
    """Opens the contact data that came with a person's texts, for the caller's merchant."""

    deps: SchedulerDependencies

    async def show(self, recipient_id: UUID, caller: Reader) -> MaskedContactAnswer:
        """Show a number masked; 404 where no text to this person is kept any more."""
        contact = await self._contact(RecipientId(recipient_id), caller)
        return MaskedContactAnswer(recipient_id=recipient_id, to=masked(E164(contact.phone)))

    async def reveal(self, recipient_id: UUID, caller: Reader) -> ClearContactAnswer:
        """Show number and name in clear, for who has `recipients:reveal` too; it is entered before it is shown."""
        if not caller.may(_REVEALS):
            raise HTTPProblem(HTTPStatus.FORBIDDEN, "missing_scope", f"this takes the scope {_REVEALS} too")
        key = RecipientId(recipient_id)
        contact = await self._contact(key, caller)
        subject = AuditSubject(AuditSubjectKind.RECIPIENT, str(key))
        deed = Deed(caller.merchant.id, AuditAction.RECIPIENT_REVEALED, subject, recipient_id=key)

        async def work(uow: UnitOfWork) -> None:
            self.deps.audit.record(uow, caller.actor, deed)

        await self.deps.units.run(work, WritePriority.BATCHES)
        return ClearContactAnswer(
            recipient_id=recipient_id,
            to=contact.phone,
            first_name=contact.first_name,
            last_name=contact.last_name,
        )

    async def _contact(self, key: RecipientId, caller: Caller) -> Contact:
        merchant = caller.merchant.id
        sealed = await self.deps.units.read(lambda db: view_store.sealed_contact(db, merchant, key))
        if sealed is None:
            raise not_found("the contact of this person")
        try:
            return contact_of(self.deps.runtime.sealer, merchant, key, sealed)
        except Unsealable:
            raise not_found("the contact of this person") from None
