"""Settings, Invitations: an owner makes one-time links for new users, sees what became of each, and withdraws them."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.console.accounts.account_log import origin_of
from services.console.accounts.invitations import INVITATION_HOURS, Invitations
from services.console.accounts.join import JOIN
from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceCalls
from services.console.page import ConsolePage
from services.console.pages.settings import PATH as SETTINGS
from services.console.pages.settings import require_owner, role_named
from services.console.rendering import PageRenderer, redirect
from services.console.words import ROLE_CHOICES, sentence
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.vocabulary.roles import Role

PATH: Final = f"{SETTINGS}/invitations"
_LONGEST: Final = 64
_STATES: Final = {
    "open": ("open", "wait"),
    "used": ("used", "good"),
    "withdrawn": ("withdrawn", ""),
    "expired": ("expired", ""),
    "inviter_gone": ("no longer good: whoever made it is no owner any more", "bad"),
    "shop_gone": ("no longer good: the shop is not here any more", "bad"),
    "role_gone": ("no longer good: there is no such role any more", "bad"),
}

_Word = Annotated[str, Form(max_length=_LONGEST)]


class InvitationPages(ConsolePage):
    """Answers the page, for owners who signed in by name.

    Args:
        calls: to the services.
        renderer: of the templates.
        invitations: of the console.
        public_url: at which people reach the console: what a link begins with.
    """

    place = "settings"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, invitations: Invitations, public_url: str) -> None:
        super().__init__(calls, renderer)
        self._invitations = invitations
        self._public_url = public_url

    async def ask(self, request: Request, person: SignedIn) -> Response:
        """Answer the form and the list.

        Raises:
            HTTPProblem: 403, no owner.
        """
        require_owner(person)
        return await self._page(request, person, {})

    async def make(self, request: Request, person: SignedIn, form_token: _Word = "", role: _Word = "") -> Response:
        """Make a link, and answer it: this once, for it is kept nowhere.

        Raises:
            HTTPProblem: 403, the form of another session, or no owner.
        """
        require_own_form(request, person, form_token)
        require_owner(person)
        try:
            chosen, by = role_named(role), person.actor(origin_of(request))
            code, made = await self._invitations.make(MerchantId(person.merchant.id), chosen, by)
        except HTTPProblem as problem:
            words = sentence(problem.errors[0].reason if problem.errors else problem.detail)
            return await self._page(request, person, {"problem": words, "chosen": role}, problem.status)
        link = f"{self._public_url}{JOIN}?code={code}"
        return await self._page(request, person, {"link": link, "link_role": chosen.value, "made": made})

    async def withdraw(
        self, request: Request, person: SignedIn, invitation_id: UUID, form_token: _Word = ""
    ) -> Response:
        """Withdraw an invitation.

        Raises:
            HTTPProblem: 403 the form of another session, or no owner; 404 there is none; 409 it was used.
        """
        require_own_form(request, person, form_token)
        require_owner(person)
        await self._invitations.withdraw(
            MerchantId(person.merchant.id), invitation_id, person.actor(origin_of(request))
        )
        return redirect(PATH)

    async def _page(
        self, request: Request, person: SignedInPerson, values: dict[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        shown = {
            "tab": "invitations",
            "invitations": await self._invitations.of_merchant(MerchantId(person.merchant.id)),
            "states": _STATES,
            "roles": ROLE_CHOICES,
            "hours": INVITATION_HOURS,
            "chosen": Role.SUPPORT.value,
            "problem": "",
            "link": "",
        }
        return self._show(request, person, "settings_invitations", shown | values, status)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.ask, response_model=None)
        router.add_api_route("", self.make, methods=["POST"], response_model=None)
        router.add_api_route("/{invitation_id}/withdraw", self.withdraw, methods=["POST"], response_model=None)
        return router
