"""The page that an invitation leads to: whoever holds its link chooses a name and a password, and is signed in."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from services.console.accounts.account_log import browser_of, origin_of
from services.console.accounts.invitations import INVITATION_HOURS, Invitation, Invitations, InvitationState
from services.console.accounts.passwords import LONGEST_PASSWORD
from services.console.accounts.sessions import COOKIE, Sessions
from services.console.accounts.sign_in import SignIn, address_of, refuse_other_sites
from services.console.accounts.user_store import StoredUser
from services.console.accounts.users import Users
from services.console.identity.sign_in import BY_IDENTITY, IdentitySignIn
from services.console.rendering import PageRenderer
from services.console.words import ROLE_WORDS, sentence
from shared.audit import AddressClass
from shared.clock import Clock
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.guess_throttle import GuessThrottle
from shared.http.problems import HTTPProblem

JOIN: Final = "/console/join"
_LONGEST: Final = 200
_REFUSALS: Final = {
    InvitationState.USED: (
        "This invitation was used",
        "It made one user, and makes no second. If that was you, sign in. If not, tell an owner of the shop at once.",
    ),
    InvitationState.WITHDRAWN: ("This invitation was withdrawn", "Ask an owner of the shop for another."),
    InvitationState.EXPIRED: (
        "This invitation has expired",
        f"It was good for {INVITATION_HOURS} hours. Ask an owner of the shop for another.",
    ),
    InvitationState.INVITER_GONE: (
        "This invitation is no longer good",
        "Whoever made it is no owner of the shop any more. Ask another owner for an invitation of theirs.",
    ),
    InvitationState.ROLE_GONE: (
        "This invitation is no longer good",
        "The role it was made for is not there any more. Ask an owner of the shop for another.",
    ),
    InvitationState.SHOP_GONE: (
        "This invitation is no longer good",
        "The shop it was made for is not here any more. Ask whoever runs this console.",
    ),
}
_UNKNOWN: Final = (
    "There is no such invitation",
    "Copy the whole link: its end is easily lost. Old ones are forgotten; ask an owner of the shop for another.",
)
_BRAKED: Final = ("Too many attempts", "Wait a minute, and open the link again.")


class Join:
    """Answers the page; it needs no session, and uses nothing up by being opened.

    Args:
        invitations: that were made.
        sessions: of this process.
        users: of the console.
        sign_in: lets the new user in.
        renderer: of the page.
        clock: for the limit on wrong links.
        identity: the way through the identity provider, if there is one.
    """

    def __init__(
        self,
        invitations: Invitations,
        sessions: Sessions,
        users: Users,
        sign_in: SignIn,
        renderer: PageRenderer,
        clock: Clock,
        identity: IdentitySignIn | None = None,
    ) -> None:
        self._invitations = invitations
        self._sessions = sessions
        self._users = users
        self._sign_in = sign_in
        self._renderer = renderer
        self._throttle = GuessThrottle(clock)
        self._identity = identity

    async def ask(self, request: Request, code: Annotated[str, Query(max_length=_LONGEST)] = "") -> Response:
        """Answer the form, or why the link is not good."""
        found = await self._opened(request, code)
        return found if isinstance(found, Response) else self._form(request, found, HTTPStatus.OK, code=code)

    async def join(
        self,
        request: Request,
        code: Annotated[str, Form(max_length=_LONGEST)] = "",
        name: Annotated[str, Form(max_length=64)] = "",
        password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
        by: Annotated[str, Form(max_length=_LONGEST)] = "",
    ) -> Response:
        """Make the user and sign them in, or answer the form with what was wrong.

        Whoever presses the identity provider's button needs no password, and becomes a user when they come back.
        """
        refuse_other_sites(request)
        found = await self._opened(request, code)
        if isinstance(found, Response):
            return found
        try:
            if by == BY_IDENTITY and self._identity is not None:
                return await self._identity.begin_joining(request, code, await self._users.free_name(name))
            user = await self._users.prepared(found.stored.merchant_id, name, found.role, password)
            state = await self._users.units.run(
                partial(self._taken, code, user, origin_of(request)), WritePriority.INGEST
            )
        except HTTPProblem as problem:
            field = problem.errors[0].field if problem.errors else "name"
            words = sentence(problem.errors[0].reason if problem.errors else problem.detail)
            return self._form(request, found, problem.status, code=code, name=name, field=field, problem=words)
        if state is not InvitationState.OPEN:
            return self._refusal(request, state)
        await self._sessions.end(request.cookies.get(COOKIE))
        return self._sign_in.let_in(
            request, await self._sessions.open_for(user, origin_of(request), browser_of(request))
        )

    async def _taken(
        self, code: str, user: StoredUser, origin: AddressClass, uow: UnitOfWork
    ) -> InvitationState | None:
        return await self._invitations.take(uow, code, user, origin)

    async def _opened(self, request: Request, code: str) -> Invitation | Response:
        """Return the invitation of a link that is good, or the page that says why it is not."""
        address = f"address {address_of(request)}"
        if wait := self._throttle.wait_seconds(address):
            braked = self._lonely(request, _BRAKED, HTTPStatus.TOO_MANY_REQUESTS)
            braked.headers["Retry-After"] = str(int(wait) + 1)
            return braked
        found = await self._invitations.opened(code)
        if found is None:
            self._throttle.wrong(address)
            return self._refusal(request, None)
        return found if found.state is InvitationState.OPEN else self._refusal(request, found.state)

    def _form(
        self,
        request: Request,
        found: Invitation,
        status: HTTPStatus,
        *,
        code: str,
        name: str = "",
        field: str = "",
        problem: str = "",
    ) -> Response:
        values: dict[str, Any] = {
            "code": code,
            "brand": found.merchant.config.brand if found.merchant is not None else found.stored.merchant_id,
            "role": found.role.value,
            "role_words": ROLE_WORDS[found.role],
            "name": name,
            "field": field,
            "problem": problem,
        }
        return self._renderer.page(request, "join", values, status)

    def _refusal(self, request: Request, state: InvitationState | None) -> Response:
        words, status = (_UNKNOWN, HTTPStatus.NOT_FOUND) if state is None else (_REFUSALS[state], HTTPStatus.GONE)
        return self._lonely(request, words, status)

    def _lonely(self, request: Request, words: tuple[str, str], status: HTTPStatus) -> Response:
        title, explanation = words
        return self._renderer.page(request, "refused", {"title": title, "words": explanation}, status)

    def create_router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=JOIN, include_in_schema=False)
        router.add_api_route("", self.ask)
        router.add_api_route("", self.join, methods=["POST"])
        return router
