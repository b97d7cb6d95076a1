"""`/console/invitations`: the operator's commands about invitations; no API key makes them."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.console.accounts.invitations import INVITATION_HOURS, Invitation, Invitations, InvitationState
from services.console.accounts.join import JOIN
from services.console.accounts.users_api import Operator
from shared.http.strict_json import StrictRoute
from shared.vocabulary.roles import Role


class InvitationRequest(BaseModel):
    """What the invited person may do."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"role": "support"}]})

    role: Annotated[Role, Field(strict=False)]


class InvitationAnswer(BaseModel):
    """An invitation, without its link."""

    invitation_id: UUID
    role: str
    state: InvitationState
    made_by: str = Field(description="`user:anna`, or `operator`.")
    made_at: datetime
    ends_at: datetime
    used_by: str = Field(description="The user that it made; empty if none.")

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationAnswer":
        """Return an invitation as it is shown."""
        stored = invitation.stored
        return cls(
            invitation_id=stored.invitation_id,
            role=stored.role,
            state=invitation.state,
            made_by=stored.made_by,
            made_at=stored.made_at,
            ends_at=stored.ends_at,
            used_by=stored.used_by,
        )


class NewInvitationAnswer(BaseModel):
    """An invitation that was just made; its link is shown this once."""

    invitation_id: UUID
    role: Role
    link: str
    hours: int
    ends_at: datetime


class InvitationsAnswer(BaseModel):
    """A merchant's invitations, the newest first; what has ended is listed for a week."""

    invitations: Sequence[InvitationAnswer]


class WithdrawnAnswer(BaseModel):
    """An invitation that makes no user any more."""

    invitation_id: UUID
    role: str


def create_router(invitations: Invitations, public_url: str) -> APIRouter:
    """Return the routes; links begin with the address at which people reach the console."""
    router = APIRouter(prefix="/console/invitations", tags=["console"], route_class=StrictRoute)

    @router.post("", status_code=HTTPStatus.CREATED, summary="Make a one-time link for a new user (operator)")
    async def invite(request: InvitationRequest, caller: Operator) -> NewInvitationAnswer:
        code, made = await invitations.make(caller.merchant.id, request.role, caller.actor)
        return NewInvitationAnswer(
            invitation_id=made.invitation_id,
            role=request.role,
            link=f"{public_url}{JOIN}?code={code}",
            hours=INVITATION_HOURS,
            ends_at=made.ends_at,
        )

    @router.get("", summary="List the invitations of a merchant (operator)")
    async def show(caller: Operator) -> InvitationsAnswer:
        found = await invitations.of_merchant(caller.merchant.id)
        return InvitationsAnswer(invitations=[InvitationAnswer.of(each) for each in found])

    @router.delete("/{invitation_id}", summary="Withdraw an invitation (operator)")
    async def withdraw(invitation_id: UUID, caller: Operator) -> WithdrawnAnswer:
        found = await invitations.withdraw(caller.merchant.id, invitation_id, caller.actor)
        return WithdrawnAnswer(invitation_id=found.invitation_id, role=found.role)

    return router
