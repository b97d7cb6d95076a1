"""`/console/users`: the operator's commands about users; no API key changes them."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.console.accounts import second_factor_store
from services.console.accounts.passwords import LONGEST_PASSWORD
from services.console.accounts.user_store import StoredUser
from services.console.accounts.users import Users
from shared.http.auth import Caller, RequiresOperator
from shared.http.strict_json import StrictRoute
from shared.vocabulary.roles import Role

Operator = Annotated[Caller, Depends(RequiresOperator("metrics:read"))]


class UserRequest(BaseModel):
    """A new user."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"name": "anna", "role": "support", "password": "seven quiet beans roast"}]},
    )

    name: str = Field(min_length=1, max_length=64)
    role: Annotated[Role, Field(strict=False)]
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class PasswordRequest(BaseModel):
    """Another password."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"password": "seven quiet beans roast"}]}
    )

    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class UserAnswer(BaseModel):
    """A user, without the password."""

    name: str
    role: Role
    made_at: datetime
    changed_at: datetime
    issuer: str | None = Field(description="The identity provider at which they sign in; null: with a password.")
    has_second_factor: bool = Field(description="Whether signing in takes a code of an authenticator app too.")

    @classmethod
    def of(cls, user: StoredUser, *, has_second_factor: bool = False) -> "UserAnswer":
        """Return a user as it is shown."""
        return cls(
            name=user.name,
            role=Role(user.role),
            made_at=user.made_at,
            changed_at=user.changed_at,
            issuer=user.issuer,
            has_second_factor=has_second_factor,
        )


class UsersAnswer(BaseModel):
    """A merchant's users."""

    users: Sequence[UserAnswer]


def create_router(users: Users) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/console/users", tags=["console"], route_class=StrictRoute)

    @router.post("", status_code=HTTPStatus.CREATED, summary="Add a user of the console (operator)")
    async def add(request: UserRequest, caller: Operator) -> UserAnswer:
        made = await users.add(caller.merchant.id, request.name, request.role, request.password, caller.actor)
        return UserAnswer.of(made)

    @router.get("", summary="List the users of a merchant (operator)")
    async def show(caller: Operator) -> UsersAnswer:
        merchant = caller.merchant.id
        found, having = await users.units.read(lambda db: second_factor_store.users_and_factors(db, merchant))
        return UsersAnswer(users=[UserAnswer.of(user, has_second_factor=user.name in having) for user in found])

    @router.post("/{name}/password", summary="Set another password; every session of the user ends (operator)")
    async def reset(name: str, request: PasswordRequest, caller: Operator) -> UserAnswer:
        return UserAnswer.of(await users.reset(caller.merchant.id, name, request.password, caller.actor))

    @router.delete("/{name}", summary="Remove a user; every session ends (operator)")
    async def remove(name: str, caller: Operator) -> UserAnswer:
        return UserAnswer.of(await users.remove(caller.merchant.id, name, caller.actor))

    return router
