"""The page of one's own sign-in: its second step, where one is signed in, and what the shop asks of everybody."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.console.accounts import totp
from services.console.accounts.account_log import origin_of
from services.console.accounts.current_password import CurrentPassword
from services.console.accounts.own_sessions import OwnSessions
from services.console.accounts.passwords import LONGEST_PASSWORD
from services.console.accounts.second_factors import Proposal, SecondFactors
from services.console.accounts.sessions import COOKIE, Sessions, SignedInPerson
from services.console.accounts.sign_in import SET_UP, SignedIn, require_own_form
from services.console.calls import ServiceCalls
from services.console.page import ConsolePage
from services.console.rendering import PageRenderer, redirect
from services.console.words import sentence
from shared.audit import Actor
from shared.http.problems import HTTPProblem, unprocessable
from shared.ids import MerchantId
from shared.vocabulary.roles import Role

_LONGEST_CODE: Final = 64
_LONGEST_SETUP: Final = 1_000

_Code = Annotated[str, Form(max_length=_LONGEST_CODE)]
_Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
_Setup = Annotated[str, Form(max_length=_LONGEST_SETUP)]
_Token = Annotated[str, Form(max_length=64)]


class OwnSignInPages(ConsolePage):
    """Answers the page, also for who must set up a second step before anything else.

    Args:
        calls: to the services.
        renderer: of the templates.
        current: checks a password before something is changed.
        factors: their second factors.
        own_sessions: where each is signed in.
    """

    place = "settings"

    def __init__(
        self,
        calls: ServiceCalls,
        renderer: PageRenderer,
        current: CurrentPassword,
        factors: SecondFactors,
        own_sessions: OwnSessions,
    ) -> None:
        super().__init__(calls, renderer)
        self._factors = factors
        self._own_sessions = own_sessions
        self._current = current

    async def show(self, request: Request, person: SignedIn) -> Response:
        """Answer the page."""
        return await self._page(request, person)

    async def set_up(
        self, request: Request, person: SignedIn, form_token: _Token = "", setup: _Setup = "", code: _Code = ""
    ) -> Response:
        """Turn two steps on, and show the recovery codes: this once.

        Raises:
            HTTPProblem: 403 the form of another session, or a session of an API key.
        """
        require_own_form(request, person, form_token)
        merchant, name, by = _user(request, person)
        proposal = self._factors.opened(merchant, name, setup)
        try:
            if proposal is None:
                raise unprocessable("code", "this page is too old; add the new key below to your app")
            codes = await self._factors.set_up(merchant, name, proposal, code, by)
        except HTTPProblem as problem:
            return await self._page(request, person, problem, proposal)
        return redirect(SET_UP) if codes is None else self._codes(request, person, codes)

    async def remove(
        self, request: Request, person: SignedIn, form_token: _Token = "", current: _Password = ""
    ) -> Response:
        """Turn two steps off, with the password.

        Raises:
            HTTPProblem: 403 the form of another session, or a session of an API key.
        """
        require_own_form(request, person, form_token)
        merchant, name, by = _user(request, person)
        try:
            await self._current.require(name, current, "remove")
            await self._factors.remove(merchant, name, by)
        except HTTPProblem as problem:
            return await self._page(request, person, problem)
        return redirect(SET_UP)

    async def renew_codes(
        self, request: Request, person: SignedIn, form_token: _Token = "", current: _Password = ""
    ) -> Response:
        """Show fresh recovery codes, with the password: this once.

        Raises:
            HTTPProblem: 403 the form of another session, or a session of an API key; 404 there is no second step.
        """
        require_own_form(request, person, form_token)
        merchant, name, by = _user(request, person)
        try:
            await self._current.require(name, current, "renew")
        except HTTPProblem as problem:
            return await self._page(request, person, problem)
        return self._codes(request, person, await self._factors.renew_codes(merchant, name, by))

    async def require(
        self, request: Request, person: SignedIn, form_token: _Token = "", required: _Token = ""
    ) -> Response:
        """Ask everybody of the shop for two steps, or no longer.

        Raises:
            HTTPProblem: 403 the form of another session, or no owner; 409 the owner has no second step.
        """
        require_own_form(request, person, form_token)
        merchant, name, by = _user(request, person)
        if person.role is not Role.OWNER or person.has_to_set_up:
            raise HTTPProblem(HTTPStatus.FORBIDDEN, "owners_only", "only an owner decides for everybody of the shop")
        await self._factors.require(merchant, name, by, is_required=required == "yes")
        return redirect(SET_UP)

    async def end_session(
        self, request: Request, person: SignedIn, form_token: _Token = "", session: _Token = ""
    ) -> Response:
        """End one other session of one's own.

        Raises:
            HTTPProblem: 403 the form of another session, or a session of an API key; 404 they have no such session.
        """
        require_own_form(request, person, form_token)
        merchant, name, by = _user(request, person)
        await self._own_sessions.end(merchant, name, session, by)
        return redirect(SET_UP)

    async def end_others(self, request: Request, person: SignedIn, form_token: _Token = "") -> Response:
        """End every session of one's own but this one.

        Raises:
            HTTPProblem: 403, the form of another session, or a session of an API key.
        """
        require_own_form(request, person, form_token)
        merchant, name, by = _user(request, person)
        await self._own_sessions.end_others(merchant, name, _cookie(request), by)
        return redirect(SET_UP)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        problem: HTTPProblem | None = None,
        proposal: Proposal | None = None,
    ) -> Response:
        values: dict[str, Any] = {"tab": "sign-in", "state": None, "proposal": None, "field": "", "problem": ""}
        if person.role is not None:
            merchant, name, _ = _user(request, person)
            state = await self._factors.state(merchant, name)
            values |= {"state": state, "sessions": await self._own_sessions.newest(name, _cookie(request))}
            if state.made_at is None:
                shown = proposal or self._factors.proposed(merchant, name)
                address = totp.address_of(shown.secret, name, person.merchant.config.brand)
                values |= {"proposal": shown, "key": totp.in_groups(shown.secret), "address": address}
        if problem is not None:
            values["field"] = problem.errors[0].field if problem.errors else "remove"
            values["problem"] = sentence(problem.errors[0].reason if problem.errors else problem.detail)
        status = problem.status if problem is not None else HTTPStatus.OK
        return self._show(request, person, "settings_sign_in", values, status)

    def _codes(self, request: Request, person: SignedInPerson, codes: Sequence[str]) -> Response:
        return self._show(request, person, "settings_codes", {"tab": "sign-in", "codes": codes})

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(SET_UP, sessions, also_unfinished=True)
        router.add_api_route("", self.show, response_model=None)
        router.add_api_route("/two-steps", self.set_up, methods=["POST"], response_model=None)
        router.add_api_route("/two-steps/remove", self.remove, methods=["POST"], response_model=None)
        router.add_api_route("/two-steps/codes", self.renew_codes, methods=["POST"], response_model=None)
        router.add_api_route("/two-steps/rule", self.require, methods=["POST"], response_model=None)
        router.add_api_route("/sessions/end", self.end_session, methods=["POST"], response_model=None)
        router.add_api_route("/sessions/end-others", self.end_others, methods=["POST"], response_model=None)
        return router


def _cookie(request: Request) -> str:
    """Return the cookie of the session that a page is asked for with."""
    return request.cookies.get(COOKIE, "")


def _user(request: Request, person: SignedInPerson) -> tuple[MerchantId, str, Actor]:
    """Return who changes their own sign-in.

    Raises:
        HTTPProblem: 403, an API key: it has no sign-in of its own.
    """
    if person.role is None:
        raise HTTPProblem(HTTPStatus.FORBIDDEN, "no_user", "you signed in with an API key; it has no second step")
    name = person.name.removeprefix("user:")
    return MerchantId(person.merchant.id), name, person.actor(origin_of(request))
