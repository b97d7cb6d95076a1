"""The first user: made by whoever holds a one-time link, while there is no user, within a quarter of an hour.

The link is printed where the process was started, to a terminal only; elsewhere `followup users add` makes users.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from services.console.accounts import users as users_module
from services.console.accounts.account_log import browser_of, origin_of
from services.console.accounts.passwords import LONGEST_PASSWORD
from services.console.accounts.sessions import Sessions
from services.console.accounts.sign_in import SignIn, refuse_other_sites
from services.console.accounts.users import Users
from services.console.rendering import PageRenderer
from shared.audit import Actor, AuditAction
from shared.config.directory import MerchantDirectory
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.vocabulary.roles import Role

FIRST_USER: Final = "/console/first-user"
_LONGEST: Final = 200


class FirstUser:
    """Answers the page on which the first user is made; that user is an owner."""

    def __init__(
        self, sessions: Sessions, users: Users, sign_in: SignIn, renderer: PageRenderer, merchants: MerchantDirectory
    ) -> None:
        self._sessions = sessions
        self._users = users
        self._sign_in = sign_in
        self._renderer = renderer
        self._merchants = merchants

    async def ask(self, request: Request, code: Annotated[str, Query(max_length=_LONGEST)] = "") -> Response:
        """Answer the form, or that its link is no longer good."""
        if not await self._sessions.makes_first_user(code):
            return self._form(request, HTTPStatus.GONE, code="", name="", problem=None)
        return self._form(request, HTTPStatus.OK, code=code, name="", problem=None)

    async def make(
        self,
        request: Request,
        code: Annotated[str, Form(max_length=_LONGEST)] = "",
        merchant: Annotated[str, Form(max_length=_LONGEST)] = "",
        name: Annotated[str, Form(max_length=64)] = "",
        password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
    ) -> Response:
        """Make the first user and sign them in, or answer the form with what was wrong."""
        refuse_other_sites(request)
        if not await self._sessions.makes_first_user(code):
            return self._form(request, HTTPStatus.GONE, code="", name="", problem=None)
        chosen = self._merchants.get(merchant)
        if chosen is None:
            return self._form(request, HTTPStatus.UNPROCESSABLE_ENTITY, code=code, name=name, problem="Choose a shop.")
        try:
            user = await self._users.prepared(MerchantId(chosen.id), name, Role.OWNER, password)
        except HTTPProblem as problem:
            return self._form(request, problem.status, code=code, name=name, problem=_sentence(problem))

        origin = origin_of(request)

        async def work(uow: UnitOfWork) -> bool:
            if not await self._sessions.take_first_user_code(uow, code):
                return False
            await users_module.insert(uow, user)
            by, owner = Actor.named(f"user:{user.name}", origin), f"role {Role.OWNER}"
            of_link = AuditAction.USER_ADDED
            self._users.log.about_user(uow, by, user.merchant_id, of_link, user.name, fields=("link", owner))
            return True

        if not await self._users.units.run(work, WritePriority.INGEST):
            return self._form(request, HTTPStatus.GONE, code="", name="", problem=None)
        return self._sign_in.let_in(request, await self._sessions.open_for(user, origin, browser_of(request)))

    def _form(self, request: Request, status: HTTPStatus, **values: Any) -> Response:
        shops = [(merchant.id, merchant.config.brand) for merchant in self._merchants.merchants]
        return self._renderer.page(request, "first_user", {"shops": shops, **values}, status)

    def create_router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=FIRST_USER, include_in_schema=False)
        router.add_api_route("", self.ask)
        router.add_api_route("", self.make, methods=["POST"])
        return router


def _sentence(problem: HTTPProblem) -> str:
    words = problem.detail
    return f"{words[:1].upper()}{words[1:]}."
